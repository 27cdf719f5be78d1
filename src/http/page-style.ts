import type { BrandColors } from '../config/brand.js';

/**
 * The style of all pages, with the colours of the console. It is a part of each page, because a page can be shown at an
 * address of another site, where we serve no files.
 */
export function pageStyle({ light, dark }: BrandColors): string {
  return `
:root { color-scheme: light dark; --ink: light-dark(#1c2430, #e8ecf2); --soft: light-dark(#566072, #a3aebd); --paper: light-dark(#f3f5f8, #14181f); --card: light-dark(#fff, #1d232d); --line: light-dark(#d5dbe4, #37414f); --accent: light-dark(${light}, ${dark}); --on-accent: light-dark(#fff, #10151c); --alert: light-dark(#b3261e, #ff8a80); --radius: .4rem; }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; grid-template-columns: minmax(0, 1fr); place-content: center; place-items: center; gap: 1.25rem; overflow-wrap: anywhere; padding: 1.5rem; background: var(--paper); color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; }
header, main, footer { width: min(100%, 34rem); }
header { font-size: 1.15rem; font-weight: 600; }
header img { display: block; max-width: 100%; height: 2.75rem; object-fit: contain; object-position: left; }
main { padding: clamp(1.25rem, 6vw, 2rem); background: var(--card); border: 1px solid var(--line); border-radius: .75rem; }
h1 { margin: 0 0 .75rem; font-size: 1.5rem; line-height: 1.25; }
h2 { margin: 2rem 0 .5rem; font-size: 1.15rem; line-height: 1.3; }
h3 { margin: 1.5rem 0 .5rem; font-size: 1rem; }
p, dl, ul { margin: 0 0 1rem; }
ul { padding-left: 1.25rem; }
dt { color: var(--soft); font-size: .875rem; }
dd { margin: 0 0 .6rem; }
a { color: var(--accent); }
code { font-size: .9em; }
main:has(pre) { width: min(100%, 54rem); }
pre { margin: 0 0 1rem; padding: .8rem 1rem; overflow-x: auto; background: var(--paper); border: 1px solid var(--line); border-radius: var(--radius); line-height: 1.45; }
pre code { font-size: .8125rem; overflow-wrap: normal; }
table { width: 100%; margin: 0 0 1rem; border-collapse: collapse; }
th, td { padding: .4rem .6rem .4rem 0; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
button { min-height: 2.75rem; padding: .4rem 1.1rem; border: 1px solid var(--accent); border-radius: var(--radius); background: var(--accent); color: var(--on-accent); font: inherit; cursor: pointer; }
button:disabled { cursor: default; opacity: .6; }
label { display: block; margin: 0 0 1rem; color: var(--soft); font-size: .875rem; }
input { display: block; width: 100%; min-height: 2.75rem; margin-top: .25rem; padding: .4rem .7rem; border: 1px solid var(--line); border-radius: var(--radius); background: var(--paper); color: var(--ink); font: inherit; font-size: 1rem; }
.settling { animation: settle .6s; }
@keyframes settle { from, to { pointer-events: none; } }
button.quiet { border-color: transparent; background: none; color: var(--accent); text-align: left; }
p > button.quiet { padding-inline: 0; }
form:has(> button + button.quiet) { display: flex; flex-wrap: wrap; gap: .5rem .75rem; margin-bottom: 1rem; }
button + button.quiet { border-color: var(--line); }
[role=alert] { color: var(--alert); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
small { color: var(--soft); }
mark { padding: .1rem .5rem; border: 1px solid currentColor; border-radius: 1rem; background: none; color: var(--accent); font-size: .75rem; white-space: nowrap; }
ul.codes { columns: 2; }
.cards { margin: 0; padding: 0; list-style: none; }
.cards li { display: flex; flex-wrap: wrap; align-items: center; gap: .5rem 1rem; padding: .75rem 0; border-top: 1px solid var(--line); }
.cards div { flex: 1 1 10rem; min-width: 0; overflow-wrap: anywhere; }
.cards small { display: block; }
.cards button { border-color: var(--line); }
:last-child, form > p:last-of-type { margin-bottom: 0; }
footer { color: var(--soft); font-size: .875rem; }
form + form, form + p { margin-top: 1rem; }
footer form { display: flex; flex-wrap: wrap; gap: 0 .25rem; margin-inline: -.5rem; }
footer button { min-height: 2.5rem; padding: .25rem .5rem; border: 0; background: none; color: var(--accent); }
footer button[aria-current] { color: var(--ink); text-decoration: underline; text-underline-offset: .3em; }
`;
}
