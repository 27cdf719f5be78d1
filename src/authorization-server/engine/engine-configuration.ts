import type { IncomingHttpHeaders } from 'node:http';
import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { errors } from 'oidc-provider';
import type { Account, Adapter, Configuration, KoaContextWithOIDC, Provider, ResourceServer } from 'oidc-provider';
import type { Repository } from 'typeorm';
import { SCOPE } from '../../auth/called-by.decorator.js';
import { addSeconds, Clock, CLOCK_SKEW, SECONDS_PER_DAY, toNumericDate } from '../../common/clock.js';
import { isId } from '../../common/id.js';
import { html, say } from '../../http/html.js';
import { LANGUAGES } from '../../http/language.js';
import { Settings } from '../../config/settings.js';
import { Database } from '../../database/database.js';
import { ProofsService } from '../../users/proofs.service.js';
import { Client } from '../../schema/entities/client.entity.js';
import { CONSOLE_CLIENT } from '../../clients/console-client.js';
import { GeneralRevocationsService, MAX_ASSERTION_LIFETIME } from '../../tokens/general-revocations.service.js';
import type { AssertionTimes } from '../../tokens/general-revocations.service.js';
import { KeyRing } from '../../tokens/key-ring.js';
import { isPlainHeader } from '../../tokens/plain-header.js';
import { RevokedTokensService } from '../../tokens/revoked-tokens.service.js';
import { SignInCookies } from '../../sign-ins/sign-in-cookies.js';
import { SignInsService } from '../../sign-ins/sign-ins.service.js';
import { USUAL_LIFETIME } from '../../tokens/signing-keys.service.js';
import { clientMetadata, consoleMetadata, openIdMetadata } from '../protocol/client-metadata.js';
import { mayIntrospect } from '../protocol/introspection.js';
import { isLenient, markLenient, requireKnownScopes } from '../protocol/compatibility.js';
import { ACR_VALUES, CLAIMS_OF_SCOPES, OTHER_CLAIMS, isForApi, OPENID_SCOPES } from '../protocol/openid.js';
import { handleOf } from '../protocol/session-names.js';
import { ApplicationSessionsService } from '../../applications/application-sessions.service.js';
import { AccountClaimsService } from './account-claims.service.js';
import { DelegatedSessions } from './delegated-sessions.service.js';
import type { Actor } from './delegated-sessions.service.js';
import { EngineSessions } from './engine-sessions.adapter.js';
import { sendLogoutPage, sendLoggedOutPage } from './logout-pages.js';
import { Logouts } from './logouts.service.js';
import { OAuthLimits, TooManyInteractions } from './oauth-limits.service.js';
import { OAuthRecords } from './oauth-records.adapter.js';
import { sendEnginePage } from '../protocol/engine.js';
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

/** A parameter that no request has. */
const NO_PARAMETER = 'latchkey_scope';

const MINUTE = 60;
const HOUR = 60 * MINUTE;

/** The lifetime of a refresh token since its last use, and of its grant, in seconds. */
export const REFRESH_LIFETIME = 30 * SECONDS_PER_DAY;

type AuthorizationCode = InstanceType<Provider['AuthorizationCode']>;

