// A small application that signs its users in by OpenID Connect. It knows Latchkey only as any provider: by its issuer.
//
//   ISSUER         the public URL of Latchkey
//   CLIENT_ID      its client there
//   CLIENT_SECRET
//   PORT           where to listen (4003)
import { randomUUID } from 'node:crypto';
import cookie from '@fastify/cookie';
import Fastify from 'fastify';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import * as oidc from 'openid-client';

const { ISSUER, CLIENT_ID, CLIENT_SECRET, PORT = '4003' } = process.env;
const ORIGIN = `http://localhost:${PORT}`;
const CALLBACK = `${ORIGIN}/oidc/callback`;
/** The event of OpenID Connect Back-Channel Logout 1.0, section 2.4. */
const LOGOUT = 'http://schemas.openid.net/event/backchannel-logout';

/** Sign-ins that have begun, by their `state`, and sessions, by the value of the cookie. */
const begun = new Map();
const sessions = new Map();

const app = Fastify({ logger: false });
await app.register(cookie);
app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, async (_, body) =>
  Object.fromEntries(new URLSearchParams(body)),
);

/** Latchkey may start later than this application. */
let provider;
function discovered() {
  provider ??= oidc
    .discovery(new URL(ISSUER), CLIENT_ID, CLIENT_SECRET, undefined, { execute: [oidc.allowInsecureRequests] })
    .catch((error) => {
      provider = undefined;
      throw error;
    });
  return provider;
}

/** Begins a sign-in: by the button, and where somebody else starts it (OpenID Connect Core 1.0, section 4). */
app.get('/oidc/login', async ({ query }, reply) => {
  const { iss = ISSUER, target_link_uri: target = `${ORIGIN}/`, login_hint: hint } = query;
  // Only its own provider may start a sign-in, which may only end on a page of its own.
  if (iss !== ISSUER || !URL.canParse(target) || new URL(target).origin !== ORIGIN) return reply.status(400).send();
  const [state, nonce, verifier] = [oidc.randomState(), oidc.randomNonce(), oidc.randomPKCECodeVerifier()];
  begun.set(state, { nonce, verifier, target });
  const url = oidc.buildAuthorizationUrl(await discovered(), {
    redirect_uri: CALLBACK,
    scope: 'openid profile email',
    state,
    nonce,
    code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    ...(hint && { login_hint: hint }),
  });
  return reply
    .setCookie('wiki-state', state, { httpOnly: true, sameSite: 'lax', path: '/oidc' })
    .redirect(url.href, 303);
});

/** The provider sends the browser back. `state` says that it is the browser that began. */
app.get('/oidc/callback', async ({ url, cookies }, reply) => {
  const state = cookies['wiki-state'];
  const signIn = begun.get(state);
  if (!signIn) return reply.redirect('/oidc/login', 303);
  begun.delete(state);
  const checks = { expectedState: state, expectedNonce: signIn.nonce, pkceCodeVerifier: signIn.verifier };
  const configuration = await discovered();
  const tokens = await oidc.authorizationCodeGrant(configuration, new URL(url, ORIGIN), checks);
  const { sub, sid, ...claims } = tokens.claims();
  const userinfo = await oidc.fetchUserInfo(configuration, tokens.access_token, sub);
  const id = randomUUID();
  sessions.set(id, { claims: { ...userinfo, sid, ...claims }, idToken: tokens.id_token });
  return reply.setCookie('wiki', id, { httpOnly: true, sameSite: 'lax', path: '/' }).redirect(signIn.target, 303);
});

/** The provider says that a session has ended, whatever ended it. */
app.post('/oidc/logout', async ({ body }, reply) => {
  const keys = createRemoteJWKSet(new URL((await discovered()).serverMetadata().jwks_uri));
  const options = { issuer: ISSUER, audience: CLIENT_ID, typ: 'logout+jwt' };
  const { payload } = await jwtVerify(body.logout_token, keys, options).catch(() => ({ payload: undefined }));
  if (!payload?.events?.[LOGOUT] || 'nonce' in payload) return reply.status(400).send();
  for (const [id, { claims }] of sessions)
    if (payload.sid ? claims.sid === payload.sid : claims.sub === payload.sub) sessions.delete(id);
  return reply.header('Cache-Control', 'no-store').send();
});

/** Signs out here and at the provider (OpenID Connect RP-Initiated Logout 1.0). */
app.post('/logout', async ({ cookies }, reply) => {
  const session = sessions.get(cookies.wiki);
  sessions.delete(cookies.wiki);
  if (!session) return reply.redirect('/', 303);
  const parameters = { id_token_hint: session.idToken, post_logout_redirect_uri: `${ORIGIN}/` };
  return reply.redirect(oidc.buildEndSessionUrl(await discovered(), parameters).href, 303);
});

app.get('/*', ({ url, cookies }, reply) =>
  reply.type('text/html; charset=utf-8').send(page(url, sessions.get(cookies.wiki)?.claims)),
);

function page(url, claims) {
  const rows = Object.entries(claims ?? {}).map(
    ([name, value]) => `<tr><th>${escaped(name)}</th><td>${escaped(JSON.stringify(value))}</td></tr>`,
  );
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Handbook</title>
<style>
body { margin: 0; font: 1rem/1.5 system-ui, sans-serif; background: #eef1f8; color: #1f2533; }
header { display: flex; align-items: center; justify-content: space-between; padding: 1rem 2rem; background: #2b4a86; color: #fff; }
header form { margin: 0; }
button { padding: .3rem .8rem; border: 1px solid #fff; border-radius: .4rem; background: none; color: #fff; font: inherit; cursor: pointer; }
main { max-width: 60rem; padding: 2rem; }
th { padding-right: 1rem; text-align: left; vertical-align: top; white-space: nowrap; }
td { overflow-wrap: anywhere; font-family: monospace; }
</style>
</head>
<body>
<header><span>${claims ? escaped(claims.name ?? claims.sub) : 'Handbook'}</span>${
    claims ? '<form method="post" action="/logout"><button>Log out</button></form>' : ''
  }</header>
<main>
<h1>Handbook</h1>
${
  claims
    ? `<p>This page is <code>${escaped(url)}</code>. The application has signed you in by OpenID Connect, and Latchkey said:</p>
<table>${rows.join('')}</table>`
    : `<p>You are not signed in. <a href="/oidc/login?target_link_uri=${encodeURIComponent(ORIGIN + url)}">Sign in</a></p>`
}
</main>
</body>
</html>
`;
}

function escaped(text) {
  return String(text).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

await app.listen({ port: Number(PORT), host: 'localhost' });
process.stdout.write(`Application     ${ORIGIN}\n`);
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void app.close());
