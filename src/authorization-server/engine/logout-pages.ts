import type { KoaContextWithOIDC } from 'oidc-provider';
import { html, say } from '../../http/html.js';
import type { Html } from '../../http/html.js';
import { formTargetOf } from '../../http/page.js';
import type { PageOptions } from '../../http/page.js';
import { SUBMIT_ONCE } from '../../http/submit-once.js';
import { sendEnginePage } from '../protocol/engine.js';
import { PATHS } from '../protocol/paths.js';

/**
 * Asks whether to log out (OpenID Connect RP-Initiated Logout 1.0, section 2). A request that proves by its ID token that
 * it comes from an application of this very session is not questioned, unless the logout ends another session as well.
 */
export function sendLogoutPage(ctx: KoaContextWithOIDC, endsOther: boolean): void {
  const { session, client, entities, params } = ctx.oidc;
  const { secret } = session!.state as { secret: string };
  const hinted = (entities as { IdTokenHint?: { payload: { sub: string; sid?: string } } }).IdTokenHint?.payload;
  const isOfSession =
    hinted?.sub === session!.accountId && (!hinted?.sid || hinted.sid === session!.sidFor(client!.clientId));
  const isProven = isOfSession && !endsOther;
  const fields = html`<input type="hidden" name="xsrf" value="${secret}">`;
  const target = params?.post_logout_redirect_uri;
  const options: PageOptions = {
    referrerPolicy: 'same-origin',
    scripts: [SUBMIT_ONCE, ...(isProven ? [PATHS.formPostScript] : [])],
    formTargets: typeof target === 'string' ? [formTargetOf(target)] : [],
  };
  const question = html`<p>${say('logOutOfAll')}</p>
    <form method="post" action="${PATHS.endSessionConfirm}">${fields}
      <button type="submit" name="logout" value="yes">${say('logOut')}</button>
      <button type="submit" class="quiet">${say('stayLoggedIn')}</button>
    </form>`;
  const answer = html`<form method="post" action="${PATHS.endSessionConfirm}">${fields}
      <input type="hidden" name="logout" value="yes">
      <button type="submit">${say('logOut')}</button>
    </form>`;
  send(ctx, say('logOutQuestion'), isProven ? answer : question, options);
}

/** Says that the user is logged out, if the application has named no address to go on to. */
export function sendLoggedOutPage(ctx: KoaContextWithOIDC): void {
  send(ctx, say('loggedOut'), html`<p>${say('loggedOutEverywhere')}</p>`);
}

/** Says so to a user who did not want to log out, if the application has named no address to go on to. */
export function sendStillLoggedInPage(ctx: KoaContextWithOIDC): void {
  ctx.remove('Location');
  send(ctx, say('stillLoggedIn'), html`<p>${say('closePage')}</p>`);
}

function send(ctx: KoaContextWithOIDC, title: Html, body: Html, options: PageOptions = {}): void {
  ctx.status = 200;
  sendEnginePage(ctx, title, body, { ...options, uiLocales: ctx.oidc.params?.ui_locales as string | undefined });
}
