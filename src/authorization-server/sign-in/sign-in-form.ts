import { Html, html, say } from '../../http/html.js';

export const WRONG_CREDENTIALS = html`<p role="alert">${say('wrongCredentials')}</p>`;
export const WRONG_PASSKEY = html`<p role="alert">${say('wrongPasskey')}</p>`;

/** Asks for an e-mail address and a password. The first empty field has the focus. */
export function signInForm(action: string, email = ''): Html {
  const focus = new Html('autofocus');
  return html`<form method="post" action="${action}">
      <label>${say('emailAddress')} <input type="email" name="email" value="${email}" required autocomplete="username" ${email ? '' : focus}></label>
      <label>${say('password')} <input type="password" name="password" required autocomplete="current-password" ${email ? focus : ''}></label>
      <button type="submit">${say('signIn')}</button>
    </form>`;
}
