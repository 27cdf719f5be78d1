import { Injectable } from '@nestjs/common';
import type { CookieSerializeOptions } from '@fastify/cookie';
import type { IncomingHttpHeaders } from 'node:http';
import type { FastifyReply } from 'fastify';
import { separateCookies } from '../../common/cookies.js';
import type { Cookies } from '../../common/cookies.js';
import { Settings } from '../../config/settings.js';
import type { StartedSession } from './session.js';

/** Sent over https only; the prefix makes browsers refuse it from anybody but this very host (RFC 6265bis, section 4.1.3). */
const SECURE_NAME = '__Host-latchkey';
/** For a public URL without https, which is for development. */
const PLAIN_NAME = 'latchkey';
/** For a frame on another site. */
const EMBED_NAME = '__Host-latchkey-embed';

/** What the browser shows: the secret of a session, and under which of the names. */
export interface ShownCookie {
  secret: string;
  secure: boolean;
  embedded: boolean;
}

/** The cookie that carries a session. */
@Injectable()
export class SessionCookie {
  constructor(private readonly settings: Settings) {}

  /**
   * Every session cookie of the request that counts for it, the one that counts most first.
   *
   * The session of a frame counts in frames and for what they load, never for a page in a window of its own: on a site that is the
   * same as the host's, browsers send its cookie there too. A request that does not say what it is for shows none.
   *
   * `cookies` are those of the headers, where they are known already.
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

  set(reply: FastifyReply, { secret, secure, embedOrigin }: StartedSession): void {
    const isEmbedded = embedOrigin !== null;
    void reply.setCookie(isEmbedded ? EMBED_NAME : nameOf(secure), secret, attributesOf(secure, isEmbedded));
  }

  /** Takes the cookie of a frame's session away, or the ordinary ones. */
  clear(reply: FastifyReply, isEmbedded: boolean): void {
    if (isEmbedded) {
      void reply.clearCookie(EMBED_NAME, attributesOf(true, true));
      return;
    }
    for (const secure of this.settings.isHttps ? [true] : [true, false])
      void reply.clearCookie(nameOf(secure), attributesOf(secure, false));
  }
}

function nameOf(secure: boolean): string {
  return secure ? SECURE_NAME : PLAIN_NAME;
}

/** The cookie of a frame is partitioned (CHIPS): it exists on the site of the page around the frame, and on no other. */
function attributesOf(secure: boolean, isEmbedded: boolean): CookieSerializeOptions {
  const common = { httpOnly: true, secure, path: '/' };
  return isEmbedded ? { ...common, sameSite: 'none', partitioned: true } : { ...common, sameSite: 'lax' };
}
