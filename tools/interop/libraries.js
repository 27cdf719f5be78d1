import { OAuth2Client as BadgatewayClient, OAuth2Fetch, generateCodeVerifier } from '@badgateway/oauth2-client';
import axios from 'axios';
import { CodeChallengeMethod, OAuth2Client as GoogleClient } from 'google-auth-library';
import * as oauth4webapi from 'oauth4webapi';
import * as openidClient from 'openid-client';
import PassportStrategy from 'passport-oauth2';
import { AuthorizationCode } from 'simple-oauth2';

/**
 * How a host uses its library, unmodified; what is configured are addresses and the client. Each takes a host
 * `{ issuer, addresses: { authorize, token, revoke }, client: { id, secret }, redirectUri }`, whose client is public without a `secret`,
 * and answers
 *
 * - `begin()`: the address to which the browser is led,
 * - `exchange(landed)`: the tokens for the code at the address where the browser landed: `{ access_token, refresh_token }`,
 * - `refresh(refreshToken)`: the next ones, each time with a client of its own, as another page view would have,
 * - `get(accessToken, url)`: what the API answers, parsed,
 * - `revoke(refreshToken)`.
 */
export const LIBRARIES = {
  'openid-client': async ({ issuer, addresses, client, redirectUri }) => {
    const authentication = client.secret ? openidClient.ClientSecretBasic(client.secret) : openidClient.None();
    const isOwn = addresses.token.startsWith(`${issuer}/oauth/`);
    const metadata = { issuer, ...endpointsOf(addresses) };
    const configure = async () => {
      const config = isOwn
        ? await openidClient.discovery(new URL(issuer), client.id, {}, authentication, {
            algorithm: 'oauth2',
            execute: [openidClient.allowInsecureRequests],
          })
        : new openidClient.Configuration(metadata, client.id, {}, authentication);
      openidClient.allowInsecureRequests(config);
      return config;
    };
    const config = await configure();
    const pkceCodeVerifier = openidClient.randomPKCECodeVerifier();
    const expectedState = openidClient.randomState();
    return {
      begin: async () =>
        openidClient.buildAuthorizationUrl(config, {
          redirect_uri: redirectUri,
          scope: 'ROLE_USER',
          state: expectedState,
          code_challenge: await openidClient.calculatePKCECodeChallenge(pkceCodeVerifier),
          code_challenge_method: 'S256',
        }),
      exchange: (landed) => openidClient.authorizationCodeGrant(config, landed, { pkceCodeVerifier, expectedState }),
      refresh: async (refreshToken) => openidClient.refreshTokenGrant(await configure(), refreshToken),
      get: async (accessToken, url) =>
        (await openidClient.fetchProtectedResource(config, accessToken, new URL(url), 'GET')).json(),
      revoke: (refreshToken) => openidClient.tokenRevocation(config, refreshToken),
    };
  },

  oauth4webapi: async ({ issuer, addresses, client, redirectUri }) => {
    const insecure = { [oauth4webapi.allowInsecureRequests]: true };
    const server = { issuer, ...endpointsOf(addresses) };
    const self = { client_id: client.id };
    const authentication = client.secret ? oauth4webapi.ClientSecretPost(client.secret) : oauth4webapi.None();
    const verifier = oauth4webapi.generateRandomCodeVerifier();
    const state = oauth4webapi.generateRandomState();
    return {
      begin: async () =>
        withQuery(addresses.authorize, {
          response_type: 'code',
          client_id: client.id,
          redirect_uri: redirectUri,
          state,
          code_challenge: await oauth4webapi.calculatePKCECodeChallenge(verifier),
          code_challenge_method: 'S256',
        }),
      exchange: async (landed) => {
        const parameters = oauth4webapi.validateAuthResponse(server, self, landed, state);
        const exchange = [server, self, authentication, parameters, redirectUri, verifier, insecure];
        const response = await oauth4webapi.authorizationCodeGrantRequest(...exchange);
        return oauth4webapi.processAuthorizationCodeResponse(server, self, response);
      },
      refresh: async (refreshToken) => {
        const response = await oauth4webapi.refreshTokenGrantRequest(
          server,
          self,
          authentication,
          refreshToken,
          insecure,
        );
        return oauth4webapi.processRefreshTokenResponse(server, self, response);
      },
      get: async (accessToken, url) =>
        (
          await oauth4webapi.protectedResourceRequest(accessToken, 'GET', new URL(url), undefined, undefined, insecure)
        ).json(),
      revoke: async (refreshToken) =>
        oauth4webapi.processRevocationResponse(
          await oauth4webapi.revocationRequest(server, self, authentication, refreshToken, insecure),
        ),
    };
  },

  'simple-oauth2': ({ addresses, client, redirectUri }) => {
    const [authorize, token, revoke] = ['authorize', 'token', 'revoke'].map((name) => new URL(addresses[name]));
    const newGrant = () =>
      new AuthorizationCode({
        client: { id: client.id, secret: client.secret },
        auth: {
          tokenHost: token.origin,
          tokenPath: token.pathname,
          revokePath: revoke.pathname,
          authorizePath: authorize.pathname,
        },
      });
    const tokenOf = (refreshToken) => newGrant().createToken({ refresh_token: refreshToken });
    return {
      begin: () => newGrant().authorizeURL({ redirect_uri: redirectUri, scope: 'ROLE_USER', state: 'state' }),
      exchange: async (landed) =>
        (await newGrant().getToken({ code: landed.searchParams.get('code'), redirect_uri: redirectUri })).token,
      refresh: async (refreshToken) => (await tokenOf(refreshToken).refresh()).token,
      get: fetchJson,
      revoke: (refreshToken) => tokenOf(refreshToken).revoke('refresh_token'),
    };
  },

  '@badgateway/oauth2-client': async ({ issuer, addresses, client, redirectUri }) => {
    const newClient = () =>
      new BadgatewayClient({
        server: issuer,
        clientId: client.id,
        clientSecret: client.secret,
        authorizationEndpoint: addresses.authorize,
        tokenEndpoint: addresses.token,
        revocationEndpoint: addresses.revoke,
      });
    const codeVerifier = await generateCodeVerifier();
    return {
      begin: () =>
        newClient().authorizationCode.getAuthorizeUri({
          redirectUri,
          codeVerifier,
          scope: ['ROLE_USER'],
          state: 'state',
        }),
      exchange: async (landed) =>
        fromBadgateway(
          await newClient().authorizationCode.getTokenFromCodeRedirect(landed, {
            redirectUri,
            codeVerifier,
            state: 'state',
          }),
        ),
      refresh: async (refreshToken) => fromBadgateway(await newClient().refreshToken(toBadgateway(refreshToken))),
      get: async (accessToken, url) => {
        const token = { accessToken, expiresAt: null, refreshToken: null };
        const wrapper = new OAuth2Fetch({ client: newClient(), getNewToken: () => token });
        return (await wrapper.fetch(url)).json();
      },
      revoke: (refreshToken) => newClient().revoke(toBadgateway(refreshToken), 'refresh_token'),
    };
  },

  'passport-oauth2': ({ addresses, client, redirectUri }) => {
    const session = {};
    const newStrategy = (verify = () => {}) =>
      new PassportStrategy(
        {
          authorizationURL: addresses.authorize,
          tokenURL: addresses.token,
          clientID: client.id,
          clientSecret: client.secret,
          callbackURL: redirectUri,
          state: true,
          pkce: true,
        },
        verify,
      );
    return {
      begin: () =>
        new Promise((resolve, reject) => {
          Object.assign(newStrategy(), { redirect: resolve, error: reject }).authenticate({ session, query: {} });
        }),
      exchange: (landed) =>
        new Promise((resolve, reject) => {
          const strategy = newStrategy((access_token, refresh_token, _profile, done) =>
            done(null, { access_token, refresh_token }),
          );
          const fail = (challenge) => reject(new Error(challenge.message));
          Object.assign(strategy, { success: resolve, fail, error: reject });
          strategy.authenticate({ session, query: Object.fromEntries(landed.searchParams) });
        }),
      // The strategy lends what it is made of to subclasses and to packages such as passport-oauth2-refresh.
      refresh: (refreshToken) =>
        new Promise((resolve, reject) => {
          const { _oauth2: oauth } = newStrategy();
          oauth.getOAuthAccessToken(
            refreshToken,
            { grant_type: 'refresh_token' },
            (error, access_token, refresh_token) => (error ? reject(error) : resolve({ access_token, refresh_token })),
          );
        }),
      get: (accessToken, url) =>
        new Promise((resolve, reject) => {
          const { _oauth2: oauth } = newStrategy();
          oauth.useAuthorizationHeaderforGET(true);
          oauth.get(url, accessToken, (error, body) => (error ? reject(error) : resolve(JSON.parse(body))));
        }),
      revoke: (refreshToken) => post(addresses.revoke, { token: refreshToken, ...credentialsOf(client) }),
    };
  },

  'google-auth-library': async ({ addresses, client, redirectUri }) => {
    const newClient = () =>
      new GoogleClient({
        clientId: client.id,
        clientSecret: client.secret,
        redirectUri,
        clientAuthentication: client.secret ? 'ClientSecretPost' : 'None',
        endpoints: { oauth2AuthBaseUrl: addresses.authorize, oauth2TokenUrl: addresses.token },
      });
    const { codeVerifier, codeChallenge } = await newClient().generateCodeVerifierAsync();
    return {
      begin: () =>
        newClient().generateAuthUrl({
          access_type: 'offline',
          scope: ['ROLE_USER'],
          code_challenge: codeChallenge,
          code_challenge_method: CodeChallengeMethod.S256,
        }),
      exchange: async (landed) =>
        (await newClient().getToken({ code: landed.searchParams.get('code'), codeVerifier })).tokens,
      // What it keeps of the answer is the access token.
      refresh: async (refreshToken) => {
        const google = newClient();
        google.setCredentials({ refresh_token: refreshToken });
        let renewed;
        google.once('tokens', (tokens) => (renewed = { ...tokens }));
        await google.getAccessToken();
        return renewed;
      },
      get: async (accessToken, url) => {
        const google = newClient();
        google.setCredentials({ access_token: accessToken });
        return (await google.request({ url })).data;
      },
      // Its own revokeToken() sends the token in the address and no client with it, as Google alone takes it.
      revoke: (refreshToken) => post(addresses.revoke, { token: refreshToken, ...credentialsOf(client) }),
    };
  },

  axios: ({ addresses, client, redirectUri }) => {
    const verifier = oauth4webapi.generateRandomCodeVerifier();
    return {
      begin: async () =>
        withQuery(addresses.authorize, {
          response_type: 'code',
          client_id: client.id,
          redirect_uri: redirectUri,
          code_challenge: await oauth4webapi.calculatePKCECodeChallenge(verifier),
          code_challenge_method: 'S256',
        }),
      exchange: (landed) =>
        sendForm(addresses.token, {
          grant_type: 'authorization_code',
          code: landed.searchParams.get('code'),
          redirect_uri: redirectUri,
          code_verifier: verifier,
          ...credentialsOf(client),
        }),
      refresh: (refreshToken) =>
        sendForm(addresses.token, {
          grant_type: 'refresh_token',
          refresh_token: refreshToken,
          ...credentialsOf(client),
        }),
      get: async (accessToken, url) =>
        (await axios.get(url, { headers: { Authorization: `Bearer ${accessToken}` } })).data,
      revoke: (refreshToken) => sendForm(addresses.revoke, { token: refreshToken, ...credentialsOf(client) }),
    };
  },

  /** As hosts that were written for Drillster have it: no response_type, no redirect_uri, JSON, and the token that ended sent along. */
  'axios, as Drillster’s hosts use it': ({ addresses, client, redirectUri }) => {
    const stale = { headers: { Authorization: 'OAuth 0123456789abcdef' } };
    const send = async (address, fields) =>
      (await axios.post(address, { ...fields, ...credentialsOf(client) }, stale)).data;
    return {
      begin: () => withQuery(addresses.authorize, { client_id: client.id, redirect_uri: redirectUri }),
      exchange: (landed) =>
        send(addresses.token, { grant_type: 'authorization_code', code: landed.searchParams.get('code') }),
      refresh: (refreshToken) => send(addresses.token, { grant_type: 'refresh_token', refresh_token: refreshToken }),
      get: async (accessToken, url) =>
        (await axios.get(url, { headers: { Authorization: `OAuth ${accessToken}` } })).data,
      revoke: (refreshToken) => send(addresses.revoke, { token: refreshToken }),
    };
  },
};

function endpointsOf({ authorize, token, revoke }) {
  return { authorization_endpoint: authorize, token_endpoint: token, revocation_endpoint: revoke };
}

function withQuery(address, parameters) {
  return `${address}?${new URLSearchParams(parameters)}`;
}

function credentialsOf({ id, secret }) {
  return { client_id: id, ...(secret && { client_secret: secret }) };
}

function fromBadgateway({ accessToken, refreshToken }) {
  return { access_token: accessToken, refresh_token: refreshToken };
}

function toBadgateway(refreshToken) {
  return { accessToken: '', expiresAt: 0, refreshToken };
}

async function sendForm(address, fields) {
  return (await axios.post(address, new URLSearchParams(fields))).data;
}

/** For a library that calls no API. */
async function fetchJson(accessToken, url) {
  return (await fetch(url, { headers: { authorization: `Bearer ${accessToken}` } })).json();
}

/** For a library that revokes nothing. */
async function post(address, fields) {
  const response = await fetch(address, { method: 'POST', body: new URLSearchParams(fields) });
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
}
