import type { FastifyReply } from 'fastify';
import { html, sendPage } from '../../http/page.js';
import { linkToSignIn } from '../../http/sign-in-link.js';
import type { Settings } from '../../config/settings.js';

const BODY = html`<p>
  Go back to the site that you came from and follow its link again. It signs you in here without a password.
  If you have just followed such a link, your browser blocks cookies. Allow them for this site, and follow the link again.
</p>`;

/** Shows that the session has ended. `frameAncestor` is the origin whose pages framed it. */
export function showSignedOut(reply: FastifyReply, settings: Settings, frameAncestor: string | null = null): void {
  sendPage(reply, 200, 'You are not signed in', html`${BODY}${linkToSignIn(settings)}`, { frameAncestor });
}
