import { existsSync, readFileSync } from 'node:fs';
import { Html, html } from '../http/html.js';

/** The demo's address in the guides, which is replaced by the address of this service. */
const DEMO_URL = 'http://localhost:3000';

export const SERVICE_ACCOUNT_GUIDE = '/guides/service-accounts';

/** What the build rendered, for the compiled file and for the tests, which run the sources. */
const RENDERED = ['../../guides.json', '../../dist/guides.json'];

export interface Guide {
  title: string;
  body: Html;
}

/** Reads the guides for this service, by the names of their pages under /guides. */
export function readGuides(publicUrl: string): Map<string, Guide> {
  const file = RENDERED.map((path) => new URL(path, import.meta.url)).find((url) => existsSync(url));
  if (!file) throw new Error('The guides are not rendered: run npm run build.');
  const rendered = JSON.parse(readFileSync(file, 'utf8')) as Record<string, { title: string; body: string }>;
  const address = html`${publicUrl}`.text;
  return new Map(
    Object.entries(rendered).map(([name, { title, body }]) => [
      name,
      { title, body: new Html(body.replaceAll(DEMO_URL, () => address)) },
    ]),
  );
}
