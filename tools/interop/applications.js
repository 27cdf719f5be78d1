import { randomBytes } from 'node:crypto';
import { Auth, skipCSRFCheck } from '@auth/core';
import express from 'express';
import session from 'express-session';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import * as oauth4webapi from 'oauth4webapi';
import * as openidClient from 'openid-client';
import passport from 'passport';
import OpenIdConnectStrategy from 'passport-openidconnect';
import { freePort } from '../../test/support/free-port.js';

const SCOPE = 'openid profile email';
const EVENT = 'http://schemas.openid.net/event/backchannel-logout';

/**
 * How an application signs its users in with its library, unmodified; what is configured are addresses and the client.
 * Each takes `{ issuer, client: { id, secret }, url, app }`, with the Express application of the pages at `url`, and
 * answers
 *
 * - `start(request, response, target, hint)`: begins the code flow, with a state, a nonce and a challenge of its own,
 * - `user(request)`: the claims of whoever is signed in: `{ sub, sid }`, or nothing.
 *
 * It serves the callback itself, and leads on to `target` from there.
 */
export const LIBRARIES = {
  'openid-client': async ({ issuer, client, url, app, callback }) => {
    const config = await openidClient.discovery(new URL(issuer), client.id, client.secret, undefined, {
      execute: [openidClient.allowInsecureRequests],
    });
    app.get('/callback', async (request, response) => {
      const { target, ...checks } = request.session.login;
      const tokens = await openidClient.authorizationCodeGrant(config, new URL(request.url, url), checks);
      request.session.user = tokens.claims();
      response.redirect(303, target);
    });
    return {
      start: async (request, response, target, hint) => {
        const [pkceCodeVerifier, expectedState, expectedNonce] = [
          openidClient.randomPKCECodeVerifier(),
          openidClient.randomState(),
          openidClient.randomNonce(),
        ];
        request.session.login = { target, pkceCodeVerifier, expectedState, expectedNonce };
        const parameters = {
          redirect_uri: callback,
          scope: SCOPE,
          state: expectedState,
          nonce: expectedNonce,
          code_challenge: await openidClient.calculatePKCECodeChallenge(pkceCodeVerifier),
          code_challenge_method: 'S256',
          login_hint: hint,
        };
        response.redirect(303, openidClient.buildAuthorizationUrl(config, parameters).href);
      },
      user: (request) => request.session.user,
    };
  },

  oauth4webapi: async ({ issuer, client, url, app, callback }) => {
    const insecure = { [oauth4webapi.allowInsecureRequests]: true };
    const found = await oauth4webapi.discoveryRequest(new URL(issuer), insecure);
    const server = await oauth4webapi.processDiscoveryResponse(new URL(issuer), found);
    const self = { client_id: client.id };
    app.get('/callback', async (request, response) => {
      const { target, verifier, state, nonce } = request.session.login;
      const parameters = oauth4webapi.validateAuthResponse(server, self, new URL(request.url, url), state);
      const exchanged = await oauth4webapi.authorizationCodeGrantRequest(
        server,
        self,
        oauth4webapi.ClientSecretPost(client.secret),
        parameters,
        callback,
        verifier,
        insecure,
      );
      const expected = { expectedNonce: nonce, requireIdToken: true };
      const tokens = await oauth4webapi.processAuthorizationCodeResponse(server, self, exchanged, expected);
      await oauth4webapi.validateApplicationLevelSignature(server, exchanged, insecure);
      request.session.user = oauth4webapi.getValidatedIdTokenClaims(tokens);
      response.redirect(303, target);
    });
    return {
      start: async (request, response, target, hint) => {
        const [verifier, state, nonce] = [
          oauth4webapi.generateRandomCodeVerifier(),
          oauth4webapi.generateRandomState(),
          oauth4webapi.generateRandomNonce(),
        ];
        request.session.login = { target, verifier, state, nonce };
        const address = new URL(server.authorization_endpoint);
        address.search = new URLSearchParams({
          response_type: 'code',
          client_id: client.id,
          redirect_uri: callback,
          scope: SCOPE,
          state,
          nonce,
          code_challenge: await oauth4webapi.calculatePKCECodeChallenge(verifier),
          code_challenge_method: 'S256',
          login_hint: hint,
        });
        response.redirect(303, address.href);
      },
      user: (request) => request.session.user,
    };
  },

  'passport-openidconnect': async ({ issuer, client, app, callback }) => {
    const metadata = await metadataOf(issuer);
    const authenticator = new passport.Passport();
    const strategy = new OpenIdConnectStrategy(
      {
        issuer,
        authorizationURL: metadata.authorization_endpoint,
        tokenURL: metadata.token_endpoint,
        userInfoURL: metadata.userinfo_endpoint,
        clientID: client.id,
        clientSecret: client.secret,
        callbackURL: callback,
        scope: ['profile', 'email'],
        nonce: true,
      },
      (_issuer, profile, _context, idToken, done) => done(null, { ...claimsOf(idToken), name: profile.displayName }),
    );
    authenticator.use('latchkey', strategy);
    authenticator.serializeUser((user, done) => done(null, user));
    authenticator.deserializeUser((user, done) => done(null, user));
    app.use(authenticator.session());
    app.get('/callback', authenticator.authenticate('latchkey'), (request, response) =>
      response.redirect(303, request.authInfo.state.target),
    );
    return {
      start: (request, response, target, hint) =>
        authenticator.authenticate('latchkey', { loginHint: hint, state: { target } })(request, response, (error) => {
          throw error;
        }),
      user: (request) => request.user,
    };
  },

  'Auth.js': async ({ issuer, client, url, app }) => {
    const config = {
      basePath: '/auth',
      secret: randomBytes(32).toString('hex'),
      trustHost: true,
      providers: [
        {
          id: 'latchkey',
          name: 'Latchkey',
          type: 'oidc',
          issuer,
          clientId: client.id,
          clientSecret: client.secret,
          checks: ['pkce', 'state', 'nonce'],
          authorization: { params: { scope: SCOPE } },
        },
      ],
      callbacks: {
        redirect: ({ url: target }) => target,
        jwt: ({ token, profile }) => ({ ...token, ...(profile && { sub: profile.sub, sid: profile.sid }) }),
        session: ({ session: shown, token: { sub, sid } }) => ({ ...shown, sub, sid }),
      },
      logger: { error: () => undefined, warn: () => undefined, debug: () => undefined },
    };
    const ask = (request, path, options = {}) =>
      Auth(new Request(new URL(path, url), { ...options, headers: { cookie: request.headers.cookie ?? '' } }), {
        ...config,
        skipCSRFCheck,
      });
    app.get('/auth/callback/latchkey', async (request, response) => answer(response, await ask(request, request.url)));
    return {
      // What `signIn('latchkey', { redirectTo }, { login_hint })` of its framework packages does.
      start: async (request, response, target, hint) => {
        const body = new URLSearchParams({ callbackUrl: target });
        const path = `/auth/signin/latchkey?${new URLSearchParams({ login_hint: hint })}`;
        answer(response, await ask(request, path, { method: 'POST', body }));
      },
      user: async (request) => (await ask(request, '/auth/session')).json(),
    };
  },
};

