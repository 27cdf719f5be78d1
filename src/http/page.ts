import { createHash } from 'node:crypto';
import type { FastifyReply } from 'fastify';

/** HTML that is inserted into a page without escaping. */
export class Html {
  constructor(readonly text: string) {}
}

/** A template tag that escapes its values, except `Html` and arrays of it. */
export function html(parts: TemplateStringsArray, ...values: unknown[]): Html {
  // Attributes keep the characters that `DIRECTIONS` removes elsewhere: a form must send back the value that it was
  // given.
  const texts = values.map((value, index) => toHtml(value, parts[index]!.endsWith('="')));
  return new Html(String.raw({ raw: parts }, ...texts));
}

/**
 * Characters that change the direction of the text after them: a client's name could make its organization's name
 * unreadable.
 */
const DIRECTIONS = /[\u202a-\u202e\u2066-\u2069]/g;

function toHtml(value: unknown, isAttribute = false): string {
  if (value instanceof Html) return value.text;
  if (Array.isArray(value)) return value.map((one) => toHtml(one)).join('');
  const text = String(value ?? '');
  return (isAttribute ? text : text.replace(DIRECTIONS, '')).replace(
    /[&<>"']/g,
    (character) => `&#${character.charCodeAt(0)};`,
  );
}

const STYLE = `
:root { color-scheme: light dark; --ink: #1c2430; --paper: #f6f7f9; --card: #fff; --line: #dde2e9; --soft: #5d6878; --accent: #1f5fbf; --alert: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8ecf2; --paper: #14181f; --card: #1d232d; --line: #323b49; --soft: #9aa6b8; --accent: #7fb0ff; --alert: #ff8a80; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; grid-template-columns: minmax(0, 1fr); place-items: center; overflow-wrap: anywhere; padding: 1.5rem; background: var(--paper); color: var(--ink); font: 1rem/1.55 system-ui, sans-serif; }
main { width: min(100%, 34rem); padding: 2rem; background: var(--card); border: 1px solid var(--line); border-radius: .75rem; }
h1 { margin: 0 0 .75rem; font-size: 1.4rem; line-height: 1.25; }
h2 { margin: 2rem 0 .5rem; font-size: 1.15rem; line-height: 1.3; }
h3 { margin: 1.5rem 0 .5rem; font-size: 1rem; }
p, dl, ul { margin: 0 0 1rem; }
ul { padding-left: 1.25rem; }
dt { color: var(--soft); font-size: .875rem; }
dd { margin: 0 0 .6rem; }
a { color: var(--accent); }
code { font-size: .9em; }
main:has(pre) { width: min(100%, 54rem); }
pre { margin: 0 0 1rem; padding: .8rem 1rem; overflow-x: auto; background: var(--paper); border: 1px solid var(--line); border-radius: .4rem; line-height: 1.45; }
pre code { font-size: .8125rem; overflow-wrap: normal; }
table { width: 100%; margin: 0 0 1rem; border-collapse: collapse; }
th, td { padding: .4rem .6rem .4rem 0; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
pre:focus-visible { outline: 3px solid var(--accent); }
button { padding: .55rem 1.1rem; border: 0; border-radius: .4rem; background: var(--accent); color: var(--card); font: inherit; cursor: pointer; }
label { display: block; margin: 0 0 1rem; color: var(--soft); font-size: .875rem; }
input { display: block; width: 100%; margin-top: .25rem; padding: .55rem .7rem; border: 1px solid var(--line); border-radius: .4rem; background: var(--paper); color: var(--ink); font: inherit; font-size: 1rem; }
button + button.quiet { margin-left: 1.25rem; }
.settling { animation: settle .6s; }
@keyframes settle { from, to { pointer-events: none; } }
button.quiet { padding-inline: 0; background: none; color: var(--accent); text-align: left; }
[role=alert] { color: var(--alert); }
button:focus-visible, a:focus-visible, input:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
small { color: var(--soft); }
h2 { margin: 1.75rem 0 .5rem; font-size: 1.05rem; }
mark { padding: .1rem .5rem; border: 1px solid currentColor; border-radius: 1rem; background: none; color: var(--accent); font-size: .75rem; white-space: nowrap; }
ul.codes { columns: 2; }
.cards { margin: 0; padding: 0; list-style: none; }
.cards li { display: flex; align-items: center; gap: 1rem; padding: .75rem 0; border-top: 1px solid var(--line); }
.cards div { flex: 1; min-width: 0; overflow-wrap: anywhere; }
.cards small { display: block; }
.cards button { min-height: 2.75rem; padding-inline: 1.1rem; border: 1px solid var(--line); }
:last-child { margin-bottom: 0; }
`;

const STYLE_HASH = createHash('sha256').update(STYLE).digest('base64');

function contentSecurityPolicy({ formTargets = [], frameAncestor, scripts = [] }: PageOptions): string {
  return [
    "default-src 'none'",
    // For this site's icon, /favicon.ico.
    "img-src 'self'",
    `style-src 'sha256-${STYLE_HASH}'`,
    ...(scripts.length > 0 ? ["script-src 'self'"] : []),
    ["form-action 'self'", ...formTargets].join(' '),
    `frame-ancestors ${frameAncestor ?? "'none'"}`,
    "base-uri 'none'",
  ].join('; ');
}

export interface PageOptions {
  referrerPolicy?: 'no-referrer' | 'same-origin';
  /**
   * Where redirects after the page's form may lead, beside this site: origins, or schemes such as `com.example.app:`.
   */
  formTargets?: string[];
  /** The origin whose pages may frame this one, or `'self'` with its quotes. Without it, no page may. */
  frameAncestor?: string | null;
  /** The paths of the page's scripts, which are ours. */
  scripts?: readonly string[];
  /**
   * Lets browsers without `Sec-Fetch-Site` send the page's origin with its form, but never its full address. Without it
   * they send `Origin: null`, because the page has no referrer.
   */
  hasForm?: boolean;
}

/**
 * Builds a page. Unless the options say otherwise, it runs no script, loads only the site's icon, can't be framed and
 * is not cached.
 */
export function pageOf(
  title: string,
  body: Html,
  options: PageOptions = {},
): { text: string; headers: Record<string, string> } {
  // The style's hash covers every character between the tags.
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
${
  options.hasForm
    ? html`<meta name="referrer" content="strict-origin">
`
    : ''
}<style>${new Html(STYLE)}</style>
${(options.scripts ?? []).map(
  (path) => html`<script src="${path}" defer></script>
`,
)}</head>
<body><main><h1>${title}</h1>${body}</main></body>
</html>
`;
  const headers = {
    'Content-Type': 'text/html; charset=utf-8',
    'Content-Security-Policy': contentSecurityPolicy(options),
    'Cache-Control': 'no-store',
    'Referrer-Policy': options.referrerPolicy ?? 'no-referrer',
    ...(options.frameAncestor ? {} : { 'X-Frame-Options': 'DENY' }),
  };
  return { text: page.text, headers };
}

/** Sends a page. By default its address is never sent as a referrer, because it may hold a token. */
export function sendPage(reply: FastifyReply, status: number, title: string, body: Html, options?: PageOptions): void {
  const { text, headers } = pageOf(title, body, options);
  void reply.status(status).headers(headers).send(text);
}
