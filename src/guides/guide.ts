import { readFileSync } from 'node:fs';
import { Html, html } from '../http/page.js';

/** The demo's address in the guide, which is replaced by the address of this service. */
const DEMO_URL = 'http://localhost:3000';

export const SERVICE_ACCOUNT_GUIDE = '/guides/service-accounts';

/** The pages under /guides, by the names of their files in docs. */
export const GUIDES = ['service-accounts', 'php', 'java'] as const;

export type GuideName = (typeof GUIDES)[number];

export interface Guide {
  title: string;
  body: Html;
}

/** Reads a guide for this service. The files are in docs, beside src and two levels above the compiled file. */
export function readGuide(name: GuideName, publicUrl: string): Guide {
  const text = readFirst([`../../docs/${name}.md`, `../../../docs/${name}.md`]).replaceAll(DEMO_URL, publicUrl);
  const [first, ...rest] = blocksOf(text);
  return { title: first!.replace('# ', ''), body: html`${rest.map(toHtml)}` };
}

function readFirst(paths: string[]): string {
  for (const path of paths) {
    try {
      return readFileSync(new URL(path, import.meta.url), 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
  throw new Error(`There is no ${paths[0]}.`);
}

/** Splits text at empty lines. A code block stays in one piece. */
function blocksOf(text: string): string[] {
  return text
    .split(/^(```\w*\n[^]*?\n```)$/m)
    .flatMap((part) => (part.startsWith('```') ? part : part.split(/\n{2,}/)))
    .map((block) => block.trim())
    .filter((block) => block !== '');
}

/** Converts the Markdown that the guides use. */
function toHtml(block: string): Html {
  const [, code] = /^```\w*\n([^]*)\n```$/.exec(block) ?? [];
  if (code !== undefined) return html`<pre tabindex="0"><code>${code}</code></pre>`;
  const [, marks, heading] = /^(##+) (.*)$/.exec(block) ?? [];
  if (heading) return marks === '##' ? html`<h2>${inline(heading)}</h2>` : html`<h3>${inline(heading)}</h3>`;
  if (block.startsWith('- '))
    return html`<ul>${block
      .slice(2)
      .split('\n- ')
      .map((item) => html`<li>${inline(item)}</li>`)}</ul>`;
  if (block.startsWith('|')) return table(block.split('\n'));
  return html`<p>${inline(block)}</p>`;
}

function table([head, , ...rows]: string[]): Html {
  return html`<table>
    <thead><tr>${cells(head!).map((cell) => html`<th>${inline(cell)}</th>`)}</tr></thead>
    <tbody>${rows.map((row) => html`<tr>${cells(row).map((cell) => html`<td>${inline(cell)}</td>`)}</tr>`)}</tbody>
  </table>`;
}

function cells(row: string): string[] {
  return row
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim());
}

function inline(text: string): Html[] {
  return text.split(/(\[[^\]]+\]\([^)]+\)|`[^`]+`)/).map((part) => {
    const [, label, file] = /^\[([^\]]+)\]\(([\w-]+)\.md/.exec(part) ?? [];
    if (label) return link(inline(label), file!);
    return part.startsWith('`') ? html`<code>${part.slice(1, -1)}</code>` : html`${part}`;
  });
}

/** A link. Other documents of the repository are not served. */
function link(label: Html[], file: string): Html {
  return (GUIDES as readonly string[]).includes(file) ? html`<a href="/guides/${file}">${label}</a>` : html`${label}`;
}
