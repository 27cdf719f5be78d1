import { timingSafeEqual } from 'node:crypto';
import type { EventEmitter } from 'node:events';
import { IncomingMessage, ServerResponse } from 'node:http';
import { Injectable, Logger } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { errors, Provider } from 'oidc-provider';
import type { KoaContextWithOIDC } from 'oidc-provider';
import type { Repository } from 'typeorm';
import { Clock, toNumericDate } from '../../common/clock.js';
import { hashSecret, isId } from '../../common/id.js';
import { Settings } from '../../config/settings.js';
import type { SecretMethod } from '../../schema/entities/client.entity.js';
import { ClientSecret } from '../../schema/entities/client-secret.entity.js';
import { KeyRing } from '../../tokens/key-ring.js';
import { SignInCookies } from '../../sign-ins/sign-in-cookies.js';
import type { ShownSignIn } from '../../sign-ins/sign-in-cookies.js';
import { JWT_BEARER } from '../protocol/client-metadata.js';
import { isCompatible, isLenient, storeLeniency } from '../protocol/compatibility.js';
import { countGrant } from '../../telemetry/metrics.js';
import { PageDesign } from '../../http/page-design.js';
import { Engine } from '../protocol/engine.js';
import { EngineAnswers } from './engine-answers.js';
import { ENGINE_COOKIES, EngineConfiguration } from './engine-configuration.js';
import { JwtBearerGrant } from '../grants/jwt-bearer.grant.js';
import { authenticationOf } from '../protocol/openid.js';
import { audiencesOf, PATHS } from '../protocol/paths.js';
import { authorizationIn, handleOf } from '../protocol/session-names.js';
import type { LiveSession } from '../../sessions/live/session.js';
import { DelegatedSessions } from './delegated-sessions.service.js';

/** Headers with which a proxy or a caller could tell the engine another address than the configured one. */
const FORWARDED = ['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto'];

/** What the engine takes from a request for the JWT bearer grant. */
const JWT_BEARER_PARAMETERS = [
  'assertion',
  'scope',
  'resource',
  'returnTo',
  'security',
  'embed',
  'delivery',
  'reason',
  'session',
];

/** What the engine is given of a request. */
interface Given {
  url: string;
  form?: URLSearchParams;
  uid?: string;
  session?: LiveSession | null;
}

/**
 * The OAuth 2.0 authorization server and OpenID provider (docs/api.md, section 12): a certified engine on our own database, keys and
 * accounts.
 */
@Injectable()
export class AuthorizationServer {
  private built: { version: string; provider: Provider } | null = null;
  /** Failures on our side, by request. The engine would answer them in its own words. */
  private readonly failures = new WeakMap<IncomingMessage, unknown>();
  /** The requests as they came, by the requests that the engine got in their place. */
  private readonly originals = new WeakMap<IncomingMessage, IncomingMessage>();

  constructor(
    @InjectRepository(ClientSecret) private readonly secrets: Repository<ClientSecret>,
    private readonly keys: KeyRing,
    private readonly configuration: EngineConfiguration,
    private readonly answers: EngineAnswers,
    private readonly jwtBearer: JwtBearerGrant,
    private readonly cookies: SignInCookies,
    private readonly delegated: DelegatedSessions,
    private readonly clock: Clock,
    private readonly settings: Settings,
  ) {}

  /** The engine with the current keys. It accepts keys only when it is created. */
  get provider(): Provider {
    const { version } = this.keys;
    if (this.built?.version !== version) this.built = { version, provider: this.build() };
    return this.built.provider;
  }

  /**
   * Answers a request. `url` (one of `PATHS`) and `form` replace what the request brought; `uid` is the sign-in that
   * the browser comes back from; `session` is the delegated session that counts, in place of the browser's sign-in
   * session.
   *
   * @throws the failure on our side, if there was one; nothing has been sent by then
   */
  async answer(request: FastifyRequest, reply: FastifyReply, { session, ...given }: Given): Promise<void> {
    await this.keys.refresh();
    const shown = this.shownFor(request, reply, given.url);
    const pass = (session?: string): Promise<void> =>
      this.pass(request, reply, { ...given, shown: session ? { ...shown, session } : shown });
    return session ? this.delegated.lend(session, pass) : pass();
  }

