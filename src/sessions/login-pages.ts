import { Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { html, sendPage } from '../common/page.js';
import type { Html, PageOptions } from '../common/page.js';
import { Settings } from '../config/settings.js';
import { UsersService } from '../users/users.service.js';
import { LOGIN_SCRIPT } from './login-script.js';
import type { LoginOutcome } from './login.service.js';
import { isTopLevel } from './navigation.js';

type Unfinished = Extract<LoginOutcome, { is: 'needs button' | 'needs answer' }>;

/**
 * The pages on which a login waits for the visitor. Their forms go to the address that the page has, which brings the token along
 * again: so it is in no page.
 */
@Injectable()
export class LoginPages {
  constructor(
    private readonly users: UsersService,
    private readonly settings: Settings,
  ) {}

  async show(request: FastifyRequest, reply: FastifyReply, outcome: Unfinished): Promise<void> {
    const options = this.optionsOf(outcome);
    if (outcome.is === 'needs button') {
      // What opens links to look at them seldom says that it is a window.
      const script = isTopLevel(request.headers) ? LOGIN_SCRIPT : undefined;
      sendPage(reply, 200, 'One more step', BUTTON, { ...options, ...(script ? { script } : {}) });
      return;
    }
    const [current, offered] = await Promise.all([this.nameOf(outcome.live.userId), this.nameOf(outcome.token.userId)]);
    sendPage(reply, 200, 'Continue as somebody else?', question(current, offered), options);
  }

  private optionsOf({ token: { returnTo, embedOrigin } }: Unfinished): PageOptions {
    // Browsers hold every redirect that follows a form against the page's `form-action`, also those of the site where it ends.
    const formTargets = [returnTo, this.settings.LANDING_URL].flatMap((target) =>
      target?.startsWith('http:') ? [new URL(target).origin] : [],
    );
    return { frameAncestor: embedOrigin, formTargets: ['https:', ...formTargets], hasForm: true };
  }

  private async nameOf(userId: string): Promise<string> {
    const user = await this.users.findById(userId);
    if (!user) throw new Error('A user is gone whose token or session was good a moment ago.');
    const { name, emailAddress } = await this.users.describe(user);
    return emailAddress ? `${name} (${emailAddress})` : name;
  }
}

/** Says nothing about anybody: previews show it to people whom the link is not for. */
const BUTTON = html`<p>This link signs you in. It works once.</p>
  <form method="post"><button type="submit" name="answer" value="open">Continue</button></form>`;

function question(current: string, offered: string): Html {
  return html`<p>You are signed in as <strong>${current}</strong>. The link that you followed is for <strong>${offered}</strong>.</p>
    <p>If you continue, <strong>${current}</strong> is signed out in this browser.</p>
    <form method="post">
      <p><button type="submit" name="answer" value="continue">Continue as ${offered}</button></p>
      <p><button type="submit" name="answer" value="stay" class="quiet">Stay signed in as ${current}</button></p>
    </form>`;
}
