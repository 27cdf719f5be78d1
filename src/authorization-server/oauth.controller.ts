import { Body, Controller, Get, Header, Param, Post, Req, Res, UseFilters } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { CalledBy } from '../auth/called-by.decorator.js';
import { DomainError } from '../common/errors/errors.js';
import { PageErrorFilter } from '../http/page-error.filter.js';
import { areText, isPercentEncodedText } from '../common/text.js';
import { assertionsRefused } from '../telemetry/metrics.js';
import { AuthorizationServer } from './engine/authorization-server.js';
import { FORM_POST_SCRIPT_TEXT } from './protocol/engine.js';
import { apiScope, completeScope } from './protocol/compatibility.js';
import { scopesOf } from './protocol/openid.js';
import { API_TOKEN_PATH, olderPath, PATHS } from './protocol/paths.js';
import { InteractionsService } from './sign-in/interactions.service.js';
import { VisitorsService } from './sign-in/visitors.service.js';
import { JWT_BEARER } from './protocol/client-metadata.js';
import { AssertionsService } from './grants/assertions.service.js';
import { queryOf, toForm } from './protocol/requests.js';
import { OAuthErrorFilter } from './protocol/oauth-error.filter.js';
import { StartAgainFilter } from './sign-in/start-again.filter.js';
import { seeOther } from '../http/see-other.js';

/**
 * The endpoints of the authorization server (docs/api.md, section 12.1). The engine answers them. Before that, requests
 * are corrected where existing clients leave something out or send too much. Paths with a trailing slash or
 * percent-encoded letters lead here too. `oauth.openapi.ts` describes the endpoints.
 */
@ApiExcludeController()
@Controller()
@CalledBy('anyone')
@UseFilters(OAuthErrorFilter)
export class OAuthController {
  constructor(
    private readonly server: AuthorizationServer,
    private readonly assertions: AssertionsService,
    private readonly interactions: InteractionsService,
    private readonly visitors: VisitorsService,
  ) {}

  /** The authorization endpoint (RFC 6749, section 3.1). */
  @Get([PATHS.authorization, olderPath(PATHS.authorization)])
  @UseFilters(PageErrorFilter)
  async authorize(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const query = queryOf(request);
    // A repeated parameter is refused.
    if (query.getAll('scope').length < 2) query.set('scope', completeScope(query.get('scope') ?? ''));
    // Hosts that were written for Drillster send only client_id and redirect_uri.
    if (
      !query.has('response_type') &&
      !scopesOf(query.get('scope')!).includes('openid') &&
      (await this.server.isCompatible(query.get('client_id') ?? ''))
    )
      query.set('response_type', 'code');
    const session = await this.visitors.sessionFor(request, query);
    return this.server.answer(request, reply, { url: `${PATHS.authorization}?${query}`, session });
  }

  /** The authorization endpoint for an application that posts its request (OpenID Connect Core 1.0, section 3.1.2.1). */
  @Post(PATHS.authorization)
  @UseFilters(PageErrorFilter)
  authorizeByForm(@Req() request: FastifyRequest, @Res() reply: FastifyReply, @Body() fields: unknown): void {
    const query = toForm(request, fields);
    // As a navigation of its own, it brings the cookies of the browser, which a form of another site does not.
    seeOther(reply, `${PATHS.authorization}?${query}`);
  }

  /** The address to which the browser returns after the user has signed in and agreed. */
  @Get(`${PATHS.authorization}/:uid`)
  @UseFilters(PageErrorFilter, StartAgainFilter)
  async resume(@Req() request: FastifyRequest, @Res() reply: FastifyReply, @Param('uid') uid: string): Promise<void> {
    const interaction = await this.interactions.requireResumable(request, uid);
    const session = await this.visitors.sessionOf(request, interaction);
    await this.server.answer(request, reply, {
      url: `${PATHS.authorization}/${encodeURIComponent(uid)}`,
      uid,
      session,
    });
  }

  @Get(PATHS.formPostScript)
  @Header('Content-Type', 'text/javascript; charset=utf-8')
  @Header('Cache-Control', 'public, max-age=86400')
  formPostScript(): string {
    return FORM_POST_SCRIPT_TEXT;
  }

