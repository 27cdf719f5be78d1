import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { errors } from 'oidc-provider';
import type { Adapter, Configuration, KoaContextWithOIDC, Provider, ResourceServer } from 'oidc-provider';
import type { Repository } from 'typeorm';
import { SCOPE } from '../../auth/called-by.decorator.js';
import { addSeconds, Clock, CLOCK_SKEW, SECONDS_PER_DAY, toNumericDate } from '../../common/clock.js';
import { isId } from '../../common/id.js';
import { html, say } from '../../http/html.js';
import { pageOf } from '../../http/page.js';
import { Settings } from '../../config/settings.js';
import { Database } from '../../database/database.js';
import { ProofsService } from '../../users/proofs.service.js';
import { Client } from '../../schema/entities/client.entity.js';
import { CONSOLE_CLIENT } from '../../clients/console-client.js';
import { KeyRing } from '../../tokens/key-ring.js';
import { isPlainHeader } from '../../tokens/plain-header.js';
import { RevokedTokensService } from '../../tokens/revoked-tokens.service.js';
import { SignInCookies } from '../../sign-ins/sign-in-cookies.js';
import { SignInsService } from '../../sign-ins/sign-ins.service.js';
import { USUAL_LIFETIME } from '../../tokens/signing-keys.service.js';
import { clientMetadata, consoleMetadata } from '../protocol/client-metadata.js';
import { ASKED_OPENID, isLenient, markLenient, requireKnownScopes } from '../protocol/compatibility.js';
import { OAuthLimits, TooManyInteractions } from './oauth-limits.service.js';
import { OAuthRecords } from './oauth-records.adapter.js';
import type { Engine } from '../protocol/engine.js';
import { PATHS } from '../protocol/paths.js';
import { signInPolicy } from './sign-in-policy.js';

/** The lifetime of an access token, in seconds. */
const ACCESS_TOKEN_TTL = USUAL_LIFETIME;
/**
 * The engine's cookies for a sign-in under way. They stay between the engine and us: we make them from each request's
 * address.
 */
export const ENGINE_COOKIES = { interaction: 'interaction', resume: 'resume' } as const;

const MINUTE = 60;
const HOUR = 60 * MINUTE;

/** The lifetime of a refresh token since its last use, and of its grant, in seconds. */
export const REFRESH_LIFETIME = 30 * SECONDS_PER_DAY;

/** The longest lifetime of an assertion with which a client authenticates, in seconds. */
const MAX_ASSERTION_LIFETIME = HOUR;

type AuthorizationCode = InstanceType<Provider['AuthorizationCode']>;

/** Configures the engine: its features, and where its clients, accounts and records come from. */
@Injectable()
export class EngineConfiguration {
  constructor(
    @InjectRepository(Client) private readonly clients: Repository<Client>,
    private readonly keys: KeyRing,
    private readonly proofs: ProofsService,
    private readonly revoked: RevokedTokensService,
    private readonly limits: OAuthLimits,
    private readonly cookies: SignInCookies,
    private readonly signIns: SignInsService,
    private readonly database: Database,
    private readonly settings: Settings,
    private readonly clock: Clock,
  ) {}

