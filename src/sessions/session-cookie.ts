import { Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Settings } from '../config/settings.js';

/** Sent over https only; the prefix makes browsers refuse it from anybody but this very host (RFC 6265bis, section 4.1.3). */
const SECURE_NAME = '__Host-latchkey';
/** For a public URL without https, which is for development. */
const PLAIN_NAME = 'latchkey';

/** What the browser shows: the secret of a session, and under which of the two names. */
export interface ShownCookie {
  secret: string;
  secure: boolean;
}

/** The cookie that carries a session. */
@Injectable()
export class SessionCookie {
  constructor(private readonly settings: Settings) {}

  /** Every session cookie of the request, the better protected first. */
  read({ cookies }: Pick<FastifyRequest, 'cookies'>): ShownCookie[] {
    const { [SECURE_NAME]: secure, [PLAIN_NAME]: plain } = cookies;
    const shown: ShownCookie[] = [];
    if (secure) shown.push({ secret: secure, secure: true });
    if (plain && !this.settings.isHttps) shown.push({ secret: plain, secure: false });
    return shown;
  }

  set(reply: FastifyReply, secret: string, secure: boolean): void {
    void reply.setCookie(nameOf(secure), secret, { httpOnly: true, secure, sameSite: 'lax', path: '/' });
  }

  clear(reply: FastifyReply): void {
    for (const secure of this.settings.isHttps ? [true] : [true, false]) {
      void reply.clearCookie(nameOf(secure), { httpOnly: true, secure, sameSite: 'lax', path: '/' });
    }
  }
}

function nameOf(secure: boolean): string {
  return secure ? SECURE_NAME : PLAIN_NAME;
}
