import { hkdfSync, timingSafeEqual } from 'node:crypto';
import type { EventEmitter } from 'node:events';
import { IncomingMessage } from 'node:http';
import type { ServerResponse } from 'node:http';
import { Injectable, Logger } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Provider, errors } from 'oidc-provider';
import type { Adapter, Configuration, KoaContextWithOIDC, ResourceServer } from 'oidc-provider';
import type { Repository } from 'typeorm';
import { SCOPE } from '../../auth/called-by.decorator.js';
import { addSeconds, Clock, toNumericDate } from '../../common/clock.js';
import { hashSecret, isId } from '../../common/id.js';
import { html, pageOf } from '../../common/page.js';
import { Settings } from '../../config/settings.js';
import { Database } from '../../database/database.js';
import { PasswordsService } from '../../users/passwords.service.js';
import { ClientSecret } from '../client-secret.entity.js';
import { Client } from '../client.entity.js';
import { KeyRing } from '../key-ring.js';
import { RevokedTokensService } from '../revoked-tokens.service.js';
import { PUBLISHED_AHEAD, USUAL_LIFETIME } from '../signing-keys.service.js';
import { TokenError, TokensService } from '../tokens.service.js';
import { OAuthRecords } from './oauth-records.adapter.js';
import { clientMetadata, JWT_BEARER } from './client-metadata.js';
import { JwtBearerGrant } from './jwt-bearer.grant.js';
import { OAuthAuditService } from './oauth-audit.service.js';
import { OAuthLimits, TooManyBegun } from './oauth-limits.service.js';
import { signInPolicy } from './sign-in-policy.js';

/** Seconds that an access token is good. */
export const ACCESS_TOKEN_TTL = USUAL_LIFETIME;
const MINUTE = 60;
const DAY = 24 * 60 * MINUTE;

/** Seconds that the clock of a client may be off, and that an assertion with which it authenticates may be good at most. */
const CLOCK_SKEW = 60;
const MAX_ASSERTION_LIFETIME = 3600;

/** Seconds for which others may keep the key set: a new key is in it for longer before it signs. */
const KEYS_MAX_AGE = PUBLISHED_AHEAD / 3;

export const PATHS = {
  authorization: '/oauth/authorize',
  token: '/oauth/token',
  jwks: '/oauth/keys',
  revocation: '/oauth/revoke',
  metadata: '/.well-known/oauth-authorization-server',
  interaction: '/oauth/interaction',
} as const;

/** What the engine says of itself as an OpenID provider, which this is not. */
const NOT_OFFERED = [
  'claims_parameter_supported',
  'claims_supported',
  'claim_types_supported',
  'id_token_signing_alg_values_supported',
  'subject_types_supported',
  'userinfo_endpoint',
  'acr_values_supported',
  'request_parameter_supported',
  'request_uri_parameter_supported',
  'end_session_endpoint',
  'dpop_signing_alg_values_supported',
];

/** Headers by which a proxy or a caller could tell the engine another address than the configured one. */
const FORWARDED = ['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto'];

interface TokenBody {
  access_token?: string;
  error?: string;
  error_description?: string;
  [member: string]: unknown;
}

/** The OAuth 2.0 authorization server (API.md, section 4): a certified engine on our database, keys and accounts. */
@Injectable()
export class AuthorizationServer {
  private built: { version: string; provider: Provider } | null = null;
  /** What went wrong with a request on our side, which the engine would answer in its own words. */
  private readonly failures = new WeakMap<IncomingMessage, unknown>();

  constructor(
    @InjectRepository(Client) private readonly clients: Repository<Client>,
    @InjectRepository(ClientSecret) private readonly secrets: Repository<ClientSecret>,
    private readonly keys: KeyRing,
    private readonly passwords: PasswordsService,
    private readonly tokens: TokensService,
    private readonly revoked: RevokedTokensService,
    private readonly jwtBearer: JwtBearerGrant,
    private readonly audit: OAuthAuditService,
    private readonly limits: OAuthLimits,
    private readonly database: Database,
    private readonly settings: Settings,
    private readonly clock: Clock,
  ) {}

  /** The engine with the keys of this moment: it takes them only when it is made. */
  get provider(): Provider {
    const { version } = this.keys;
    if (this.built?.version !== version) this.built = { version, provider: this.build() };
    return this.built.provider;
  }