  /** The token endpoint (RFC 6749, section 3.2). */
  @Post([PATHS.token, olderPath(PATHS.token), API_TOKEN_PATH])
  async token(@Req() request: FastifyRequest, @Res() reply: FastifyReply, @Body() fields: unknown): Promise<void> {
    const form = toForm(request, fields);
    dropForeignCredentials(request);
    await this.complete(form, request.headers.authorization !== undefined);
    await this.server.answer(request, reply, { url: PATHS.token, form });
  }

  /** The revocation endpoint (RFC 7009). */
  @Post([PATHS.revocation, olderPath(PATHS.revocation)])
  async revoke(@Req() request: FastifyRequest, @Res() reply: FastifyReply, @Body() fields: unknown): Promise<void> {
    dropForeignCredentials(request);
    return this.server.answer(request, reply, { url: PATHS.revocation, form: toForm(request, fields) });
  }

  /** The introspection endpoint (RFC 7662). */
  @Post(PATHS.introspection)
  async introspect(@Req() request: FastifyRequest, @Res() reply: FastifyReply, @Body() fields: unknown): Promise<void> {
    dropForeignCredentials(request);
    return this.server.answer(request, reply, { url: PATHS.introspection, form: toForm(request, fields) });
  }

  /** The UserInfo endpoint (OpenID Connect Core 1.0, section 5.3). */
  @Get(PATHS.userinfo)
  userinfo(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.server.answer(request, reply, { url: PATHS.userinfo });
  }

  @Post(PATHS.userinfo)
  async userinfoByForm(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Body() fields: unknown,
  ): Promise<void> {
    return this.server.answer(request, reply, { url: PATHS.userinfo, form: toForm(request, fields) });
  }

  /** The key set (RFC 7517). */
  @Get([PATHS.jwks, olderPath(PATHS.jwks)])
  keys(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.server.answer(request, reply, { url: PATHS.jwks });
  }

  /** The metadata (RFC 8414; OpenID Connect Discovery 1.0, section 4). */
  @Get([PATHS.metadata, PATHS.discovery])
  metadata(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.server.answer(request, reply, { url: PATHS.discovery });
  }

  private async complete(form: URLSearchParams, isAuthenticated: boolean): Promise<void> {
    const grant = form.get('grant_type');
    const code = form.get('code');
    // A code is bound to the redirect URI that it was sent to, even if its client need not repeat it.
    if (grant === 'authorization_code' && code && !form.has('redirect_uri')) {
      const redirectUri = await this.server.redirectUriOf(code);
      if (redirectUri) form.set('redirect_uri', redirectUri);
    }
    const scope = form.getAll('scope');
    if (grant === 'refresh_token' && scope.length === 1 && !(await this.server.isForSignIn(form.get('refresh_token'))))
      form.set('scope', apiScope(scope[0]!));
    const namesClient = isAuthenticated || form.has('client_id') || form.has('client_assertion');
    if (grant === JWT_BEARER && !namesClient) form.set('client_id', await this.clientOf(form.get('assertion')));
  }

  /**
   * The client that an assertion names. @throws DomainError `invalid_request`: the engine would only report an unknown
   * client
   */
  private async clientOf(assertion: string | null): Promise<string> {
    if (!assertion) throw new DomainError('invalid_request', 'The parameter assertion is missing.');
    const clientId = await this.assertions.clientOf(assertion);
    if (clientId) return clientId;
    assertionsRefused.key.inc();
    throw new DomainError('invalid_request', 'The iss of the assertion is not the ID of a service account.');
  }
}

/**
 * Removes `Authorization: OAuth …`. Existing clients send the API's stale token along, which authenticates no client.
 */
function dropForeignCredentials({ raw }: FastifyRequest): void {
  const [, credentials] = /^basic +(.*)$/i.exec(raw.headers.authorization ?? '') ?? [];
  if (credentials === undefined) delete raw.headers.authorization;
  else requireText(Buffer.from(credentials, 'base64'));
}

/**
 * Checks that both halves of Basic credentials, which are percent-encoded, are text (RFC 6749, section 2.3.1). @throws
 * DomainError `invalid_request`
 */
function requireText(credentials: Buffer): void {
  if (!areText(credentials) || !isPercentEncodedText(credentials.toString()))
    throw new DomainError('invalid_request', 'The credentials must be valid UTF-8 without NUL characters.');
}
