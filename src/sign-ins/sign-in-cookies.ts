import type { IncomingHttpHeaders } from 'node:http';
import { Injectable } from '@nestjs/common';
import type { SerializeOptions } from '@fastify/cookie';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { REMOVED, separateCookies } from '../common/cookies.js';
import { newSecret } from '../common/id.js';
import { Settings } from '../config/settings.js';

/** The cookies of the authorization server that a browser sends. */
export interface ShownSignIn {
  /** The identifier of the sign-in session. */
  session?: string;
  /** The browser's secret. The sign-ins that the browser has begun are bound to it. */
  browser?: string;
}

/**
 * The cookies of the authorization server. Over https their names have the prefix `__Host-`, so that no other host can
 * set them (RFC 6265bis, section 4.1.3). The browser forgets both when it is closed.
 */
@Injectable()
export class SignInCookies {
  readonly sessionName: string;
  readonly browserName: string;
  readonly attributes: { httpOnly: true; sameSite: 'lax'; path: '/'; secure: boolean };

  constructor({ isHttps }: Settings) {
    const prefix = isHttps ? '__Host-' : '';
    this.sessionName = `${prefix}latchkey_oauth`;
    this.browserName = `${prefix}latchkey_browser`;
    this.attributes = { httpOnly: true, sameSite: 'lax', path: '/', secure: isHttps };
  }

  read({ cookie }: IncomingHttpHeaders): ShownSignIn {
    const { [this.sessionName]: session, [this.browserName]: browser } = separateCookies(cookie).own;
    return { ...(session && { session }), ...(browser && { browser }) };
  }

  /**
   * The cookies of a browser. If it has no secret yet, it gets one. The header is set at once, because not every answer
   * passes the hooks that set cookies.
   */
  ensureBrowser({ headers, server }: FastifyRequest, reply: FastifyReply): ShownSignIn {
    const shown = this.read(headers);
    if (shown.browser) return shown;
    const browser = newSecret();
    void reply.header('Set-Cookie', server.serializeCookie(this.browserName, browser, this.attributes));
    return { ...shown, browser };
  }

  /** Removes the cookies, so that the next person at this browser can't continue. */
  clear(reply: FastifyReply): void {
    for (const cookie of this.cleared()) void reply.setCookie(...cookie);
  }

  /** The name, value and attributes that remove each cookie. */
  cleared(): [string, string, SerializeOptions][] {
    return [this.sessionName, this.browserName].map((name) => [name, '', { ...this.attributes, ...REMOVED }]);
  }
}