  /**
   * Answers a request; `url`, with one of `PATHS`, and `form` stand for what it brought.
   *
   * @throws what went wrong on our side, with nothing answered yet
   */
  async answer(
    request: FastifyRequest,
    reply: FastifyReply,
    { url, form }: { url: string; form?: URLSearchParams },
  ): Promise<void> {
    await this.keys.refresh();
    for (const [name, value] of Object.entries(reply.getHeaders())) if (value) reply.raw.setHeader(name, value);
    const rewritten = this.rewritten(request.raw, url, form);
    // The engine knows only the last of the proxies.
    rewritten.headers['x-forwarded-for'] = request.ip;
    await this.provider.callback()(rewritten, reply.raw);
    if (this.failures.has(rewritten)) {
      takeBack(reply.raw);
      throw this.failures.get(rewritten);
    }
    reply.hijack();
  }

  /** The request as the engine shall see it: at the public URL, whatever its headers say, and with the form unread. */
  rewritten(raw: IncomingMessage, url: string, form?: URLSearchParams): IncomingMessage {
    const request = new IncomingMessage(raw.socket);
    const { host, protocol } = new URL(this.settings.PUBLIC_URL);
    const headers = { ...raw.headers };
    for (const name of FORWARDED) delete headers[name];
    request.headers = { ...headers, host, 'x-forwarded-proto': protocol.slice(0, -1) };
    request.method = raw.method;
    request.url = url;
    if (form) {
      const body = form.toString();
      delete request.headers['transfer-encoding'];
      request.headers['content-length'] = String(Buffer.byteLength(body));
      request.push(body);
    }
    request.push(null);
    // Otherwise the end of this message would be taken for one that broke off, and close the connection.
    request.complete = true;
    return request;
  }

  /** The redirect URI to which an authorization code belongs. */
  async redirectUriOf(code: string): Promise<string | undefined> {
    return (await this.provider.AuthorizationCode.find(code))?.redirectUri;
  }

  private build(): Provider {
    // The engine signs with the keys that it was made with, also while they are replaced: what it is told to sign with is one of them.
    const resourceServer = this.resourceServer(this.keys.signing('ACCESS').kid);
    const provider = new Provider(this.settings.PUBLIC_URL, this.configuration(resourceServer));
    // What arrives here has been rewritten: the headers are our own.
    provider.proxy = true;
    const { secrets } = this;
    Object.assign(provider.Client.prototype, {
      async compareClientSecret(this: { clientId: string }, secret: string): Promise<boolean> {
        return isOneOf(secret, await secrets.findBy({ clientId: this.clientId }));
      },
      // Character by character, for loopback addresses too.
      redirectUriAllowed(this: { redirectUris?: string[] }, uri: string): boolean {
        return this.redirectUris?.includes(uri) ?? false;
      },
    });
    provider.registerGrantType(JWT_BEARER, (ctx) => this.jwtBearer.answer(ctx, provider, resourceServer), [
      'assertion',
      'scope',
      'resource',
      'returnTo',
      'security',
      'embed',
      'delivery',
      'session',
    ]);
    provider.use(async (ctx, next) => {
      try {
        await next();
        if (!this.failures.has(ctx.req)) await this.complete(ctx as KoaContextWithOIDC);
      } catch (error) {
        this.failures.set(ctx.req, error);
      }
      ctx.respond = !this.failures.has(ctx.req);
    });
    provider.on('grant.error', (ctx, error) => (ctx.state.refusal = error));
    provider.on('revocation.error', (ctx, error) => (ctx.state.refusal = error));
    provider.on('server_error', ({ req }, error) => this.failures.set(req, error));
    // What is left is a connection that broke off while the answer was sent.
    (provider as EventEmitter).on('error', (error: Error) => new Logger('AuthorizationServer').warn(error.message));
    return provider;
  }

