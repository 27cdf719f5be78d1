import { randomUUID } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { SignJWT } from 'jose';
import type { Answer } from './app.js';
import { JWT_BEARER } from './oauth.js';

/** Who is there, in the service and in the emulator alike. */
export interface Cast {
  anna: string;
  bo: string;
  stranger: string;
  blocked: string;
  invited: string;
  boss: string;
  thirdParty: string;
  group: string;
  otherGroup: string;
  callerToken: string;
  weakToken: string;
  account: { id: string; keyId: string; clientId: string; privateKey: KeyObject };
}

/** The service, or the emulator. */
export interface Side {
  url: string;
  cast: Cast;
  call: (
    path: string,
    options?: { method?: string; headers?: Record<string, string>; body?: string },
  ) => Promise<Answer>;
  advance: (seconds: number) => void;
  /** Ends the account without permissions, and waits until that counts. */
  removeWeak: () => Promise<void>;
  /** What earlier steps have left: links, cookies and IDs. */
  kept: Record<string, string>;
}

export type Step = [name: string, take: (side: Side) => Promise<Answer>];

const JSON_ONLY = { accept: 'application/json' };
const HTML = { accept: 'text/html' };
const ORIGIN = 'https://learn.example.com';

function access(reference: (cast: Cast) => string, token: keyof Cast | null = 'callerToken', version = '2.1.1') {
  return ({ cast, call }: Side): Promise<Answer> =>
    call(`/api/${version}/access${reference(cast)}`, {
      headers: token === null ? {} : { authorization: `Bearer ${cast[token] as string}` },
    });
}

/** Opens a link that an earlier step has kept. */
function open(link: string, headers: Record<string, string> = {}, cookie?: string, method = 'GET', body?: string) {
  return ({ call, kept }: Side): Promise<Answer> => {
    const all = { ...headers };
    if (body !== undefined) all['content-type'] = 'application/x-www-form-urlencoded';
    if (cookie !== undefined) all.cookie = kept[cookie]!;
    return call(`/login?token=${kept[link]}`, { method, headers: all, body });
  };
}

/** Keeps the login token of an answer. */
function keeping(name: string, take: Step[1]): Step[1] {
  return async (side) => {
    const answer = await take(side);
    side.kept[name] = answer.body?.token ?? answer.body?.access_token;
    return answer;
  };
}

function keepingCookie(name: string, take: Step[1]): Step[1] {
  return async (side) => {
    const answer = await take(side);
    side.kept[name] = answer.headers.getSetCookie()[0]?.split(';')[0] ?? '';
    return answer;
  };
}

interface Asked {
  claims?: Record<string, unknown>;
  header?: Record<string, unknown>;
  fields?: Record<string, string>;
  isForLogin?: boolean;
  assertion?: string;
}

/** Asks the token endpoint for `sub`, or for the service account itself. */
function grant(
  sub: (cast: Cast) => string,
  { claims = {}, header = {}, fields = {}, isForLogin = true, assertion }: Asked = {},
) {
  return async ({ url, cast, call, kept }: Side): Promise<Answer> => {
    const now = Math.floor(Date.now() / 1000);
    const all = {
      iss: cast.account.id,
      sub: sub(cast),
      aud: `${url}/oauth/token`,
      iat: now,
      exp: now + 300,
      ...claims,
    };
    const signed = await new SignJWT({ jti: randomUUID(), ...all })
      .setProtectedHeader({ alg: 'ES256', kid: cast.account.keyId, ...header })
      .sign(cast.account.privateKey);
    const sent = assertion === 'again' ? kept.assertion! : (assertion ?? signed);
    kept.assertion = sent;
    const resource = isForLogin ? { resource: `${url}/login` } : {};
    const form = { grant_type: JWT_BEARER, assertion: sent, ...resource, ...fields };
    return call('/oauth/token', post(Object.fromEntries(Object.entries(form).filter(([, value]) => value !== ''))));
  };
}

function post(fields: Record<string, string>, method = 'POST', headers: Record<string, string> = {}) {
  return {
    method,
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    body: new URLSearchParams(fields).toString(),
  };
}

