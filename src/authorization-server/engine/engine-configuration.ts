import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { errors } from 'oidc-provider';
import type { Adapter, Configuration, KoaContextWithOIDC, Provider, ResourceServer } from 'oidc-provider';
import type { Repository } from 'typeorm';
import { SCOPE } from '../../auth/called-by.decorator.js';
import { addSeconds, Clock, CLOCK_SKEW, SECONDS_PER_DAY, toNumericDate } from '../../common/clock.js';
import { isId } from '../../common/id.js';
import { html, pageOf } from '../../http/page.js';
import { Settings } from '../../config/settings.js';
import { Database } from '../../database/database.js';
import { PasswordsService } from '../../users/passwords.service.js';
import { Client } from '../../schema/entities/client.entity.js';
import { KeyRing } from '../../tokens/key-ring.js';
import { isPlainHeader } from '../../tokens/plain-header.js';
import { RevokedTokensService } from '../../tokens/revoked-tokens.service.js';
import { SignInCookies } from '../../sign-ins/sign-in-cookies.js';
import { SignInsService } from '../../sign-ins/sign-ins.service.js';
import { USUAL_LIFETIME } from '../../tokens/signing-keys.service.js';
import { clientMetadata } from '../protocol/client-metadata.js';
import { ASKED_OPENID, isLenient, markLenient, requireKnownScopes } from '../protocol/compatibility.js';
import { OAuthLimits, TooManyBegun } from './oauth-limits.service.js';
import { OAuthRecords } from './oauth-records.adapter.js';
import { PATHS } from '../protocol/paths.js';
import { signInPolicy } from './sign-in-policy.js';

/** Seconds that an access token is good. */
const ACCESS_TOKEN_TTL = USUAL_LIFETIME;
/** What the engine calls the cookies of a sign-in under way. They stay between it and us, made from the address of each request. */
export const ENGINE_COOKIES = { interaction: 'interaction', resume: 'resume' } as const;

const MINUTE = 60;
const HOUR = 60 * MINUTE;

/** Seconds for which a refresh token is good from its last use on, and the grant behind it. */
export const REFRESH_LIFETIME = 30 * SECONDS_PER_DAY;

/** Seconds that an assertion with which a client authenticates may be good at most. */
const MAX_ASSERTION_LIFETIME = HOUR;

type AuthorizationCode = InstanceType<Provider['AuthorizationCode']>;

/** What the engine is told: which of its features there are, and where its clients, accounts and records come from. */
@Injectable()
export class EngineConfiguration {
  constructor(
    @InjectRepository(Client) private readonly clients: Repository<Client>,
    private readonly keys: KeyRing,
    private readonly passwords: PasswordsService,
    private readonly revoked: RevokedTokensService,
    private readonly limits: OAuthLimits,
    private readonly cookies: SignInCookies,
    private readonly signIns: SignInsService,
    private readonly database: Database,
    private readonly settings: Settings,
    private readonly clock: Clock,
  ) {}

  /** For an engine that is made with the keys of this moment. */
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
      extraClientMetadata: { properties: ['compatibility'] },
      allowOmittingSingleRegisteredRedirectUri: false,
      clientAuthMethods: ['client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none'],
      clockTolerance: CLOCK_SKEW,
      assertJwtClientAuthClaimsAndHeader: (_ctx, { exp }, header) => {
        if (!isPlainHeader(header))
          throw new errors.InvalidClientAuth(
            'the header of the client assertion has crit, b64 or a kid that is no name',
          );
        if (Number(exp) > toNumericDate(this.clock.now()) + MAX_ASSERTION_LIFETIME + CLOCK_SKEW)
          throw new errors.InvalidClientAuth('the client assertion is good for longer than an hour');
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
        // Their values are random and looked up by their hashes: a signature would add nothing.
        names: { session: this.cookies.sessionName, ...ENGINE_COOKIES },
        long: { signed: false, ...this.cookies.attributes },
        short: { signed: false },
      },
      interactions: {
        policy: this.limits.counting(signInPolicy((headers) => this.cookies.read(headers))),
        url: (_ctx, { uid }) => `${PATHS.interaction}/${uid}`,
      },
      findAccount: async (ctx, sub, token) => {
        // What a code or refresh token came from has ended with the password; a session may just be about to be stored.
        const passwordFrom = token ? undefined : ctx.oidc.session?.acr;
        return (await this.passwords.isStillSignedIn(sub, passwordFrom)) ? accountOf(sub) : undefined;
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
      // Before a code is kept, which is when it is known what it was asked for.
      expiresWithSession: async (ctx, token) => {
        if (token.kind === 'AuthorizationCode' && ctx.oidc.route !== 'token') {
          markLenient(ctx, token);
          await separate(ctx, token as AuthorizationCode);
        }
        return false;
      },
      // RFC 9700, section 4.14.2: what a client keeps that authenticates is of use to nobody else.
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

  /** The API, whose tokens the key signs. */
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
    // What can be no id, as one with a NUL, is not shown to the database.
    const client = isId(id) && (await this.clients.findOne({ where: { id }, relations: { redirectUris: true } }));
    return client ? clientMetadata(client, this.settings.httpRedirectHostsOf(client.compatibility)) : undefined;
  }
}

/**
 * One user may have several installations of one client, and what becomes of one leaves the others alone: a code for which
 * nobody was asked, since they had agreed before, has a grant of its own, that says the same.
 */
async function separate({ oidc }: KoaContextWithOIDC, code: AuthorizationCode): Promise<void> {
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
  const { text, headers } = pageOf(
    'This sign-in does not work',
    html`<p>Go back to where you came from and start again. If it happens again, tell whoever runs that application:</p>
      <p><code>${out.error}: ${out.error_description}</code></p>
      <p><small>${ctx.res.getHeader('x-request-id')}</small></p>`,
  );
  ctx.set(headers);
  if (error instanceof TooManyBegun) ctx.set(error.headers);
  ctx.body = text;
};