  private configuration(resourceServer: ResourceServer): Configuration {
    return {
      adapter: (kind) => this.adapterOf(kind),
      jwks: { keys: this.keys.privateAccessJwks() as never },
      routes: {
        authorization: PATHS.authorization,
        token: PATHS.token,
        jwks: PATHS.jwks,
        revocation: PATHS.revocation,
      },
      scopes: [SCOPE],
      responseTypes: ['code'],
      clientAuthMethods: ['client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none'],
      clockTolerance: CLOCK_SKEW,
      assertJwtClientAuthClaimsAndHeader: (_ctx, { exp }) => {
        if (Number(exp) > toNumericDate(this.clock.now()) + MAX_ASSERTION_LIFETIME + CLOCK_SKEW)
          throw new errors.InvalidClientAuth('the client assertion is good for longer than an hour');
      },
      clientDefaults: { id_token_signed_response_alg: 'ES256' },
      enabledJWA: {
        idTokenSigningAlgValues: ['ES256'],
        clientAuthSigningAlgValues: ['RS256', 'PS256', 'ES256', 'EdDSA', 'Ed25519'],
      },
      features: {
        devInteractions: { enabled: false },
        userinfo: { enabled: false },
        rpInitiatedLogout: { enabled: false },
        dPoP: { enabled: false },
        pushedAuthorizationRequests: { enabled: false },
        revocation: { enabled: true, allowedPolicy: (_ctx, client, token) => token.clientId === client.clientId },
        resourceIndicators: {
          enabled: true,
          defaultResource: (_ctx, _client, oneOf) => oneOf ?? this.resource,
          useGrantedResource: () => true,
          getResourceServerInfo: (_ctx, resource) => {
            if (resource !== this.resource) throw new errors.InvalidTarget();
            return resourceServer;
          },
        },
      },
      cookies: {
        keys: [this.cookieKey()],
        names: { session: 'latchkey_oauth', interaction: 'latchkey_interaction', resume: 'latchkey_resume' },
        long: { signed: true, httpOnly: true, sameSite: 'lax', path: '/oauth', secure: this.settings.isHttps },
        short: { signed: true, httpOnly: true, sameSite: 'lax', secure: this.settings.isHttps },
      },
      interactions: {
        policy: this.limits.counting(signInPolicy()),
        url: (_ctx, { uid }) => `${PATHS.interaction}/${uid}`,
      },
      findAccount: async (ctx, sub, token) => {
        // What a code or refresh token came from has ended with the password; a session may just be about to be stored.
        const passwordFrom = token ? undefined : ctx.oidc.session?.acr;
        return (await this.passwords.isStillSignedIn(sub, passwordFrom)) ? accountOf(sub) : undefined;
      },
      extraTokenClaims: (ctx, token) => ({
        ...(token.kind === 'AccessToken' && token.grantId ? { grant_id: token.grantId } : {}),
        ...(ctx.state.claims as object | undefined),
      }),
      issueRefreshToken: (_ctx, client) => client.grantTypeAllowed('refresh_token'),
      expiresWithSession: () => false,
      rotateRefreshToken: true,
      clientBasedCORS: (_ctx, origin, client) =>
        // A private-use scheme has the origin `null`, and so has whoever hides where they come from.
        origin !== 'null' &&
        [this.settings.PUBLIC_URL, ...(client.redirectUris ?? [])].some((uri) => new URL(uri).origin === origin),
      renderError: (ctx, out, error) => {
        ctx.type = 'html';
        const { text, headers } = pageOf(
          'This sign-in does not work',
          html`<p>Go back to where you came from and start again. If it happens again, tell whoever runs that application:</p>
            <p><code>${out.error}: ${out.error_description}</code></p>
            <p><small>${ctx.res.getHeader('x-request-id')}</small></p>`,
        );
        ctx.set(headers);
        if (error instanceof TooManyBegun) ctx.set(error.headers);
        ctx.body = text;
      },
      ttl: {
        AccessToken: ACCESS_TOKEN_TTL,
        AuthorizationCode: MINUTE,
        Grant: 30 * DAY,
        Interaction: 15 * MINUTE,
        RefreshToken: 30 * DAY,
        Session: DAY / 2,
        IdToken: MINUTE,
      },
    };
  }

  private get resource(): string {
    return `${this.settings.PUBLIC_URL}/api`;
  }

  private resourceServer(kid: string): ResourceServer {
    return {
      scope: SCOPE,
      audience: this.resource,
      accessTokenTTL: ACCESS_TOKEN_TTL,
      accessTokenFormat: 'jwt',
      jwt: { sign: { alg: 'ES256', kid } },
    };
  }

  private adapterOf(kind: string): Adapter {
    if (kind === 'Client') return { find: (id: string) => this.findClient(id) } as unknown as Adapter;
    return new OAuthRecords(kind, this.database, this.clock, async (grantId) => {
      await this.revoked.revoke(grantId, addSeconds(this.clock.now(), ACCESS_TOKEN_TTL));
    });
  }

