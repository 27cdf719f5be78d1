import type { IncomingHttpHeaders } from 'node:http';
import { fastifyCookie } from '@fastify/cookie';
import { Injectable } from '@nestjs/common';
import type { KoaContextWithOIDC } from 'oidc-provider';
import { SessionCookie } from '../../sessions/live/session-cookie.js';
import { SessionsService } from '../../sessions/live/sessions.service.js';
import { SignInCookies } from '../../sign-ins/sign-in-cookies.js';
import { SignInsService } from '../../sign-ins/sign-ins.service.js';
import { PATHS } from '../protocol/paths.js';
import { handleOf } from '../protocol/session-names.js';
import { findSignIn } from '../protocol/sign-in-session.js';
import { sendStillLoggedInPage } from './logout-pages.js';

/**
 * Completes the logout that an application begins. Whoever logs out, logs out of both sessions that a browser can have
 * here, but the engine knows only one of them. `headers` are those of the browser.
 */
@Injectable()
export class Logouts {
  constructor(
    private readonly sessions: SessionsService,
    private readonly cookie: SessionCookie,
    private readonly signIns: SignInsService,
    private readonly signInCookies: SignInCookies,
  ) {}

  /** Whether a logout from a delegated session would also end the sign-in of another user. */
  async endsOther({ oidc }: KoaContextWithOIDC, headers: IncomingHttpHeaders): Promise<boolean> {
    if (handleOf(oidc.session!.uid) === null) return false;
    const signIn = await findSignIn(oidc.provider, this.signInCookies.read(headers));
    return signIn?.accountId !== undefined && signIn.accountId !== oidc.session!.accountId;
  }

  /** Ends the sessions once the engine has accepted the user's answer, or says that they have stayed. */
  async complete(ctx: KoaContextWithOIDC, headers: IncomingHttpHeaders): Promise<void> {
    if ((ctx.oidc.session as { destroyed?: true } | undefined)?.destroyed) await this.end(ctx, headers);
    // The engine would show the page that says that the user is logged out.
    else if (ctx.status === 303 && isSuccessPage(ctx)) sendStillLoggedInPage(ctx);
  }

  private async end(ctx: KoaContextWithOIDC, headers: IncomingHttpHeaders): Promise<void> {
    await this.sessions.end(this.cookie.readOrdinary({ headers }));
    await this.signIns.signOut(this.signInCookies.read(headers));
    for (const removed of [...this.cookie.cleared(), ...this.signInCookies.cleared()])
      ctx.append('Set-Cookie', fastifyCookie.serialize(...removed));
  }
}

function isSuccessPage({ oidc, response }: KoaContextWithOIDC): boolean {
  return response.get('Location').startsWith(`${oidc.issuer}${PATHS.endSessionSuccess}`);
}