  /** The cookies that an endpoint may see. Endpoints for programs see none. */
  private shownFor(request: FastifyRequest, reply: FastifyReply, url: string): ShownSignIn {
    if (url.startsWith(PATHS.authorization)) return this.cookies.ensureBrowser(request, reply);
    return url.startsWith(PATHS.endSession) ? this.cookies.read(request.headers) : {};
  }

  private async pass(
    request: FastifyRequest,
    reply: FastifyReply,
    { url, ...given }: Omit<Given, 'session'> & { shown: ShownSignIn },
  ): Promise<void> {
    for (const [name, value] of Object.entries(reply.getHeaders())) if (value) reply.raw.setHeader(name, value);
    const rewritten = this.toEngineRequest(request.raw, url, given);
    // The engine reads only the address of the last proxy.
    rewritten.headers['x-forwarded-for'] = request.ip;
    await this.provider.callback()(rewritten, reply.raw);
    if (this.failures.has(rewritten)) {
      removeHeaders(reply.raw);
      void reply.removeHeader('Set-Cookie');
      throw this.failures.get(rewritten);
    }
    reply.hijack();
  }

  /**
   * The answer of the token endpoint to a client of our own, whose form comes with a request for another page. Nothing
   * goes over the network. @throws the failure on our side, if there was one
   */
  async requestToken({ raw, ip }: FastifyRequest, form: URLSearchParams): Promise<Record<string, unknown>> {
    await this.keys.refresh();
    const request = this.toEngineRequest(raw, PATHS.token, { form, shown: {} });
    request.method = 'POST';
    request.headers['x-forwarded-for'] = ip;
    delete request.headers.authorization;
    const response = new ServerResponse(request);
    let body = '';
    response.end = ((text: unknown) => {
      body = String(text);
      return response;
    }) as ServerResponse['end'];
    await this.provider.callback()(request, response);
    if (this.failures.has(request)) throw this.failures.get(request);
    return JSON.parse(body) as Record<string, unknown>;
  }

  /**
   * The request in the form that the engine must see: at the public URL, whatever its headers say; with its form still
   * unread; and with only those cookies that we have read ourselves.
   */
  toEngineRequest(
    raw: IncomingMessage,
    url: string,
    { form, shown, uid }: { form?: URLSearchParams; shown: ShownSignIn; uid?: string },
  ): IncomingMessage {
    const request = new IncomingMessage(raw.socket);
    const { host, protocol } = new URL(this.settings.PUBLIC_URL);
    const headers = { ...raw.headers };
    for (const name of FORWARDED) delete headers[name];
    const cookie = this.engineCookies(shown, uid);
    request.headers = { ...headers, host, cookie, 'x-forwarded-proto': protocol.slice(0, -1) };
    request.method = raw.method;
    request.url = url;
    this.originals.set(request, raw);
    if (form) {
      const body = form.toString();
      delete request.headers['transfer-encoding'];
      // The form may have come as JSON.
      request.headers['content-type'] = 'application/x-www-form-urlencoded';
      request.headers['content-length'] = String(Buffer.byteLength(body));
      request.push(body);
    }
    request.push(null);
    // Otherwise the engine would take the end of this message for an aborted request and close the connection.
    request.complete = true;
    return request;
  }

  /** Whether the client with this ID may leave out parts that the standards require. */
  async isCompatible(clientId: string): Promise<boolean> {
    return isCompatible(await this.provider.Client.find(clientId));
  }

  /**
   * The redirect URI of a code, for a client that need not repeat it. If nobody issued the code, the engine refuses it
   * anyway, whatever the URI is.
   */
  async redirectUriOf(code: string): Promise<string | undefined> {
    const found = await this.provider.AuthorizationCode.find(code);
    if (!found) return this.settings.PUBLIC_URL;
    return found.clientId && isLenient(found) && (await this.isCompatible(found.clientId))
      ? found.redirectUri
      : undefined;
  }

  /** Whether a refresh token came from a request with `openid`. */
  async isForSignIn(refreshToken: string | null): Promise<boolean> {
    const found = refreshToken === null ? undefined : await this.provider.RefreshToken.find(refreshToken);
    return found?.scopes.has('openid') ?? false;
  }