/** The path of a callback, which the client is registered with before the library is configured. */
const CALLBACKS = { 'Auth.js': '/auth/callback/latchkey' };

/** An application with one of the libraries: its pages need a sign-in, and logout tokens end sessions. */
export class Application {
  #server;
  #ended = new Set();
  /** The text of the file that proves whose origin it is. */
  challenge = '';

  /** @param {string} library one of `LIBRARIES` */
  static async start(library) {
    const application = new Application();
    application.library = library;
    application.url = `http://127.0.0.1:${await freePort()}`;
    application.app = express();
    application.app.set('query parser', 'simple');
    application.app.get('/.well-known/latchkey-origin', (_, response) => {
      response.type('text/plain').send(application.challenge);
    });
    await new Promise((resolve) => {
      application.#server = application.app.listen(Number(new URL(application.url).port), '127.0.0.1', resolve);
    });
    return application;
  }

  /** What the client is registered with. */
  get registration() {
    return {
      redirectUris: [this.#callback],
      origins: [this.url],
      initiateLoginUri: `${this.url}/start`,
      backchannelLogoutUri: `${this.url}/backchannel-logout`,
    };
  }

  get #callback() {
    return `${this.url}${CALLBACKS[this.library] ?? '/callback'}`;
  }

  /** Configures the library for the client, and serves the pages. */
  async configure(issuer, client) {
    const { app, url } = this;
    const { jwks_uri: keys } = await metadataOf(issuer);
    app.use(session({ secret: randomBytes(32).toString('hex'), resave: false, saveUninitialized: false }));
    const callback = this.#callback;
    const { start, user } = await LIBRARIES[this.library]({ issuer, client, url, app, callback });
    // OpenID Connect Core 1.0, section 4
    app.get('/start', async (request, response) => {
      const { iss, target_link_uri: target, login_hint: hint } = request.query;
      if (iss !== issuer || new URL(target).origin !== url) return response.sendStatus(400);
      await start(request, response, target, hint);
    });
    app.get('/course/:id', async (request, response) => {
      const found = await user(request);
      if (!found?.sub || this.#ended.has(found.sid)) return response.sendStatus(401);
      response.json({ page: request.path, ...found });
    });
    app.post('/backchannel-logout', express.urlencoded(), async (request, response) => {
      const { payload } = await jwtVerify(request.body.logout_token, createRemoteJWKSet(new URL(keys)), {
        issuer,
        audience: client.id,
        typ: 'logout+jwt',
      });
      if (!(EVENT in payload.events) || 'nonce' in payload) return response.sendStatus(400);
      this.#ended.add(payload.sid);
      response.sendStatus(200);
    });
    app.use((error, _request, response, _next) => response.status(403).send(error.message));
  }

  async stop() {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

async function metadataOf(issuer) {
  return (await fetch(`${issuer}/.well-known/openid-configuration`)).json();
}

function claimsOf(idToken) {
  return JSON.parse(Buffer.from(idToken.split('.')[1], 'base64url'));
}

/** Sends a Response of the web by Express. */
function answer(response, { status, headers }) {
  for (const [name, value] of headers) if (name !== 'set-cookie') response.setHeader(name, value);
  response.setHeader('set-cookie', headers.getSetCookie());
  response.status(status).end();
}
