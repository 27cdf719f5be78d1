import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { Settings } from '../config/settings.js';
import { Html, html, say } from './html.js';
import { languageOf } from './language.js';
import type { Language } from './language.js';
import { pageStyle } from './page-style.js';

declare module 'fastify' {
  interface FastifyInstance {
    pageDesign: PageDesign;
  }
}

/** What all pages of the service share: their style, and the brand and help of the operator. */
export class PageDesign {
  readonly service: string;
  readonly style: Html;
  /** The style's hash for the Content-Security-Policy. It covers every character between the tags. */
  readonly styleHash: string;
  /** The logo and the name above each page. */
  readonly header: Html;
  readonly hasLogo: boolean;
  /** Where users get help: a link. */
  readonly help: Html | null;
  /** The end of a page's title. */
  readonly titleEnd: string;
  readonly languageCookie: { name: string; secure: boolean };

  constructor({ BRAND_NAME, BRAND_HELP, serviceName, logo, brandColors, isHttps }: Settings) {
    const style = pageStyle(brandColors);
    this.service = serviceName;
    this.style = new Html(style);
    this.styleHash = createHash('sha256').update(style).digest('base64');
    this.hasLogo = logo !== undefined;
    this.header = headerOf(BRAND_NAME, logo);
    this.help = BRAND_HELP === undefined ? null : helpLink(BRAND_HELP);
    this.titleEnd = BRAND_NAME === undefined ? '' : ` – ${BRAND_NAME}`;
    this.languageCookie = { name: `${isHttps ? '__Host-' : ''}latchkey_language`, secure: isHttps };
  }

  languageOf(headers: IncomingHttpHeaders, asked?: string): Language {
    return languageOf(headers, this.languageCookie.name, asked);
  }

  /** Asks the reader of an error page to give the request's ID to whoever can help. */
  quote(requestId: unknown): Html {
    const id = html`<code>${requestId}</code>`;
    return this.help ? say('quoteRequestTo', { help: this.help, id }) : say('quoteRequest', { id });
  }
}

function headerOf(name: string | undefined, logo: string | undefined): Html {
  if (name === undefined) return html``;
  return html`<header>${logo === undefined ? name : html`<img src="${logo}" alt="${name}">`}</header>`;
}

function helpLink(help: string): Html {
  const isUrl = help.includes('://');
  return html`<a href="${isUrl ? help : `mailto:${help}`}" target="_top">${isUrl ? new URL(help).host : help}</a>`;
}