  private async findClient(id: string): Promise<ReturnType<typeof clientMetadata> | undefined> {
    // What can be no id, as one with a NUL, is not shown to the database.
    const client = isId(id) && (await this.clients.findOne({ where: { id }, relations: { redirectUris: true } }));
    return client ? clientMetadata(client) : undefined;
  }

  private cookieKey(): string {
    const key = hkdfSync('sha256', this.settings.SECRET_KEY, '', 'latchkey: authorization server cookies', 32);
    return Buffer.from(key).toString('base64url');
  }

  /** What the contract adds to the engine's answers. */
  private async complete(ctx: KoaContextWithOIDC): Promise<void> {
    if (ctx.path === PATHS.revocation && ctx.status === 200) await this.recordRevocation(ctx);
    await this.limits.countWrong(ctx);
    const body = ctx.body as TokenBody | undefined;
    if (typeof body !== 'object' || body === null) return;
    if (ctx.path === PATHS.metadata) stateTheTruth(body);
    if (ctx.path === PATHS.jwks) ctx.set('Cache-Control', `public, max-age=${KEYS_MAX_AGE}`);
    if (ctx.path === PATHS.revocation && body.error === 'unsupported_token_type') await this.revokeAccessToken(ctx);
    else if (body.error)
      Object.assign(body, { id: body.id ?? body.error, description: body.error_description ?? body.error });
    if (ctx.path !== PATHS.token) return;
    // RFC 6749, section 5.1, for caches of HTTP/1.0.
    ctx.set('Pragma', 'no-cache');
    if (body.access_token) body.jti ??= jtiOf(body.access_token);
    await this.audit.recordGrant(ctx, body.jti as string | undefined, ctx.state.refusal);
  }

  /** RFC 7009, section 2.2: what is not a token of this client's is no error. */
  private async revokeAccessToken(ctx: KoaContextWithOIDC): Promise<void> {
    const token = String(ctx.oidc.params?.token);
    const claims = await this.tokens.verify('access', token).catch((error: unknown) => {
      if (error instanceof TokenError) return null;
      throw error;
    });
    if (claims && claims.client_id === ctx.oidc.client?.clientId) {
      const { sub: userId, client_id: clientId, jti: tokenId, exp } = claims;
      await this.database.transaction(async (db) => {
        if (await this.revoked.revoke(tokenId, new Date(exp * 1000), db))
          await this.audit.record({ event: 'TOKEN_REVOKED', userId, clientId, tokenId }, db);
      });
    }
    ctx.status = 200;
    ctx.body = '';
  }

  /** What the engine itself has revoked: a refresh token, with its family. */
  private async recordRevocation(ctx: KoaContextWithOIDC): Promise<void> {
    const { RefreshToken } = ctx.oidc.entities;
    const clientId = ctx.oidc.client?.clientId ?? null;
    if (!RefreshToken?.accountId || RefreshToken.clientId !== clientId) return;
    const details = { grant: 'refresh_token' };
    await this.audit.record({ event: 'TOKEN_REVOKED', userId: RefreshToken.accountId, clientId, details });
  }
}

/** The engine's metadata without what belongs to OpenID Connect. */
function stateTheTruth(metadata: Record<string, unknown>): void {
  for (const name of NOT_OFFERED) delete metadata[name];
  metadata.scopes_supported = [SCOPE];
  // Left out, it would mean that only client_secret_basic is taken there.
  metadata.revocation_endpoint_auth_methods_supported = metadata.token_endpoint_auth_methods_supported;
  metadata.revocation_endpoint_auth_signing_alg_values_supported =
    metadata.token_endpoint_auth_signing_alg_values_supported;
}

/**
 * Headers of an answer that was not sent. Which pages of other origins may read an answer was decided with them, and
 * holds for the one that is sent instead.
 */
function takeBack(response: ServerResponse): void {
  for (const name of response.getHeaderNames())
    if (name !== 'vary' && !name.startsWith('access-control-')) response.removeHeader(name);
  response.statusMessage = '';
}

function accountOf(sub: string): { accountId: string; claims: () => { sub: string } } {
  return { accountId: sub, claims: () => ({ sub }) };
}

function isOneOf(secret: string, secrets: ClientSecret[]): boolean {
  const hash = Buffer.from(hashSecret(secret));
  return secrets.filter(({ secretHash }) => timingSafeEqual(Buffer.from(secretHash), hash)).length > 0;
}

function jtiOf(jwt: string): unknown {
  return (JSON.parse(Buffer.from(jwt.split('.')[1]!, 'base64url').toString()) as { jti: unknown }).jti;
}
