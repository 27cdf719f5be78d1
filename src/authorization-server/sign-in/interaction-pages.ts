import type { FastifyReply } from 'fastify';
import type { Interaction } from 'oidc-provider';
import { html, say } from '../../http/html.js';
import { formTargetOf, sendPage } from '../../http/page.js';
import type { Html } from '../../http/html.js';
import type { PageOptions } from '../../http/page.js';
import { SUBMIT_ONCE } from '../../http/submit-once.js';
import type { NamedClient } from './interactions.service.js';
import { PATHS } from '../protocol/paths.js';
import { claimsAskedFor, isForApi, scopesOf } from '../protocol/openid.js';
import { PASSKEY_SCRIPT, usePasskeyForm } from './passkey-forms.js';
import { signInForm, WRONG_CREDENTIALS, WRONG_PASSKEY } from './sign-in-form.js';

/** What a page for signing in shows. */
export interface SignInPage {
  client: NamedClient;
  /** What the browser needs to use a passkey; `null` where there are none. */
  passkeyOptions: object | null;
  /** What failed: `email` and a password, or a passkey. */
  failed?: { email: string } | 'passkey';
}

/** Shows the form for an e-mail address and a password, and the button for a passkey. */
export function sendSignInPage(reply: FastifyReply, interaction: Interaction, page: SignInPage): void {
  sendPage(reply, page.failed ? 401 : 200, say('signIn'), signInPage(interaction, page), optionsOf(interaction));
}

/** Asks somebody with the right password for a passkey, or a recovery code in its place. */
export function sendPasskeyPage(
  reply: FastifyReply,
  interaction: Interaction,
  { email, passkeyOptions, hasFailed = false }: { email: string; passkeyOptions: object; hasFailed?: boolean },
): void {
  const page = passkeyPage(interaction, email, passkeyOptions, hasFailed);
  sendPage(reply, hasFailed ? 401 : 200, say('useYourPasskey'), page, optionsOf(interaction));
}

export function sendConsentPage(
  reply: FastifyReply,
  interaction: Interaction,
  client: NamedClient,
  user: string,
): void {
  sendPage(reply, 200, say('allowAccess'), consentPage(interaction, client, user), optionsOf(interaction));
}

/** Asks whether to continue as the user who is signed in. */
export function sendChoicePage(reply: FastifyReply, interaction: Interaction, client: NamedClient, user: string): void {
  sendPage(reply, 200, say('chooseAccount'), choicePage(interaction, client, user), optionsOf(interaction));
}

function signInPage({ uid, params }: Interaction, { client, passkeyOptions, failed }: SignInPage): Html {
  const path = `${PATHS.interaction}/${uid}`;
  const email = typeof failed === 'object' ? failed.email : emailIn(params.login_hint);
  return html`${typeof failed === 'object' ? WRONG_CREDENTIALS : ''}${failed === 'passkey' ? WRONG_PASSKEY : ''}
    <p>${say('signInTo', { client: named(client) })}</p>
    ${signInForm(`${path}/login`, email)}
    ${passkeyOptions ? usePasskeyForm(`${path}/passkey`, passkeyOptions) : ''}
    ${isForOpenId(params) ? withoutPassword(client) : ''}
    <p><a href="${PATHS.account}">${say('yourAccount')}</a></p>`;
}

/** The e-mail address in a `login_hint`, which may also be the ID of a user. */
function emailIn(hint: unknown): string {
  return typeof hint === 'string' && hint.includes('@') ? hint : '';
}

/** Where people go on who have no password here, because they come from a host. */
function withoutPassword(client: NamedClient): Html {
  const { hostUri } = client;
  if (hostUri === null) return html`<p>${say('noPasswordGoBack', { client: named(client) })}</p>`;
  const host = html`<a href="${hostUri}">${new URL(hostUri).host}</a>`;
  return html`<p>${say('noPasswordStartAt', { host })}</p>`;
}

