// What is asked of the servers under load. A job is run on a server by `run`, which returns what it measured.
import { emailAddress, groupId, groupsFor, userId } from './dataset.mjs';

/**
 * Samples are spread over all rows, so that they need more pages than a database keeps in its cache for one of them.
 */
const SAMPLES = 20_000;
const PAGE_SIZE = 10;
const MAX_PAGE_SIZE = 100;
/** The page far down a list that is compared with the first page. */
const DEEP_PAGE = 10_000;
/** A reserve, so that a round that is faster than all before it still finds enough tokens to redeem. */
const SPARE_TOKENS = 1.3;

/** What a browser sends when it follows a link. */
export const BROWSER = {
  'user-agent': 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36',
  accept: 'text/html',
  'sec-fetch-dest': 'document',
  'sec-fetch-mode': 'navigate',
};

/**
 * The requests of each job, and the status of a good answer. `once` is for requests that a server accepts a single
 * time: a function that makes one of them from a token, and the job that gets the tokens.
 */
const JOBS = {
  access: { headers: withBearer, status: 200, requests: ({ users }) => spread(users, accessPath) },
  login: {
    headers: () => BROWSER,
    status: 303,
    once: { from: 'access', request: (token) => ({ path: `/login?token=${token}` }) },
  },
  forwardAuth: {
    headers: ({ url }) => ({
      ...BROWSER,
      'x-forwarded-method': 'GET',
      'x-forwarded-proto': 'http',
      'x-forwarded-host': new URL(url).host,
      'x-forwarded-uri': '/course/1?page=2',
      'x-forwarded-for': '203.0.113.7',
    }),
    status: 200,
    requests: signIn,
  },
  user: {
    headers: withBearer,
    status: 200,
    requests: ({ users }) => spread(users, (number) => `/api/2.1.1/user/${emailAddress(number)}`),
  },
  groups: { headers: withBearer, status: 200, requests: () => [{ path: '/api/2.1.1/groups' }] },
  members: {
    headers: withBearer,
    status: 200,
    requests: ({ users }) => spread(groupsFor(users), (number) => `/api/2.1.1/group/${groupId(number)}/members`),
  },
  firstPage: { headers: withBearer, status: 200, requests: () => [{ path: accounts(PAGE_SIZE) }] },
  deepPage: { headers: withBearer, status: 200, requests: deepPage },
  impersonate: {
    headers: withCookie,
    status: 200,
    requests: ({ userIds }) =>
      userIds.map((userId) => ({ path: '/api/auth/admin/impersonate-user', body: JSON.stringify({ userId }) })),
  },
  generate: { headers: withCookie, status: 200, requests: () => [{ path: '/api/auth/one-time-token/generate' }] },
  verify: {
    headers: ({ url }) => ({ origin: url }),
    status: 200,
    once: {
      from: 'generate',
      request: (token) => ({ path: '/api/auth/one-time-token/verify', body: JSON.stringify({ token }) }),
    },
  },
};

function withBearer({ bearer }) {
  return { authorization: `Bearer ${bearer}` };
}

function withCookie({ url, cookie }) {
  return { cookie, origin: url };
}

/** Runs jobs with one load generator. It remembers of each server what it needs again. */
export class JobRunner {
  #generator;
  /** Requests per second of the fastest round so far, by job and server. */
  #fastest = new Map();
  /** The requests that may be repeated, by job and server. */
  #repeatable = new Map();

  constructor(generator) {
    this.#generator = generator;
  }

