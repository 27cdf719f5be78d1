import { Injectable } from '@nestjs/common';
import type { SerializeOptions } from '@fastify/cookie';
import type { IncomingHttpHeaders } from 'node:http';
import type { FastifyReply } from 'fastify';
import { REMOVED, separateCookies } from '../../common/cookies.js';
import type { Cookies } from '../../common/cookies.js';
import { Settings } from '../../config/settings.js';
import type { StartedSession } from './session.js';

/**
 * The name of a cookie that is sent over https only. Its prefix makes browsers accept it from this host alone (RFC
 * 6265bis, section 4.1.3).
 */
const SECURE_NAME = '__Host-latchkey';
/** The name for a public URL without https, for development. */
const PLAIN_NAME = 'latchkey';
/** The name of the cookie for a frame on another site. */
const EMBED_NAME = '__Host-latchkey-embed';

/** A session cookie that a browser sends: the secret, and which of the names it came under. */
export interface ShownCookie {
  secret: string;
  secure: boolean;
  embedded: boolean;
}

/** Reads and writes the cookie that carries a session. */
@Injectable()
export class SessionCookie {
  constructor(private readonly settings: Settings) {}

  /**
   * The session cookies of a request that are valid for it, in order of precedence.
   *
   * The session of a frame counts in frames and for what they load, never for a page in its own window: browsers send
   * its cookie there too if the host is on the same site. A request that does not say what it is for has no frame
   * session.
   *
   * Pass `cookies` if the headers have been parsed already.
   */
  read(
    { headers }: { headers: IncomingHttpHeaders },
    cookies: Cookies = separateCookies(headers.cookie),
  ): ShownCookie[] {
    const { [SECURE_NAME]: secure, [PLAIN_NAME]: plain, [EMBED_NAME]: embed } = cookies.own;
    const ordinary: ShownCookie[] = [];
    if (secure) ordinary.push({ secret: secure, secure: true, embedded: false });
    if (plain && !this.settings.isHttps) ordinary.push({ secret: plain, secure: false, embedded: false });
    const destination = headers['sec-fetch-dest'];
    if (!embed || destination === undefined || destination === 'document') return ordinary;
    const embedded = { secret: embed, secure: true, embedded: true };
    return destination === 'iframe' ? [embedded, ...ordinary] : [...ordinary, embedded];
  }

  /** The session cookies of a browser's window, without those of frames. */
  readOrdinary(request: { headers: IncomingHttpHeaders }): ShownCookie[] {
    return this.read(request).filter(({ embedded }) => !embedded);
  }

  set(reply: FastifyReply, session: StartedSession): void {
    void reply.setCookie(...this.of(session));
  }

  /** The name, value and attributes of a session's cookie. */
  of({ secret, secure, embedOrigin }: StartedSession): [string, string, SerializeOptions] {
    const isEmbedded = embedOrigin !== null;
    return [isEmbedded ? EMBED_NAME : nameOf(secure), secret, attributesOf(secure, isEmbedded)];
  }

  /** Removes the cookie of a frame's session, or else the ordinary cookies. */
  clear(reply: FastifyReply, isEmbedded: boolean): void {
    if (isEmbedded) void reply.clearCookie(EMBED_NAME, attributesOf(true, true));
    else for (const cookie of this.cleared()) void reply.setCookie(...cookie);
  }

  /** The name, value and attributes that remove each ordinary cookie. */
  cleared(): [string, string, SerializeOptions][] {
    return (this.settings.isHttps ? [true] : [true, false]).map((secure) => [
      nameOf(secure),
      '',
      { ...attributesOf(secure, false), ...REMOVED },
    ]);
  }
}

function nameOf(secure: boolean): string {
  return secure ? SECURE_NAME : PLAIN_NAME;
}

/**
 * The attributes of a cookie. A frame's cookie is partitioned (CHIPS): it exists only on the site of the page around
 * the frame.
 */
function attributesOf(secure: boolean, isEmbedded: boolean): SerializeOptions {
  const common = { httpOnly: true, secure, path: '/' };
  return isEmbedded ? { ...common, sameSite: 'none', partitioned: true } : { ...common, sameSite: 'lax' };
}
