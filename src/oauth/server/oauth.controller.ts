import { Body, Controller, Get, Header, Param, Post, Req, Res, UseFilters } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { CalledBy, SCOPE } from '../../auth/called-by.decorator.js';
import { DomainError } from '../../common/errors/errors.js';
import { PageErrorFilter } from '../../common/errors/page-error.filter.js';
import { API } from '../../common/paths.js';
import { areText, isPercentEncodedText } from '../../common/text.js';
import { AuthorizationServer } from './authorization-server.js';
import { FORM_POST_SCRIPT_TEXT } from './engine.js';
import { PATHS } from './paths.js';
import { InteractionsService } from './interactions.service.js';
import { JWT_BEARER } from './client-metadata.js';
import { JwtBearerGrant } from './jwt-bearer.grant.js';
import { OAuthErrorFilter } from './oauth-error.filter.js';
import { StartAgainFilter } from './start-again.filter.js';

/**
 * The endpoints of the authorization server (API.md, section 4). The engine answers; what clients in the field leave
 * out or send too much is put right before, and so is the address: one that ends with a slash, or has letters that are
 * percent-encoded, leads here too. `oauth.openapi.ts` describes them.
 */
@ApiExcludeController()
@Controller()
@CalledBy('anyone')
@UseFilters(OAuthErrorFilter)
export class OAuthController {
  constructor(
    private readonly server: AuthorizationServer,
    private readonly jwtBearer: JwtBearerGrant,
    private readonly interactions: InteractionsService,
  ) {}

  /** RFC 6749, section 3.1. */
  @Get(PATHS.authorization)
  @UseFilters(PageErrorFilter)
  authorize(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const query = queryOf(request);
    // Older clients send only client_id and redirect_uri.
    if (!query.has('response_type')) query.set('response_type', 'code');
    if (!query.has('scope')) query.set('scope', SCOPE);
    else if (query.getAll('scope').length === 1) query.set('scope', withoutOpenId(query.get('scope')!));
    return this.server.answer(request, reply, { url: `${PATHS.authorization}?${query}` });
  }

  /** Where a browser comes back from the pages on which a user signs in and agrees. */
  @Get(`${PATHS.authorization}/:uid`)
  @UseFilters(PageErrorFilter, StartAgainFilter)
  async resume(@Req() request: FastifyRequest, @Res() reply: FastifyReply, @Param('uid') uid: string): Promise<void> {
    await this.interactions.requireResumable(request, uid);
    await this.server.answer(request, reply, { url: `${PATHS.authorization}/${encodeURIComponent(uid)}`, uid });
  }

  @Get(PATHS.formPostScript)
  @Header('Content-Type', 'text/javascript; charset=utf-8')
  @Header('Cache-Control', 'public, max-age=86400')
  formPostScript(): string {
    return FORM_POST_SCRIPT_TEXT;
  }

  /** RFC 6749, section 3.2. */
  @Post(PATHS.token)
  token(@Req() request: FastifyRequest, @Res() reply: FastifyReply, @Body() fields: unknown): Promise<void> {
    return this.answerToken(request, reply, fields);
  }

  /** Where clients of the older API ask. */
  @Post(`${API}/token`)
  olderToken(@Req() request: FastifyRequest, @Res() reply: FastifyReply, @Body() fields: unknown): Promise<void> {
    return this.answerToken(request, reply, fields);
  }

  /** RFC 7009. */
  @Post(PATHS.revocation)
  revoke(@Req() request: FastifyRequest, @Res() reply: FastifyReply, @Body() fields: unknown): Promise<void> {
    dropForeignCredentials(request);
    return this.server.answer(request, reply, { url: PATHS.revocation, form: toForm(fields) });
  }

  /** RFC 7517. */
  @Get(PATHS.jwks)
  keys(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.server.answer(request, reply, { url: PATHS.jwks });
  }

  /** RFC 8414. */
  @Get(PATHS.metadata)
  metadata(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.server.answer(request, reply, { url: PATHS.metadata });
  }

  private async answerToken(request: FastifyRequest, reply: FastifyReply, fields: unknown): Promise<void> {
    const form = toForm(fields);
    dropForeignCredentials(request);
    await this.complete(form, request.headers.authorization !== undefined);
    await this.server.answer(request, reply, { url: PATHS.token, form });
  }

  private async complete(form: URLSearchParams, isAuthenticated: boolean): Promise<void> {
    const grant = form.get('grant_type');
    const code = form.get('code');
    // A code is bound to the redirect URI that it was sent to; repeating it was dropped from OAuth 2.1.
    if (grant === 'authorization_code' && code && !form.has('redirect_uri')) {
      const redirectUri = await this.server.redirectUriOf(code);
      if (redirectUri) form.set('redirect_uri', redirectUri);
    }
    const namesClient = isAuthenticated || form.has('client_id') || form.has('client_assertion');
    if (grant === JWT_BEARER && !namesClient) form.set('client_id', await this.clientOf(form.get('assertion')));
  }

  /** @throws DomainError `invalid_request`: the engine would only say that it knows no client */
  private async clientOf(assertion: string | null): Promise<string> {
    if (!assertion) throw new DomainError('invalid_request', 'The parameter assertion is missing.');
    const clientId = await this.jwtBearer.clientOf(assertion);
    if (clientId) return clientId;
    throw new DomainError('invalid_request', 'The iss of the assertion is no service account.');
  }
}

/** Everything after the first question mark: those that follow are a part of it (RFC 3986, section 3.4). */
function queryOf({ url }: FastifyRequest): URLSearchParams {
  const start = url.indexOf('?');
  return new URLSearchParams(start === -1 ? '' : url.slice(start));
}

/** Clients in the field send the API's stale `Authorization: OAuth …` along, which authenticates no client. */
function dropForeignCredentials({ raw }: FastifyRequest): void {
  const [, credentials] = /^basic +(.*)$/i.exec(raw.headers.authorization ?? '') ?? [];
  if (credentials === undefined) delete raw.headers.authorization;
  else requireText(Buffer.from(credentials, 'base64'));
}

/** RFC 6749, section 2.3.1: both halves are percent-encoded. @throws DomainError `invalid_request` */
function requireText(credentials: Buffer): void {
  if (!areText(credentials) || !isPercentEncodedText(credentials.toString()))
    throw new DomainError('invalid_request', 'The credentials have to be well-formed text in UTF-8, without NUL.');
}

/** What the body parser took apart, with what was given twice. */
function toForm(fields: unknown): URLSearchParams {
  const form = new URLSearchParams();
  for (const [name, value] of Object.entries((fields ?? {}) as Record<string, unknown>))
    for (const one of [value].flat()) if (typeof one === 'string') form.append(name, one);
  return form;
}

/** There are no ID tokens here; clients made for OpenID Connect ask for them all the same. */
function withoutOpenId(scope: string): string {
  const scopes = scope
    .split(' ')
    .filter((name) => !['openid', 'offline_access', 'profile', 'email', ''].includes(name));
  return scopes.length > 0 ? scopes.join(' ') : SCOPE;
}
