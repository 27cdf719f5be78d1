import type { FastifyReply } from 'fastify';
import type { Interaction } from 'oidc-provider';
import { html, sendPage } from '../../http/page.js';
import type { Html, PageOptions } from '../../http/page.js';
import { SUBMIT_ONCE } from '../../http/submit-once.js';
import type { NamedClient } from './interactions.service.js';
import { PATHS } from '../protocol/paths.js';
import { signInForm, WRONG_CREDENTIALS } from './sign-in-form.js';

/** Shows the form for an e-mail address and a password. `failedFor` is the address of a failed attempt. */
export function sendSignInPage(
  reply: FastifyReply,
  interaction: Interaction,
  client: NamedClient,
  failedFor?: string,
): void {
  const page = signInPage(interaction, client, failedFor);
  sendPage(reply, failedFor === undefined ? 200 : 401, 'Sign in', page, optionsOf(interaction));
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

function signInPage({ uid, params }: Interaction, client: NamedClient, failedFor?: string): Html {
  return html`${failedFor === undefined ? '' : WRONG_CREDENTIALS}
    <p>Sign in to continue to ${named(client)}.</p>
    ${signInForm(`${PATHS.interaction}/${uid}/login`, failedFor ?? String(params.login_hint ?? ''))}
    <p><a href="${PATHS.account}">Your account</a></p>`;
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
  return { referrerPolicy: 'same-origin', script: SUBMIT_ONCE, formTargets: [origin === 'null' ? protocol : origin] };
}
