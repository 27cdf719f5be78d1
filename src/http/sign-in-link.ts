import type { Settings } from '../config/settings.js';
import { html, say } from './html.js';
import type { Html } from './html.js';

/**
 * `SIGN_IN_URL` with the requested page in `return_to`, which the host passes to the access call as `returnTo`. The
 * caller must have checked that the page belongs to a site that may be returned to.
 */
export function signInUrl({ SIGN_IN_URL }: Settings, returnTo?: string | null): string | undefined {
  if (!SIGN_IN_URL || !returnTo) return SIGN_IN_URL;
  const url = new URL(SIGN_IN_URL);
  url.searchParams.set('return_to', returnTo);
  return url.href;
}

/** A link to the sign-in page. It names the site that it leads to. */
export function linkToSignIn(settings: Settings, returnTo?: string | null): Html {
  const url = signInUrl(settings, returnTo);
  return url === undefined
    ? html``
    : html`<p><a href="${url}" target="_top">${say('signInAt', { host: new URL(url).host })}</a></p>`;
}
