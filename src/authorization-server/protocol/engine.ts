import { Provider } from 'oidc-provider';
import type { Configuration, KoaContextWithOIDC } from 'oidc-provider';
import { html, say } from '../../http/html.js';
import type { Html } from '../../http/html.js';
import { formTargetOf, pageOf } from '../../http/page.js';
import type { PageOptions } from '../../http/page.js';
import type { PageDesign } from '../../http/page-design.js';
import { PATHS } from './paths.js';

/** Sends the page's form as soon as the page has loaded. Without scripts, visitors press its button. */
export const FORM_POST_SCRIPT_TEXT = `document.forms[0].requestSubmit();
`;

type ResponseMode = Parameters<Provider['registerResponseMode']>[1];

/** The engine, with pages that run no inline scripts. */
export class Engine extends Provider {
  constructor(
    issuer: string,
    configuration: Configuration,
    readonly design: PageDesign,
  ) {
    super(issuer, configuration);
  }

  override registerResponseMode(name: string, handler: ResponseMode): void {
    super.registerResponseMode(name, name === 'form_post' ? (formPost as ResponseMode) : handler);
  }
}

/** OAuth 2.0 Form Post Response Mode, section 2. */
function formPost(ctx: KoaContextWithOIDC, action: string, fields: Record<string, unknown>): void {
  const page = html`<form method="post" action="${action}">
      ${Object.entries(fields).map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`)}
      <button type="submit">${say('continue')}</button>
    </form>`;
  ctx.status = 'error' in fields ? 400 : 200;
  sendEnginePage(ctx, say('returning'), page, {
    scripts: [PATHS.formPostScript],
    formTargets: [formTargetOf(action)],
  });
}

/** Answers a request to the engine with a page of ours. The status is set before. */
export function sendEnginePage(ctx: KoaContextWithOIDC, title: Html, body: Html, options: PageOptions = {}): void {
  const { design } = ctx.oidc.provider as Engine;
  const language = design.languageOf(ctx.req.headers, options.uiLocales);
  const { text, headers } = pageOf(title, body, { design, language }, options);
  ctx.set(headers);
  ctx.body = text;
}