  /** The configuration of an engine with the current keys. */
  of(resourceServer: ResourceServer): Configuration {
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
      extraParams: { [ASKED_OPENID]: requireKnownScopes },
      responseTypes: ['code'],
      features: this.features(resourceServer),
      ...this.clientAuthentication(),
      ...this.signIn(),
      ...this.tokens(),
      renderError,
    };
  }

  private features(resourceServer: ResourceServer): Configuration['features'] {
    return {
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
    };
  }

  /** What clients are, and how they authenticate. */
  private clientAuthentication(): Configuration {
    return {
      extraClientMetadata: { properties: ['compatibility', 'secretMethod'] },
      allowOmittingSingleRegisteredRedirectUri: false,
      clientAuthMethods: ['client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none'],
      clockTolerance: CLOCK_SKEW,
      assertJwtClientAuthClaimsAndHeader: (_ctx, { exp }, header) => {
        if (!isPlainHeader(header))
          throw new errors.InvalidClientAuth(
            'the header of the client assertion must not have crit or b64, and its kid must be a string of 1 to 255 characters',
          );
        if (Number(exp) > toNumericDate(this.clock.now()) + MAX_ASSERTION_LIFETIME + CLOCK_SKEW)
          throw new errors.InvalidClientAuth('the client assertion is valid for longer than an hour');
      },
      clientDefaults: { id_token_signed_response_alg: 'ES256' },
      enabledJWA: {
        idTokenSigningAlgValues: ['ES256'],
        clientAuthSigningAlgValues: ['RS256', 'PS256', 'ES256', 'EdDSA', 'Ed25519'],
      },
    };
  }

  /** How users sign in. */
  private signIn(): Configuration {
    return {
      cookies: {
        // The cookies' values are random and looked up by their hashes, so signing them would add nothing.
        names: { session: this.cookies.sessionName, ...ENGINE_COOKIES },
        long: { signed: false, ...this.cookies.attributes },
        short: { signed: false },
      },
      interactions: {
        policy: this.limits.countInteractions(signInPolicy((headers) => this.cookies.read(headers))),
        url: (_ctx, { uid }) => `${PATHS.interaction}/${uid}`,
      },
      loadExistingGrant: async ({ oidc }) => {
        const { Grant } = oidc.provider;
        const { clientId } = oidc.client!;
        const grantId = oidc.result?.consent?.grantId ?? oidc.session!.grantIdFor(clientId);
        const known = grantId ? await Grant.find(grantId) : undefined;
        if (known || clientId !== CONSOLE_CLIENT) return known;
        // The console is a part of this service, so nobody is asked whether it may act for them.
        const grant = new Grant({ accountId: oidc.session!.accountId!, clientId });
        grant.addOIDCScope(SCOPE);
        grant.addResourceScope(this.resource, SCOPE);
        await grant.save();
        return grant;
      },
      findAccount: async (ctx, sub, token) => {
        // A code or refresh token is bound to the session that it came from, which ends with the password. A session
        // itself may be about to be stored.
        const proof = token ? undefined : ctx.oidc.session?.acr;
        return (await this.proofs.worthOf(sub, proof)) === 'enough' ? accountOf(sub) : undefined;
      },
    };
  }

  /** What codes and tokens say, and how long they are valid. */
  private tokens(): Configuration {
    return {
      extraTokenClaims: (ctx, token) => ({
        ...(token.kind === 'AccessToken' && token.grantId ? { grant_id: token.grantId } : {}),
        ...(ctx.state.claims as object | undefined),
      }),
      issueRefreshToken: (_ctx, client) => client.grantTypeAllowed('refresh_token'),
      // Runs before a code is stored, when it is known what the code was requested for.
      expiresWithSession: async (ctx, token) => {
        if (token.kind === 'AuthorizationCode' && ctx.oidc.route !== 'token') {
          markLenient(ctx, token);
          await giveOwnGrant(ctx, token as AuthorizationCode);
        }
        return false;
      },
      // RFC 9700, section 4.14.2: a refresh token of a client that authenticates is of no use to anybody else, so only
      // those of public clients are rotated.
      rotateRefreshToken: ({ oidc }) => oidc.client?.clientAuthMethod === 'none',
      ttl: {
        AccessToken: ACCESS_TOKEN_TTL,
        AuthorizationCode: (_ctx, code) => (isLenient(code) ? HOUR : MINUTE),
        Grant: REFRESH_LIFETIME,
        Interaction: 15 * MINUTE,
        RefreshToken: REFRESH_LIFETIME,
        Session: (_ctx, session) => this.signIns.ttlOf(session),
        IdToken: MINUTE,
      },
    };
  }

  private get resource(): string {
    return `${this.settings.PUBLIC_URL}/api`;
  }

  /** The API as a resource server. Its tokens are signed with this key. */
  resourceServer(kid: string): ResourceServer {
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
    // A text that can't be an ID, such as one with a NUL character, must not reach the database.
    if (id === CONSOLE_CLIENT) return consoleMetadata(this.settings.PUBLIC_URL);
    const client = isId(id) && (await this.clients.findOne({ where: { id }, relations: { redirectUris: true } }));
    return client ? clientMetadata(client, this.settings.httpRedirectHostsOf(client.compatibility)) : undefined;
  }
}

/**
 * Gives a code its own grant. A user may have several installations of one client, and revoking one must leave the
 * others alone. A code without a question, because the user had agreed before, gets a copy of the earlier grant.
 */
async function giveOwnGrant({ oidc }: KoaContextWithOIDC, code: AuthorizationCode): Promise<void> {
  if (oidc.result?.consent) return;
  const { Grant } = oidc.provider;
  const { openid, resources } = oidc.entities.Grant as { openid?: object; resources?: object };
  const { accountId, clientId } = code;
  const grant = new Grant({ accountId, clientId, openid: { ...openid }, resources: { ...resources } } as never);
  code.grantId = await grant.save();
  oidc.session!.grantIdFor(clientId!, code.grantId);
}

function accountOf(sub: string): { accountId: string; claims: () => { sub: string } } {
  return { accountId: sub, claims: () => ({ sub }) };
}

const renderError: Configuration['renderError'] = (ctx, out, error) => {
  ctx.type = 'html';
  const { design } = ctx.oidc.provider as Engine;
  const { text, headers } = pageOf(
    say('signInBroken'),
    html`<p>${say('startAgain')}</p>
      <p><code>${out.error}: ${out.error_description}</code></p>
      <p><small>${design.quote(ctx.res.getHeader('x-request-id'))}</small></p>`,
    { design, language: design.languageOf(ctx.req.headers) },
  );
  ctx.set(headers);
  if (error instanceof TooManyInteractions) ctx.set(error.headers);
  ctx.body = text;
};