function directory(
  method: string,
  path: (side: Side) => string,
  fields?: Record<string, string>,
  token: keyof Cast = 'callerToken',
) {
  return (side: Side): Promise<Answer> => {
    const authorization = `Bearer ${side.cast[token] as string}`;
    const options = fields ? post(fields, method, { authorization }) : { method, headers: { authorization } };
    return side.call(`/api/2.1.1/${path(side)}`, options);
  };
}

const inAnHour = (): number => Math.floor(Date.now() / 1000) + 3600;

/** One list of requests for both. Each step may use what the ones before have left. */
export const STORY: Step[] = [
  [
    'lets in by ID',
    keeping(
      'first',
      access(({ anna }) => `/${anna}`),
    ),
  ],
  [
    'lets in by e-mail address',
    keeping(
      'second',
      access(() => '/ANNA@demo.example?returnTo=/course/1'),
    ),
  ],
  ['lets in by third-party ID', access(({ thirdParty }) => `/${thirdParty}$4711`)],
  ['lets in by third-party ID in two segments', access(({ thirdParty }) => `/${thirdParty}/4711`)],
  ['answers version 2 with the token alone', access(({ anna }) => `/${anna}`, 'callerToken', '2')],
  ['lets in over https', access(({ anna }) => `/${anna}?security=ssl`)],
  ['lets in to an origin of the client', access(({ anna }) => `/${anna}?returnTo=${ORIGIN}/course/1`)],
  ['lets in with a reason', access(({ anna }) => `/${anna}?reason=Call%204711`)],
  ['rule 1: no token', access(({ anna }) => `/${anna}`, null)],
  [
    'rule 1: a wrong token',
    ({ cast, call }) => call(`/api/2.1.1/access/${cast.anna}`, { headers: { authorization: 'Bearer x' } }),
  ],
  ['rule 2: no user', access(() => '/')],
  ['rule 2: a blank user', access(() => '/%20')],
  ['rule 2: a control character', access(() => '/a%07b')],
  ['rule 2: a malformed third party', access(() => '/bad%20code$1')],
  ['rule 2: a malformed third party in a segment', access(() => '/bad%20code/1')],
  ['rule 3: returnTo elsewhere', access(({ anna }) => `/${anna}?returnTo=https://evil.example/`)],
  ['rule 3: returnTo with two slashes', access(({ anna }) => `/${anna}?returnTo=//evil.example/`)],
  ['rule 3: security', access(({ anna }) => `/${anna}?security=none`)],
  ['rule 3: delivery', access(({ anna }) => `/${anna}?delivery=mail`)],
  ['rule 3: session', access(({ anna }) => `/${anna}?session=replace`)],
  ['rule 3: a parameter given twice', access(({ anna }) => `/${anna}?session=keep&session=switch`)],
  ['rule 3: a reason of two lines', access(({ anna }) => `/${anna}?reason=a%0Ab`)],
  ['rule 4: no permission', access(({ anna }) => `/${anna}`, 'weakToken')],
  ['rule 4 before rule 5', access(() => '/nobody@demo.example', 'weakToken')],
  ['rule 5: nobody', access(() => '/nobody@demo.example')],
  ['rule 5: blocked', access(({ blocked }) => `/${blocked}`)],
  ['rule 6: in no group of the caller', access(({ stranger }) => `/${stranger}`)],
  ['rule 6: invited only', access(({ invited }) => `/${invited}`)],
  ['rule 6: oneself', access(() => '/self')],
  ['rule 7: has more permissions', access(({ boss }) => `/${boss}`)],

  ['looks at a link', open('first', {}, undefined, 'HEAD')],
  ['does not use a link in a prefetch', open('first', { 'sec-purpose': 'prefetch', ...JSON_ONLY })],
  ['does not use a link as an image', open('first', { 'sec-fetch-dest': 'image', ...JSON_ONLY })],
  ['starts a session', keepingCookie('cookie', open('first'))],
  ['refuses a used link', open('first', JSON_ONLY)],
  ['refuses a used link with a page', open('first')],
  ['refuses a forged link', ({ call }) => call('/login?token=forged', { headers: JSON_ONLY })],
  ['refuses a login without a token', ({ call }) => call('/login', { headers: JSON_ONLY })],
  ['refuses two tokens', ({ call }) => call('/login?token=a&oauth_token=b', { headers: JSON_ONLY })],
  ['leads the same user on', open('second', {}, 'cookie')],
  ['keeps a link for when there is no session', keepingCookie('later', open('second'))],
  ['shows the session', ({ call, kept }) => call('/session', { headers: { cookie: kept.cookie! } })],
  ['shows no session', ({ call }) => call('/session')],
  [
    'issues for another user',
    keeping(
      'bo',
      access(({ bo }) => `/${bo}`),
    ),
  ],
  ['keeps the session of another user', open('bo', {}, 'cookie')],
  ['keeps the session of another user with a page', open('bo', HTML, 'cookie')],
  [
    'issues with a question',
    keeping(
      'ask',
      access(({ bo }) => `/${bo}?session=ask&returnTo=/x`),
    ),
  ],
  ['asks', open('ask', HTML, 'cookie')],
  ['stays', async (side) => open('ask', { origin: side.url }, 'cookie', 'POST', 'answer=stay')(side)],
  ['continues', async (side) => open('ask', { origin: side.url }, 'cookie', 'POST', 'answer=continue')(side)],
  ['has ended the old session', ({ call, kept }) => call('/session', { headers: { cookie: kept.cookie! } })],
  [
    'issues with a switch',
    keeping(
      'switch',
      access(({ bo }) => `/${bo}?session=switch`),
    ),
  ],
  ['switches', keepingCookie('switched', open('switch', {}, 'later'))],
  [
    'issues a link',
    keeping(
      'link',
      access(({ anna }) => `/${anna}?delivery=link`),
    ),
  ],
  ['waits for the visitor', open('link', HTML)],
  [
    'refuses a form from elsewhere',
    open('link', { origin: 'https://evil.example', ...JSON_ONLY }, undefined, 'POST', 'answer=open'),
  ],
  ['opens the link', async (side) => open('link', { origin: side.url }, undefined, 'POST', 'answer=open')(side)],
  [
    'refuses a logout from elsewhere',
    ({ call, kept }) => call('/logout', { method: 'POST', headers: { cookie: kept.switched! } }),
  ],
  [
    'logs out',
    ({ url, call, kept }) => call('/logout', { method: 'POST', headers: { cookie: kept.switched!, origin: url } }),
  ],
  ['logs out with a form', ({ url, call }) => call('/logout', { method: 'POST', headers: { origin: url, ...HTML } })],
  ['is logged out', ({ call, kept }) => call('/session', { headers: { cookie: kept.switched! } })],

  [
    'grants a login token',
    keeping(
      'granted',
      grant(({ anna }) => anna),
    ),
  ],
  ['starts a session with it', keepingCookie('cookie', open('granted'))],
  ['grants by e-mail address', grant(() => 'anna@demo.example', { fields: { returnTo: '/course/1' } })],
  ['grants by third-party ID', grant(({ thirdParty }) => `${thirdParty}$4711`)],
  [
    'grants the account a token',
    keeping(
      'own',
      grant(({ account }) => account.id, { isForLogin: false }),
    ),
  ],
  [
    'shows the account',
    ({ call, kept }) => call('/api/2.1.1/user', { headers: { authorization: `Bearer ${kept.own}` } }),
  ],
  ['grants a token for a user', grant(({ anna }) => anna, { isForLogin: false })],
  ['grants nothing for nobody', grant(() => 'nobody@demo.example')],
  ['grants nothing for somebody blocked', grant(({ blocked }) => blocked)],
  ['grants nothing for a stranger', grant(({ stranger }) => stranger)],
  ['grants nothing for a stranger without resource', grant(({ stranger }) => stranger, { isForLogin: false })],
  ['grants nothing for more permissions', grant(({ boss }) => boss)],
  ['grants no returnTo elsewhere', grant(({ anna }) => anna, { fields: { returnTo: 'https://evil.example/' } })],
  ['grants no session but these', grant(({ anna }) => anna, { fields: { session: 'replace' } })],
  ['refuses a subject that is no reference', grant(() => ' ')],
  ['refuses an unknown key', grant(({ anna }) => anna, { header: { kid: 'AAAAAAAAAAAAAAAAAAAAAA' } })],
  ['finds the key', grant(({ anna }) => anna, { header: { kid: undefined } })],
  ['refuses another audience', grant(({ anna }) => anna, { claims: { aud: 'https://other.example' } })],
  ['refuses an expired assertion', grant(({ anna }) => anna, { claims: { exp: 1 } })],
  ['refuses an assertion for days', grant(({ anna }) => anna, { claims: { exp: inAnHour() * 2 } })],
  ['refuses an assertion from the future', grant(({ anna }) => anna, { claims: { iat: inAnHour() } })],
  ['refuses an assertion without exp', grant(({ anna }) => anna, { claims: { exp: undefined } })],
  ['takes an assertion', grant(({ anna }) => anna)],
  ['refuses it again', grant(({ anna }) => anna, { assertion: 'again' })],
  ['refuses what is no assertion', grant(({ anna }) => anna, { assertion: 'none' })],
  ['refuses a request without an assertion', grant(({ anna }) => anna, { fields: { assertion: '' } })],
  ['refuses a request without a type', grant(({ anna }) => anna, { fields: { grant_type: '' } })],
  ['refuses another resource', grant(({ anna }) => anna, { fields: { resource: 'https://other.example/login' } })],

  ['shows the caller', directory('GET', () => 'user')],
  ['shows a user', directory('GET', ({ cast }) => `user/${cast.bo}`)],
  ['shows a user by third-party ID', directory('GET', ({ cast }) => `user/${cast.thirdParty}/4711`)],
  ['shows nobody', directory('GET', () => 'user/nobody@demo.example')],
  ['creates nobody without the permission', directory('POST', () => 'users', { name: 'C' }, 'weakToken')],
  ['creates nobody without a name', directory('POST', () => 'users', { emailAddress: 'c@demo.example' })],
  ['creates nobody without an address', directory('POST', () => 'users', { name: 'Carla' })],
  [
    'creates nobody with a malformed address',
    directory('POST', () => 'users', { name: 'Carla', emailAddress: 'carla' }),
  ],
  [
    'creates a user',
    async (side) => {
      const answer = await directory('POST', () => 'users', { name: 'Carla', emailAddress: 'carla@demo.example' })(
        side,
      );
      side.kept.carla = answer.body.id;
      return answer;
    },
  ],
  ['creates nobody twice', directory('POST', () => 'users', { name: 'Carla', emailAddress: 'CARLA@demo.example' })],
  ['adds her to a group', directory('PUT', ({ cast, kept }) => `group/${cast.group}/members/${kept.carla}`, {})],
  ['adds her once', directory('PUT', ({ cast, kept }) => `group/${cast.group}/members/${kept.carla}`, {})],
  ['adds nobody', directory('PUT', ({ cast }) => `group/${cast.group}/members/nobody@demo.example`, {})],
  ['adds to no group', directory('PUT', ({ cast, kept }) => `group/${cast.account.keyId}/members/${kept.carla}`, {})],
  [
    'adds to no group of others',
    directory('PUT', ({ cast, kept }) => `group/${cast.otherGroup}/members/${kept.carla}`, {}),
  ],
  ['lets her in', keeping('carlas', async (side) => access(() => `/${side.kept.carla}`)(side))],
  ['takes her out', directory('DELETE', ({ cast, kept }) => `group/${cast.group}/members/${kept.carla}`)],
  ['takes her out once', directory('DELETE', ({ cast, kept }) => `group/${cast.group}/members/${kept.carla}`)],
  ['refuses the link of what was taken away', open('carlas', JSON_ONLY)],
  [
    'refuses a token after its account is gone',
    async (side) => {
      await side.removeWeak();
      return access(({ anna }) => `/${anna}`, 'weakToken')(side);
    },
  ],

  [
    'issues a link that is not used',
    keeping(
      'old',
      access(({ anna }) => `/${anna}`),
    ),
  ],
  [
    'refuses an expired link',
    async (side) => {
      side.advance(121);
      return open('old', JSON_ONLY)(side);
    },
  ],
  ['still has the session', ({ call, kept }) => call('/session', { headers: { cookie: kept.cookie! } })],
  [
    'ends a session without use',
    ({ call, kept, advance }) => {
      advance(31 * 60);
      return call('/session', { headers: { cookie: kept.cookie! } });
    },
  ],
];