  private engineCookies({ session, browser }: ShownSignIn, uid?: string): string {
    const { interaction, resume } = ENGINE_COOKIES;
    const { sessionName, browserName } = this.cookies;
    return Object.entries({ [sessionName]: session, [browserName]: browser, [interaction]: uid, [resume]: uid })
      .flatMap(([name, value]) => (value && isId(value) ? [`${name}=${value}`] : []))
      .join('; ');
  }

  private build(): Provider {
    // The engine signs with the keys that it was created with, even while they are being replaced, so it must be told
    // to use one of them.
    const resourceServer = this.configuration.resourceServer(this.keys.signing('ACCESS').kid);
    const provider = new Engine(
      this.settings.PUBLIC_URL,
      this.configuration.of(resourceServer),
      new PageDesign(this.settings),
    );
    // The headers can be trusted here: the request has been rewritten, and they are our own.
    provider.proxy = true;
    storeLeniency(provider);
    this.replaceClientChecks(provider);
    keepIdentifier(provider.Session.prototype as unknown as SessionPrototype);
    nameAuthorizations(provider.Session.prototype as unknown as SessionPrototype);
    const { clock } = this;
    Object.assign(provider.Session.prototype, {
      // By the clock that has set the instant. The engine has one of its own.
      past(this: { loginTs?: number }, age: unknown): boolean {
        return toNumericDate(clock.now()) - (this.loginTs ?? 0) > Number(age);
      },
    });
    Object.defineProperties(provider.OIDCContext.prototype, {
      acr: {
        get(this: KoaContextWithOIDC['oidc']) {
          return authenticationOf(this)?.acr;
        },
      },
      amr: {
        get(this: KoaContextWithOIDC['oidc']) {
          return authenticationOf(this)?.amr;
        },
      },
    });
    const audiences = new Set(audiencesOf(this.settings.PUBLIC_URL));
    Object.assign(provider.OIDCContext.prototype, {
      clientJwtAuthExpectedAudience(this: { urlFor(route: string): string; route: string }): Set<string> {
        return new Set([...audiences, this.urlFor(this.route)]);
      },
    });
    provider.registerGrantType(
      JWT_BEARER,
      (ctx) => this.jwtBearer.answer(ctx, provider, resourceServer),
      JWT_BEARER_PARAMETERS,
    );
    this.collectFailures(provider);
    return provider;
  }

  /** Secrets are compared by their hashes, and redirect URIs character by character. */
  private replaceClientChecks(provider: Provider): void {
    const { secrets } = this;
    Object.assign(provider.Client.prototype, {
      async compareClientSecret(this: SecretClient, secret: string): Promise<boolean> {
        const isRight = isOneOf(secret, await secrets.findBy({ clientId: this.clientId }));
        if (isRight) requireMethod(this.secretMethod);
        return isRight;
      },
      // Compare character by character, also loopback addresses.
      redirectUriAllowed(this: { redirectUris?: string[] }, uri: string): boolean {
        return this.redirectUris?.includes(uri) ?? false;
      },
      postLogoutRedirectUriAllowed(this: { postLogoutRedirectUris?: string[] }, uri: string): boolean {
        return this.postLogoutRedirectUris?.includes(uri) ?? false;
      },
      // Each ID token names its session, so that an application can tell which one a logout is about.
      includeSid: () => true,
    });
  }

  /** Removes from the answer the cookies that are kept between the engine and us, and those of lent sessions. */
  private removeEngineCookies(response: ServerResponse): void {
    const cookies = [response.getHeader('set-cookie') ?? []].flat().map(String);
    const names = Object.values<string>(ENGINE_COOKIES);
    const others = cookies.filter((cookie) => {
      const [, name, value] = /^([^=]*)=([^;]*)/.exec(cookie)!;
      return !names.includes(name!) && !(name === this.cookies.sessionName && this.delegated.isLent(value!));
    });
    if (others.length > 0) response.setHeader('Set-Cookie', others);
    else response.removeHeader('Set-Cookie');
  }

