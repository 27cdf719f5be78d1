import { Controller, Get, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { CalledBy } from '../auth/called-by.decorator.js';
import { html, sendPage } from '../common/page.js';
import { SERVICE_ACCOUNT_GUIDE } from './deprecation.js';

/** What the `Deprecation` header of the access call points at. */
@ApiExcludeController()
@Controller()
@CalledBy('anyone')
export class GuideController {
  @Get(SERVICE_ACCOUNT_GUIDE)
  serviceAccounts(@Res() reply: FastifyReply): void {
    sendPage(
      reply,
      200,
      'From the access call to service accounts',
      html`<p>
          <code>GET /api/2.1.1/access/{user}</code> is deprecated. It keeps working in version 2.1.1 of the API, with
          the same rules and the same answers, so nothing has to change today.
        </p>
        <p>
          Its successor is a service account that asks the token endpoint for a token on behalf of a user, with the JWT
          bearer grant of RFC 7523. The rule stays the same: the service account has to administer a group that the user
          has joined.
        </p>
        <p>
          An operator makes the service account and its key with <code>npm run latchkey -- service-accounts</code>, and an
          administrator gives it <code>OBTAIN_ACCESS_TOKENS</code> and <code>MANAGE</code> on the group, as to any staff.
          The host then signs an assertion with <code>iss</code> the service account’s id, <code>sub</code> the user’s,
          <code>aud</code> the token endpoint, <code>exp</code> and a new <code>jti</code>, and posts it to
          <code>/oauth/token</code> with
          <code>grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer</code> and <code>resource</code> the address of the
          login route, <code>/login</code> on the public URL. The <code>url</code> of the answer is where to forward the
          browser, as that of the access call is.
        </p>
        <p><a href="/docs">The API’s documentation</a></p>`,
    );
  }
}
