import { Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Clock, toNumericDate } from '../../common/clock.js';
import { ProofsService } from '../../users/proofs.service.js';
import type { Worth } from '../../users/proofs.service.js';
import { SignInCookies } from '../../sign-ins/sign-in-cookies.js';
import { SignInsService } from '../../sign-ins/sign-ins.service.js';
import { AuthorizationServer } from '../engine/authorization-server.js';
import { findSignIn } from '../protocol/sign-in-session.js';
import type { SignedIn } from './sign-in.service.js';

/** The user who is signed in at the authorization server in a browser. */
export interface CurrentSignIn {
  userId: string;
  uid: string;
  /** What the session's proof is worth. With `passkey_missing`, only the pages of the account are open to it. */
  worth: Extract<Worth, 'enough' | 'passkey_missing'>;
  proof: string | undefined;
  /** The value of the session's cookie. */
  secret: string;
  /** Whether the user has signed in within the last 15 minutes. */
  isRecent: boolean;
}

/** How long ago somebody must have signed in to change their passkeys, in seconds. */
const RECENT_SECONDS = 15 * 60;

/** The sign-in session of a browser, for pages outside an authorization request. */
@Injectable()
export class AccountSignInsService {
  constructor(
    private readonly server: AuthorizationServer,
    private readonly proofs: ProofsService,
    private readonly signIns: SignInsService,
    private readonly cookies: SignInCookies,
    private readonly clock: Clock,
  ) {}

  async find({ headers }: FastifyRequest): Promise<CurrentSignIn | null> {
    const session = await findSignIn(this.server.provider, this.cookies.read(headers));
    if (!session?.accountId) return null;
    const worth = await this.proofs.worthOf(session.accountId, session.acr);
    if (worth !== 'enough' && worth !== 'passkey_missing') return null;
    return {
      userId: session.accountId,
      uid: session.uid,
      worth,
      proof: session.acr,
      secret: session.jti,
      isRecent: toNumericDate(this.clock.now()) - (session.loginTs ?? 0) <= RECENT_SECONDS,
    };
  }

  /** Signs a user in. The user replaces whoever was signed in there. */
  async start({ headers }: FastifyRequest, reply: FastifyReply, { userId, proof }: SignedIn): Promise<void> {
    await this.signIns.signOut(this.cookies.read(headers));
    const session = new this.server.provider.Session();
    const loginTs = toNumericDate(this.clock.now());
    session.loginAccount({ accountId: userId, acr: proof, loginTs, transient: true });
    await session.save(this.signIns.ttlOf(session));
    void reply.setCookie(this.cookies.sessionName, session.jti, this.cookies.attributes);
  }

  /** Signs the browser out. */
  async end({ headers }: FastifyRequest, reply: FastifyReply): Promise<void> {
    await this.signIns.signOut(this.cookies.read(headers));
    this.cookies.clear(reply);
  }
}