function passkeyPage({ uid }: Interaction, email: string, options: object, hasFailed: boolean): Html {
  const path = `${PATHS.interaction}/${uid}`;
  return html`<p>${say('passkeyAsked')}</p>
    ${usePasskeyForm(`${path}/passkey`, options, say('useYourPasskey'))}
    <h2>${say('withoutPasskey')}</h2>
    ${hasFailed ? html`<p role="alert">${say('wrongRecoveryCode')}</p>` : ''}
    <p>${say('enterRecoveryCode')}</p>
    <form method="post" action="${path}/recovery">
      <input type="hidden" name="email" value="${email}">
      <label>${say('password')} <input type="password" name="password" required autocomplete="current-password"></label>
      <label>${say('recoveryCode')} <input name="code" required maxlength="100" autocomplete="one-time-code"></label>
      <button type="submit" class="quiet">${say('signInWithCode')}</button>
    </form>`;
}

function consentPage({ uid, params }: Interaction, client: NamedClient, user: string): Html {
  // The settling time ignores the second half of a double click on the previous page.
  return html`<div class="settling">${asks(params, named(client), user)}
    <p>${say('sentTo', { origin: html`<code>${new URL(String(params.redirect_uri)).origin}</code>` })}</p>
    <form method="post" action="${PATHS.interaction}/${uid}/consent">
      <button type="submit" name="answer" value="allow">${say('allow')}</button>
      <button type="submit" name="answer" value="deny" class="quiet">${say('deny')}</button>
    </form>
    ${switchForm(uid, say('notYou', { user }))}
    <p><a href="${PATHS.account}">${say('yourAccount')}</a></p></div>`;
}

function isForOpenId({ scope }: Interaction['params']): boolean {
  return scopesOf(String(scope)).includes('openid');
}

/** The parts of a profile, in the words of the page, and the claims that show them. */
const PARTS = [
  { name: 'profileId', claims: ['sub'] },
  { name: 'profileName', claims: ['name'] },
  { name: 'profileLocale', claims: ['locale', 'zoneinfo'] },
  { name: 'profileEmail', claims: ['email', 'email_verified'] },
  { name: 'profileThirdPartyIds', claims: ['third_party_ids'] },
] as const;

/** What the application asks for: access to the API, or parts of the user's profile, or both. */
function asks(params: Interaction['params'], client: Html, user: string): Html {
  const scopes = scopesOf(String(params.scope));
  const claims = claimsAskedFor(params);
  const parts = PARTS.filter((part) => part.claims.some((claim) => claims.includes(claim)));
  const data = html`${parts.map(({ name }, at) => html`${at > 0 ? ', ' : ''}${say(name)}`)}`;
  return html`${scopes.includes('openid') ? html`<p>${say('asksWhoYouAre', { client, user, data })}</p>` : ''}
    ${isForApi(scopes) ? html`<p>${say('asksToCall', { client, user })}</p>` : ''}`;
}

function choicePage({ uid }: Interaction, client: NamedClient, user: string): Html {
  return html`<p>${say('continueToClient', { user, client: named(client) })}</p>
    <form method="post" action="${PATHS.interaction}/${uid}/continue">
      <button type="submit">${say('continueAs', { name: user })}</button>
    </form>
    ${switchForm(uid, say('signInAsOther'))}`;
}

function named({ name, organization }: NamedClient): Html {
  const shown = html`<strong>${name}</strong>`;
  return organization === null ? shown : say('namedOf', { name: shown, organization });
}

function switchForm(uid: string, label: Html): Html {
  return html`<form method="post" action="${PATHS.interaction}/${uid}/switch">
    <p><button type="submit" class="quiet">${label}</button></p>
  </form>`;
}

/** Browsers apply the page's `form-action` to the redirects after a form, too. */
function optionsOf({ params }: Interaction): PageOptions {
  return {
    uiLocales: String(params.ui_locales ?? ''),
    referrerPolicy: 'same-origin',
    scripts: [SUBMIT_ONCE, PASSKEY_SCRIPT],
    formTargets: [formTargetOf(String(params.redirect_uri))],
  };
}
