import { Html, html } from '../../http/page.js';

export const WRONG_CREDENTIALS = html`<p role="alert">The e-mail address or the password is wrong.</p>`;
export const WRONG_PASSKEY = html`<p role="alert">This passkey is not known here. It may have been removed.</p>`;

/** Asks for an e-mail address and a password. The first empty field has the focus. */
export function signInForm(action: string, email = ''): Html {
  const focus = new Html('autofocus');
  return html`<form method="post" action="${action}">
      <label>E-mail address <input type="email" name="email" value="${email}" required autocomplete="username" ${email ? '' : focus}></label>
      <label>Password <input type="password" name="password" required autocomplete="current-password" ${email ? focus : ''}></label>
      <button type="submit">Sign in</button>
    </form>`;
}
