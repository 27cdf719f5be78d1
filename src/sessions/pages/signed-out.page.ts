import type { FastifyReply } from 'fastify';
import { html, say } from '../../http/html.js';
import { sendPage } from '../../http/page.js';
import { linkToSignIn } from '../../http/sign-in-link.js';
import type { Settings } from '../../config/settings.js';

/** Shows that the session has ended. `frameAncestor` is the origin whose pages framed it. */
export function showSignedOut(reply: FastifyReply, settings: Settings, frameAncestor: string | null = null): void {
  sendPage(reply, 200, say('notSignedIn'), html`<p>${say('followLinkAgain')}</p>${linkToSignIn(settings)}`, {
    frameAncestor,
  });
}
