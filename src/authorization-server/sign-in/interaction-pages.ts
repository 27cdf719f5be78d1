import type { FastifyReply } from 'fastify';
import type { Interaction } from 'oidc-provider';
import { html, sendPage } from '../../http/page.js';
import type { Html, PageOptions } from '../../http/page.js';
import { SUBMIT_ONCE } from '../../http/submit-once.js';
import type { NamedClient } from './interactions.service.js';
import { PATHS } from '../protocol/paths.js';
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
  sendPage(reply, page.failed ? 401 : 200, 'Sign in', signInPage(interaction, page), optionsOf(interaction));
}

/** Asks somebody with the right password for a passkey, or a recovery code in its place. */
export function sendPasskeyPage(
  reply: FastifyReply,
  interaction: Interaction,
  { email, passkeyOptions, hasFailed = false }: { email: string; passkeyOptions: object; hasFailed?: boolean },
): void {
  const page = passkeyPage(interaction, email, passkeyOptions, hasFailed);
  sendPage(reply, hasFailed ? 401 : 200, 'Use your passkey', page, optionsOf(interaction));
}

export function sendConsentPage(
  reply: FastifyReply,
  interaction: Interaction,
  client: NamedClient,
  user: string,
): void {
  sendPage(reply, 200, 'Allow access?', consentPage(interaction, client, user), optionsOf(interaction));
}

/** Asks whether to continue as the user who is signed in. */
export function sendChoicePage(reply: FastifyReply, interaction: Interaction, client: NamedClient, user: string): void {
  sendPage(reply, 200, 'Choose an account', choicePage(interaction, client, user), optionsOf(interaction));
}

function signInPage({ uid, params }: Interaction, { client, passkeyOptions, failed }: SignInPage): Html {
  const path = `${PATHS.interaction}/${uid}`;
  const email = typeof failed === 'object' ? failed.email : String(params.login_hint ?? '');
  return html`${typeof failed === 'object' ? WRONG_CREDENTIALS : ''}${failed === 'passkey' ? WRONG_PASSKEY : ''}
    <p>Sign in to continue to ${named(client)}.</p>
    ${signInForm(`${path}/login`, email)}
    ${passkeyOptions ? usePasskeyForm(`${path}/passkey`, passkeyOptions) : ''}
    <p><a href="${PATHS.account}">Your account</a></p>`;
}

function passkeyPage({ uid }: Interaction, email: string, options: object, hasFailed: boolean): Html {
  const path = `${PATHS.interaction}/${uid}`;
  return html`<p>Your organization asks its staff for a passkey.</p>
    ${usePasskeyForm(`${path}/passkey`, options, 'Use your passkey')}
    <h2>Without your passkey</h2>
    ${hasFailed ? html`<p role="alert">The password or the recovery code is wrong, or the code was already used.</p>` : ''}
    <p>Enter one of your recovery codes. If you have none left, ask an administrator of your organization to remove your passkeys.</p>
    <form method="post" action="${path}/recovery">
      <input type="hidden" name="email" value="${email}">
      <label>Password <input type="password" name="password" required autocomplete="current-password"></label>
      <label>Recovery code <input name="code" required maxlength="100" autocomplete="one-time-code"></label>
      <button type="submit" class="quiet">Sign in with the code</button>
    </form>`;
}

function consentPage({ uid, params }: Interaction, client: NamedClient, user: string): Html {
  // The settling time ignores the second half of a double click on the previous page.
  return html`<div class="settling"><p>${named(client)} asks to call Latchkey as you, ${user}. It will be able to see and do everything that your account can.</p>
    <p>Afterwards you will be sent to <code>${new URL(String(params.redirect_uri)).origin}</code>.</p>
    <form method="post" action="${PATHS.interaction}/${uid}/consent">
      <button type="submit" name="answer" value="allow">Allow</button>
      <button type="submit" name="answer" value="deny" class="quiet">Deny</button>
    </form>
    ${switchForm(uid, `Not ${user}? Sign in as somebody else`)}
    <p><a href="${PATHS.account}">Your account</a></p></div>`;
}

function choicePage({ uid }: Interaction, client: NamedClient, user: string): Html {
  return html`<p>You are signed in as ${user}. Continue to ${named(client)}?</p>
    <form method="post" action="${PATHS.interaction}/${uid}/continue">
      <button type="submit">Continue as ${user}</button>
    </form>
    ${switchForm(uid, 'Sign in as somebody else')}`;
}

function named({ name, organization }: NamedClient): Html {
  return html`<strong>${name}</strong>${organization === null ? '' : html` of ${organization}`}`;
}

function switchForm(uid: string, label: string): Html {
  return html`<form method="post" action="${PATHS.interaction}/${uid}/switch">
    <p><button type="submit" class="quiet">${label}</button></p>
  </form>`;
}

/** Browsers apply the page's `form-action` to the redirects after a form, too. */
function optionsOf({ params }: Interaction): PageOptions {
  const { origin, protocol } = new URL(String(params.redirect_uri));
  return {
    referrerPolicy: 'same-origin',
    scripts: [SUBMIT_ONCE, PASSKEY_SCRIPT],
    formTargets: [origin === 'null' ? protocol : origin],
  };
}
