import type { IncomingHttpHeaders } from 'node:http';
import { Injectable } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { separateCookies } from '../common/cookies.js';
import { newSecret } from '../common/id.js';
import { Settings } from '../config/settings.js';

/**
 * The cookies of the console. No script can read them. Over https their names have the prefix `__Host-`, so that no
 * other host can set them (RFC 6265bis, section 4.1.3). The browser forgets both when it is closed.
 */
@Injectable()
export class ConsoleCookies {
  private readonly sessionName: string;
  private readonly browserName: string;
  private readonly attributes: { httpOnly: true; sameSite: 'lax'; path: '/'; secure: boolean };

  constructor({ isHttps }: Settings) {
    const prefix = isHttps ? '__Host-' : '';
    this.sessionName = `${prefix}latchkey_console`;
    this.browserName = `${prefix}latchkey_console_begun`;
    this.attributes = { httpOnly: true, sameSite: 'lax', path: '/', secure: isHttps };
  }

  /** The secret of the browser's session. */
  session({ cookie }: IncomingHttpHeaders): string | undefined {
    return separateCookies(cookie).own[this.sessionName];
  }

  /** The secret of the browser, to which the sign-ins that it begins are bound. */
  browser({ cookie }: IncomingHttpHeaders): string | undefined {
    return separateCookies(cookie).own[this.browserName];
  }

  setSession(reply: FastifyReply, secret: string): void {
    void reply.setCookie(this.sessionName, secret, this.attributes);
  }

  /** The browser's secret, which it gets if it has none. */
  ensureBrowser(headers: IncomingHttpHeaders, reply: FastifyReply): string {
    const shown = this.browser(headers);
    if (shown) return shown;
    const secret = newSecret();
    void reply.setCookie(this.browserName, secret, this.attributes);
    return secret;
  }

  clear(reply: FastifyReply): void {
    for (const name of [this.sessionName, this.browserName]) void reply.clearCookie(name, this.attributes);
  }
}