/** Configures the engine: its features, and where its clients, accounts and records come from. */
@Injectable()
export class EngineConfiguration {
  constructor(
    @InjectRepository(Client) private readonly clients: Repository<Client>,
    private readonly keys: KeyRing,
    private readonly proofs: ProofsService,
    private readonly revoked: RevokedTokensService,
    private readonly revocations: GeneralRevocationsService,
    private readonly limits: OAuthLimits,
    private readonly logouts: Logouts,
    private readonly delegated: DelegatedSessions,
    private readonly claims: AccountClaimsService,
    private readonly applications: ApplicationSessionsService,
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
      jwks: { keys: this.keys.privateJwks() as never },
      routes: {
        authorization: PATHS.authorization,
        token: PATHS.token,
        jwks: PATHS.jwks,
        revocation: PATHS.revocation,
        introspection: PATHS.introspection,
        userinfo: PATHS.userinfo,
        end_session: PATHS.endSession,
      },
      scopes: [SCOPE, ...OPENID_SCOPES],
      claims: { ...CLAIMS_OF_SCOPES, ...Object.fromEntries(OTHER_CLAIMS.map((claim) => [claim, null])) },
      acrValues: ACR_VALUES,
      discovery: { ui_locales_supported: LANGUAGES },
      // The engine asks about each extra parameter, also where a request has none of that name.
      extraParams: { [NO_PARAMETER]: requireKnownScopes },
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
      userinfo: { enabled: true },
      claimsParameter: { enabled: true },
      introspection: { enabled: true, allowedPolicy: mayIntrospect },
      rpInitiatedLogout: {
        enabled: true,
        logoutSource: async (ctx) =>
          sendLogoutPage(ctx, await this.logouts.endsOther(ctx, ctx.state.browser as IncomingHttpHeaders)),
        postLogoutSuccessSource: sendLoggedOutPage,
      },
      dPoP: { enabled: false },
      pushedAuthorizationRequests: { enabled: false },
      revocation: { enabled: true, allowedPolicy: (_ctx, client, token) => token.clientId === client.clientId },
      resourceIndicators: {
        enabled: true,
        // What only says who somebody is gives no access to the API.
        defaultResource: ({ oidc }, _client, oneOf) =>
          oneOf ?? (isForApi(oidc.requestParamScopes) ? this.resource : []),
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
      extraClientMetadata: { properties: ['compatibility', 'organization', 'secretMethod'] },
      allowOmittingSingleRegisteredRedirectUri: false,
      clientAuthMethods: ['client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none'],
      clockTolerance: CLOCK_SKEW,
      assertJwtClientAuthClaimsAndHeader: async (_ctx, claims, header) => {
        if (!isPlainHeader(header))
          throw new errors.InvalidClientAuth(
            'the header of the client assertion must not have crit or b64, and its kid must be a string of 1 to 255 characters',
          );
        // The engine has checked their types, and not whether `iat` has come.
        const times = claims as unknown as AssertionTimes;
        const latest = toNumericDate(this.clock.now()) + CLOCK_SKEW;
        if (times.exp > latest + MAX_ASSERTION_LIFETIME)
          throw new errors.InvalidClientAuth('the client assertion is valid for longer than an hour');
        if ((times.iat ?? 0) > latest)
          throw new errors.InvalidClientAuth('the client assertion was issued in the future');
        if (await this.revocations.wasUsableBefore(times))
          throw new errors.InvalidClientAuth(
            'the client assertion is from before all tokens were revoked: sign a new one',
          );
      },
      enabledJWA: {
        idTokenSigningAlgValues: ['RS256', 'ES256', 'EdDSA'],
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
        const { uid, accountId } = oidc.session!;
        const handle = handleOf(uid);
        // A delegated session has one grant for each application, whatever its user was asked.
        const agreed = handle === null ? oidc.result?.consent?.grantId : undefined;
        const grantId = agreed ?? oidc.session!.grantIdFor(clientId);
        const known = grantId ? await Grant.find(grantId) : undefined;
        if (known || (clientId !== CONSOLE_CLIENT && handle === null)) return known;
        const grant = new Grant({ accountId: accountId!, clientId });
        if (handle === null) {
          // The console is a part of this service, so nobody is asked whether it may act for them.
          grant.addOIDCScope(SCOPE);
          grant.addResourceScope(this.resource, SCOPE);
        } else {
          // Whoever let the user in has decided for them, and the application belongs to the same organization.
          grant.jti = grantId!;
          grant.addOIDCScope(OPENID_SCOPES.join(' '));
          grant.addOIDCClaims(Object.values(CLAIMS_OF_SCOPES).flat());
        }
        await grant.save();
        return grant;
      },
      findAccount: async (ctx, sub, token) => {
        const uid = (token as { sessionUid?: string } | undefined)?.sessionUid ?? ctx.oidc.session?.uid;
        const actor = await this.delegated.actorOf(uid);
        if (handleOf(uid) !== null && !actor) return undefined;
        // A code or refresh token is bound to the session that it came from, which ends with the password. A session
        // itself may be about to be stored.
        const proof = token ? undefined : ctx.oidc.session?.acr;
        if (!actor && (await this.proofs.worthOf(sub, proof)) !== 'enough') return undefined;
        if (actor) ctx.state.claims = { ...(ctx.state.claims as object | undefined), act: actor };
        return this.accountOf(sub, ctx.oidc.client!.clientId, actor);
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
        const isOnlySignIn = !isForApi((token as AuthorizationCode).scope?.split(' ') ?? []);
        if (token.kind === 'AuthorizationCode' && ctx.oidc.route !== 'token') {
          markLenient(ctx, token);
          if (ctx.oidc.requestParamScopes.has('openid')) await this.recordApplication(ctx);
          if (!isOnlySignIn) await giveOwnGrant(ctx, token as AuthorizationCode);
        }
        return isOnlySignIn;
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
        IdToken: 10 * MINUTE,
      },
    };
  }

  /** Records that the session signs its user in to an application, which is told when the session ends. */
  private async recordApplication({ oidc }: KoaContextWithOIDC): Promise<void> {
    const { clientId } = oidc.client!;
    const { uid, accountId } = oidc.session!;
    const handle = handleOf(uid);
    const of = handle === null ? { signInUid: uid } : { sessionId: handle };
    await this.applications.record({ clientId, userId: accountId!, sid: oidc.session!.sidFor(clientId)!, ...of });
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
    const records = this.recordsOf(kind);
    if (kind !== 'Session') return records;
    return new EngineSessions(records, this.recordsOf('LogoutRequest'), this.delegated);
  }

  private recordsOf(kind: string): OAuthRecords {
    return new OAuthRecords(kind, this.database, this.clock, async (grantId) => {
      await this.revoked.revoke(grantId, addSeconds(this.clock.now(), ACCESS_TOKEN_TTL));
    });
  }

  private accountOf(accountId: string, clientId: string, act: Actor | null): Account {
    return {
      accountId,
      claims: async () => ({ ...(await this.claims.of(accountId, clientId)), ...(act && { act }) }),
    };
  }

  private async findClient(id: string): Promise<ReturnType<typeof clientMetadata> | undefined> {
    // A text that can't be an ID, such as one with a NUL character, must not reach the database.
    if (id === CONSOLE_CLIENT) return consoleMetadata(this.settings.PUBLIC_URL);
    const client = isId(id) && (await this.clients.findOne({ where: { id }, relations: { redirectUris: true } }));
    if (!client) return undefined;
    const httpHosts = this.settings.httpRedirectHostsOf(client.compatibility);
    return { ...clientMetadata(client, httpHosts), ...openIdMetadata(client, httpHosts) };
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

const renderError: Configuration['renderError'] = (ctx, out, error) => {
  const { design } = ctx.oidc.provider as Engine;
  const isLogout = ctx.path.startsWith(PATHS.endSession);
  sendEnginePage(
    ctx,
    say(isLogout ? 'logoutBroken' : 'signInBroken'),
    html`<p>${isLogout ? html`<a href="${PATHS.endSession}">${say('logOut')}</a>` : say('startAgain')}</p>
      <p><code>${out.error}: ${out.error_description}</code></p>
      <p><small>${design.quote(ctx.res.getHeader('x-request-id'))}</small></p>`,
  );
  if (error instanceof TooManyInteractions) ctx.set(error.headers);
};
