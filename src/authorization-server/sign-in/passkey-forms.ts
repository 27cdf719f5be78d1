import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { hashSecret } from '../../common/id.js';
import { toIso } from '../../common/clock.js';
import { html, say } from '../../http/html.js';
import type { Html } from '../../http/html.js';
import type { Passkey } from '../../schema/entities/passkey.entity.js';
import { PATHS } from '../protocol/paths.js';

/** The path of the script for pages on which a browser makes or uses a passkey. */
export const PASSKEY_SCRIPT = '/oauth/passkeys.js';

/**
 * Shows the forms if the browser knows passkeys. Their button asks the browser, writes what it answers into the form's
 * field `response`, and sends the form.
 */
const OWN_SCRIPT = `(() => {
  const { browserSupportsWebAuthn, startAuthentication, startRegistration } = SimpleWebAuthnBrowser;
  if (!browserSupportsWebAuthn()) return;
  for (const form of document.querySelectorAll('form[data-passkey]')) {
    const { passkey, options } = form.dataset;
    const start = passkey === 'make' ? startRegistration : startAuthentication;
    const [button, fault] = [form.querySelector('button'), form.querySelector('[role=alert]')];
    form.hidden = false;
    button.addEventListener('click', async () => {
      if (!form.reportValidity()) return;
      fault.hidden = true;
      button.disabled = true;
      try {
        form.elements.response.value = JSON.stringify(await start({ optionsJSON: JSON.parse(options) }));
        form.submit();
      } catch (error) {
        fault.hidden = false;
      } finally {
        button.disabled = false;
      }
    });
  }
})();
`;

/** The script of the package `@simplewebauthn/browser`, and ours after it. */
export function passkeyScript(): string {
  const main = createRequire(import.meta.url).resolve('@simplewebauthn/browser');
  return readFileSync(join(main, '../../dist/bundle/index.umd.min.js'), 'utf8') + OWN_SCRIPT;
}

/**
 * The challenge for a passkey, in base64url. It is different for each sign-in and each sign-in session, and nobody else
 * can know it, so a response works there and nowhere else.
 */
export function challengeOf(kind: 'make' | 'use', ...secrets: string[]): string {
  return hashSecret(['passkey', kind, ...secrets].join(' '));
}

/** A form with one button that uses a passkey. `options` are those of the browser's call. */
export function usePasskeyForm(action: string, options: object, label = say('usePasskey')): Html {
  return html`<form method="post" action="${action}" data-passkey="use" data-options="${JSON.stringify(options)}" hidden>
      <p role="alert" hidden>${say('passkeyNotUsed')}</p>
      <input type="hidden" name="response">
      <button type="button">${label}</button>
    </form>`;
}

/** What the page of the account shows of passkeys. */
export interface PasskeySection {
  passkeys: Passkey[];
  /** How many recovery codes are left. */
  codes: number;
  /** Whether the user has signed in recently enough to change them. */
  canChange: boolean;
  /** What the browser needs to make another one. */
  options: object;
  /** The end of the form's address. */
  suffix: string;
}

export function passkeySection({ passkeys, codes, canChange, options, suffix }: PasskeySection): Html {
  return html`<h2>${say('yourPasskeys')}</h2>
    ${passkeys.length === 0 ? html`<p>${say('passkeyExplained')}</p>` : ''}
    <ul class="cards">${passkeys.map((passkey, index) => card(passkey, index, canChange))}</ul>
    ${canChange ? makePasskeyForm(`${PATHS.account}/passkeys${suffix}`, options) : html`<p>${say('changePasskeysAgain')}</p>`}
    ${passkeys.length === 0 ? '' : codesLeft(codes, canChange)}`;
}

function codesLeft(codes: number, canChange: boolean): Html {
  return html`<p>${say('codesLeft', { count: codes })}</p>
    ${canChange ? html`<form method="post" action="${PATHS.account}/recovery-codes"><button type="submit" class="quiet">${say('makeCodes')}</button></form>` : ''}`;
}

function card({ id, name, createdAt, lastUsedAt }: Passkey, index: number, canChange: boolean): Html {
  const added = dayOf(createdAt);
  const use = lastUsedAt ? say('addedLastUsed', { added, used: dayOf(lastUsedAt) }) : say('addedNotUsed', { added });
  return html`<li>
    <div id="p-${index}">${name}<small>${use}</small></div>
    ${
      canChange
        ? html`<form method="post" action="${PATHS.account}/passkeys/remove">
      <input type="hidden" name="id" value="${id}">
      <button type="submit" class="quiet" id="r-${index}" aria-labelledby="r-${index} p-${index}">${say('remove')}</button>
    </form>`
        : ''
    }
  </li>`;
}

function dayOf(at: Date): string {
  return toIso(at).slice(0, 10);
}

/** A form that makes a passkey with a name. */
function makePasskeyForm(action: string, options: object): Html {
  return html`<form method="post" action="${action}" data-passkey="make" data-options="${JSON.stringify(options)}" hidden>
      <p role="alert" hidden>${say('passkeyNotMade')}</p>
      <input type="hidden" name="response">
      <label>${say('passkeyName')} <input name="name" required maxlength="100" autocomplete="off"></label>
      <button type="button">${say('addPasskey')}</button>
    </form>`;
}

/** Recovery codes, which are shown once. */
export function recoveryCodes(codes: string[]): Html {
  return html`<p>${say('keepCodes')}</p>
    <ul class="codes">${codes.map((code) => html`<li><code>${code}</code></li>`)}</ul>`;
}