  /**
   * Puts load on a server for so many seconds. `around` is called with the load, after what it needs is there.
   *
   * @returns {Promise<import('./load-generator.mjs').Measured>}
   * @throws Error if any answer is not as expected
   */
  async run(job, server, { connections, seconds, around = (load) => load() }) {
    for (let reserve = SPARE_TOKENS; reserve < 10; reserve *= 2) {
      const requests = await this.#requestsOf(job, server, connections, seconds * reserve);
      const measured = await around(() => this.#load(job, server, { requests, connections, seconds }));
      if (measured) return measured;
    }
    throw new Error(`${job} needs more tokens than ${server.url} issues.`);
  }

  /** Sends each of a job's requests once, without measuring. */
  async sendEach(job, server, connections) {
    const requests = (await this.#requestsOf(job, server, connections)).values();
    const headers = JOBS[job].headers(server);
    const work = async () => {
      for (const { path } of requests) await (await fetch(server.url + path, { headers })).text();
    };
    await Promise.all(Array.from({ length: connections }, work));
  }

  async #requestsOf(job, server, connections, seconds) {
    const { once, requests } = JOBS[job];
    const key = keyOf(job, server);
    if (once) {
      const fastest = this.#fastest.get(key);
      const tokens = await this.#obtain(
        once.from,
        server,
        connections,
        fastest ? { amount: fastest * seconds } : { seconds },
      );
      return tokens.map((token) => once.request(token));
    }
    if (!this.#repeatable.has(key)) this.#repeatable.set(key, await requests(server, connections));
    return this.#repeatable.get(key);
  }

  /** Tokens that a job answers: at least so many, or those of so many seconds. */
  async #obtain(job, server, connections, { amount = 1, seconds = 1 }) {
    const requests = await this.#requestsOf(job, server, connections);
    const tokens = [];
    while (tokens.length < amount) {
      const missing = Math.ceil((amount - tokens.length) / (this.#fastest.get(keyOf(job, server)) ?? amount));
      const time = Math.max(Math.ceil(seconds), missing);
      const measured = await this.#load(job, server, { requests, connections, seconds: time, collect: true });
      tokens.push(...measured.tokens);
    }
    return tokens;
  }

  async #load(job, server, options) {
    const { headers, once, status } = JOBS[job];
    const request = { url: server.url, headers: headers(server) };
    const requests = options.requests;
    await expectStatus(request, once ? requests.pop() : requests[0], status);
    const measured = await this.#generator.load({ ...request, ...options, once: once !== undefined });
    const key = keyOf(job, server);
    if (measured) this.#fastest.set(key, Math.max(this.#fastest.get(key) ?? 0, measured.rate));
    return measured;
  }
}

function keyOf(job, { url }) {
  return `${job} ${url}`;
}

/** Load generators only tell errors apart from other answers. So one answer is looked at before each round. */
async function expectStatus({ url, headers }, { path, cookie, body }, expected) {
  const own = { ...headers, ...(cookie && { cookie }), ...(body && { 'content-type': 'application/json' }) };
  const answer = await fetch(url + path, { method: body ? 'POST' : 'GET', headers: own, body, redirect: 'manual' });
  const text = await answer.text();
  if (answer.status !== expected)
    throw new Error(`${url}${path} should answer ${expected}, but answered ${answer.status}: ${text.slice(0, 200)}`);
}

/** Signs in as many visitors as there are connections. */
async function signIn(server, connections) {
  const cookies = await Promise.all(
    Array.from({ length: connections }, (_, number) => (server.signIn ? server.signIn() : signInAs(server, number))),
  );
  return cookies.map((cookie) => ({ path: '/forward-auth', cookie }));
}

async function signInAs({ url, bearer, users }, number) {
  const answer = await fetch(url + accessPath(number % users), { headers: { authorization: `Bearer ${bearer}` } });
  const { token } = await answer.json();
  const login = await fetch(`${url}/login?token=${token}`, { redirect: 'manual' });
  return login.headers.getSetCookie()[0].split(';')[0];
}

export function accessPath(number) {
  return `/api/2.1.1/access/${userId(number)}`;
}

/** What `of` makes of up to `SAMPLES` numbers below `count`, evenly spread and in a shuffled order. */
function spread(count, of) {
  const samples = Math.min(count, SAMPLES);
  // The stride is a prime above the number of samples, so it meets each of them once.
  return Array.from({ length: samples }, (_, index) => ({
    path: of(Math.floor((((index * 20_011) % samples) * count) / samples)),
  }));
}

function accounts(resultSize, resultFrom) {
  const query = new URLSearchParams({ resultSize, ...(resultFrom && { resultFrom }) });
  return `/api/2.1.1/organizations/self/accounts?${query}`;
}

/** The request of the deep page. It is found as a client would find it, by following the pages, in larger steps. */
async function deepPage({ url, bearer }) {
  let last;
  for (let rows = 0; rows < (DEEP_PAGE - 1) * PAGE_SIZE;) {
    const size = Math.min(MAX_PAGE_SIZE, (DEEP_PAGE - 1) * PAGE_SIZE - rows);
    const answer = await fetch(url + accounts(size, last), { headers: { authorization: `Bearer ${bearer}` } });
    const { pagination } = await answer.json();
    if (!pagination?.moreAvailable) throw new Error(`${url} has no page ${DEEP_PAGE} of accounts.`);
    last = pagination.lastOnPage;
    rows += size;
  }
  return [{ path: accounts(PAGE_SIZE, last) }];
}