  /** What goes wrong on our side is thrown out of the engine, for a filter to answer. */
  private collectFailures(provider: Provider): void {
    provider.use(async (ctx, next) => {
      const { headers } = this.originals.get(ctx.req)!;
      ctx.state.browser = headers;
      try {
        await next();
        if (!this.failures.has(ctx.req)) await this.answers.complete(ctx as KoaContextWithOIDC, headers);
      } catch (error) {
        this.failures.set(ctx.req, error);
      }
      const hasFailed = this.failures.has(ctx.req);
      if (ctx.oidc?.route === 'token') countTokenRequest(ctx as KoaContextWithOIDC, hasFailed);
      this.removeEngineCookies(ctx.res);
      ctx.respond = !hasFailed;
    });
    for (const endpoint of ['grant', 'revocation', 'introspection', 'userinfo'])
      (provider as EventEmitter).on(`${endpoint}.error`, ({ state }, error) => (state.refusal = error));
    provider.on('grant.revoked', (ctx) => (ctx.state.hasRevokedGrant = true));
    provider.on('server_error', ({ req }, error) => this.failures.set(req, error));
    // The only failures left are connections that broke while the answer was being sent.
    (provider as EventEmitter).on('error', (error: Error) => new Logger('AuthorizationServer').warn(error.message));
  }
}

function countTokenRequest({ oidc, state }: KoaContextWithOIDC, hasFailed: boolean): void {
  const outcome = hasFailed ? 'failed' : state.refusal ? 'refused' : 'issued';
  countGrant(String(oidc.params?.grant_type), outcome);
}

/**
 * Removes the headers of an answer that was not sent. The CORS headers stay: which origins may read an answer was
 * decided with them, and it also applies to the answer that is sent instead.
 */
function removeHeaders(response: ServerResponse): void {
  for (const name of response.getHeaderNames())
    if (name !== 'vary' && !name.startsWith('access-control-')) response.removeHeader(name);
  response.statusMessage = '';
}

/**
 * Keeps a sign-in session's identifier while the user agrees, so that a form can be sent twice. The session gets a new
 * identifier when somebody signs in.
 */
function keepIdentifier(prototype: SessionPrototype): void {
  const { loginAccount, resetIdentifier } = prototype;
  Object.assign(prototype, {
    loginAccount(this: SessionPrototype, details: { accountId: string }): void {
      this.changesAccount = this.accountId !== details.accountId;
      loginAccount.call(this, details);
    },
    resetIdentifier(this: SessionPrototype): void {
      if (this.changesAccount) resetIdentifier.call(this);
    },
  });
}

/** A delegated session knows each application by what follows from its handle, so that nothing has to be stored. */
function nameAuthorizations(prototype: SessionPrototype): void {
  const { authorizationFor } = prototype;
  Object.assign(prototype, {
    authorizationFor(this: SessionPrototype, clientId: string, value?: string): object {
      const handle = handleOf(this.uid);
      return handle === null ? authorizationFor.call(this, clientId, value) : authorizationIn(handle, clientId);
    },
  });
}

interface SessionPrototype {
  uid?: string;
  accountId?: string;
  changesAccount?: boolean;
  loginAccount: (details: { accountId: string }) => void;
  resetIdentifier: () => void;
  authorizationFor: (clientId: string, value?: string) => object;
}

/** What a client's secret is checked with. Without a `secretMethod`, the client may send it either way. */
interface SecretClient {
  clientId: string;
  secretMethod?: SecretMethod;
}

/** Refuses a right secret that was not sent as the client registered (OpenID Connect Core 1.0, section 9). */
function requireMethod(method: SecretMethod | undefined): void {
  const used = Provider.ctx?.oidc.params?.client_secret ? 'client_secret_post' : 'client_secret_basic';
  if (method && method !== used)
    throw Object.assign(new errors.InvalidClientAuth(`the secret was sent by ${used}`), {
      error_description: `the client must send its secret by ${method}`,
    });
}

function isOneOf(secret: string, secrets: ClientSecret[]): boolean {
  const hash = Buffer.from(hashSecret(secret));
  return secrets.filter(({ secretHash }) => timingSafeEqual(Buffer.from(secretHash), hash)).length > 0;
}
