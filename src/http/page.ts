import type { FastifyReply } from 'fastify';
import { html, say } from './html.js';
import type { Html } from './html.js';
import { LANGUAGE_FIELD } from './language-choice.js';
import { LANGUAGE_NAMES, LANGUAGES } from './language.js';
import type { Language } from './language.js';
import type { PageDesign } from './page-design.js';

function contentSecurityPolicy(
  { styleHash, hasLogo }: PageDesign,
  { formTargets = [], frameAncestor, scripts = [] }: PageOptions,
): string {
  return [
    "default-src 'none'",
    // For this site's icon, /favicon.ico. The logo is a part of the page.
    `img-src 'self'${hasLogo ? ' data:' : ''}`,
    `style-src 'sha256-${styleHash}'`,
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
  /** The page is shown at an address of another site. It can't be shown in another language there. */
  isOnOtherSite?: boolean;
  /** The only language that the page exists in. */
  onlyIn?: Language;
  /** The languages that an application asks for (`ui_locales`), unless the visitor has chosen one. */
  uiLocales?: string;
}

/** What `formTargets` names for an address: its origin, or the scheme of one without an origin. */
export function formTargetOf(address: string): string {
  const { origin, protocol } = new URL(address);
  return origin === 'null' ? protocol : origin;
}

/** How a page looks, and for whom. */
export interface PageSetting {
  design: PageDesign;
  language: Language;
  /** Whether the page offers other languages, in which its own address then shows it. */
  offersLanguages?: boolean;
}

/**
 * Builds a page. Unless the options say otherwise, it runs no script, loads only the site's icon, can't be framed and
 * is not cached.
 */
export function pageOf(
  title: Html,
  body: Html,
  { design, language, offersLanguages = false }: PageSetting,
  options: PageOptions = {},
): { text: string; headers: Record<string, string> } {
  const page = html`<!doctype html>
<html lang="${language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}${design.titleEnd}</title>
${
  options.hasForm
    ? html`<meta name="referrer" content="strict-origin">
`
    : ''
}<style>${design.style}</style>
${(options.scripts ?? []).map(
  (path) => html`<script src="${path}" defer></script>
`,
)}</head>
<body>${design.header}<main><h1>${title}</h1>${body}</main>${footer(design, language, offersLanguages)}</body>
</html>
`;
  const headers = {
    'Content-Type': 'text/html; charset=utf-8',
    'Content-Language': language,
    Vary: 'Accept-Language, Cookie',
    'Content-Security-Policy': contentSecurityPolicy(design, options),
    'Cache-Control': 'no-store',
    'Referrer-Policy': options.referrerPolicy ?? 'no-referrer',
    ...(options.frameAncestor ? {} : { 'X-Frame-Options': 'DENY' }),
  };
  return { text: page.in({ language, service: design.service }), headers };
}

function footer({ help }: PageDesign, language: Language, offersLanguages: boolean): Html {
  if (!help && !offersLanguages) return html``;
  return html`<footer>${help ? html`<p>${say('helpAt', { help })}</p>` : ''}${offersLanguages ? languageForm(language) : ''}</footer>`;
}

/** The form posts to the page's own address, which may hold a token, so that no page contains it. */
function languageForm(current: Language): Html {
  return html`<form method="post" aria-label="${say('language')}">${LANGUAGES.map(
    (one) =>
      html`<button name="${LANGUAGE_FIELD}" value="${one}" lang="${one}"${one === current ? html` aria-current="true"` : ''}>${LANGUAGE_NAMES[one]}</button>`,
  )}</form>`;
}

/**
 * Sends a page in the language of the visitor. By default its address is never sent as a referrer, because it may hold
 * a token.
 */
export function sendPage(
  reply: FastifyReply,
  status: number,
  title: Html,
  body: Html,
  options: PageOptions = {},
): void {
  const { request, server } = reply;
  const design = server.pageDesign;
  // A frame's page can't set our cookie, and the address of a form may show nothing by itself.
  const offersLanguages =
    request.method === 'GET' && !options.isOnOtherSite && !options.frameAncestor && !options.onlyIn;
  const language = options.onlyIn ?? design.languageOf(request.headers, options.uiLocales);
  const { text, headers } = pageOf(title, body, { design, language, offersLanguages }, options);
  const vary = [reply.getHeader('vary'), headers.Vary].flat().filter(Boolean).join(', ');
  void reply
    .status(status)
    .headers({ ...headers, Vary: vary })
    .send(text);
}
