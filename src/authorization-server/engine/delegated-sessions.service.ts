import { Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { AdapterPayload } from 'oidc-provider';
import { toNumericDate } from '../../common/clock.js';
import { newSecret } from '../../common/id.js';
import { SessionCookie } from '../../sessions/live/session-cookie.js';
import type { LiveSession } from '../../sessions/live/session.js';
import { SessionsService } from '../../sessions/live/sessions.service.js';
import { handleOf, nameOf } from '../protocol/session-names.js';

/** Whoever let a user in (RFC 8693, section 4.1). */
export interface Actor {
  sub: string;
  client_id: string;
}

/**
 * Lets a session that was started by a login token be a session of the engine. Nothing is copied: the engine gets it for one
 * request, under an identifier that no browser ever sees, and asks for it again by its name.
 */
@Injectable()
export class DelegatedSessions {
  /** The sessions that the engine has at this moment, by the identifier that it knows them by. */
  private readonly lent = new Map<string, LiveSession>();

  constructor(
    private readonly sessions: SessionsService,
    private readonly cookie: SessionCookie,
  ) {}

  /** The session of a browser's window. That of a frame signs nobody in elsewhere. */
  findOf(request: Pick<FastifyRequest, 'headers'>): Promise<LiveSession | null> {
    return this.sessions.find(this.cookie.readOrdinary(request));
  }

  /** Runs `work` with an identifier by which the engine finds the session. */
  async lend<T>(session: LiveSession, work: (identifier: string) => Promise<T>): Promise<T> {
    const identifier = newSecret();
    this.lent.set(identifier, session);
    try {
      return await work(identifier);
    } finally {
      this.lent.delete(identifier);
    }
  }

  isLent(identifier: string): boolean {
    return this.lent.has(identifier);
  }

  /** The session as a record of the engine. */
  findLent(identifier: string): AdapterPayload | undefined {
    const session = this.lent.get(identifier);
    return session && { ...toPayload(session), jti: identifier };
  }

  /** A live session as a record of the engine, by the name that `nameOf` gives it. */
  async findByName(name: string): Promise<AdapterPayload | undefined> {
    const session = await this.sessions.findByHandle(handleOf(name)!);
    return session ? toPayload(session) : undefined;
  }

  /** Who let the user of a session in, or `null` for a session in which somebody signed in themselves. */
  async actorOf(name: string | undefined): Promise<Actor | null> {
    const handle = handleOf(name);
    const session = handle === null ? null : await this.sessions.findByHandle(handle);
    return session && { sub: session.actorId, client_id: session.clientId };
  }
}

function toPayload(session: LiveSession): AdapterPayload {
  return {
    kind: 'Session',
    uid: nameOf(session),
    accountId: session.userId,
    loginTs: toNumericDate(session.createdAt),
    exp: toNumericDate(session.expiresAt),
    iat: toNumericDate(session.createdAt),
  };
}
