// Puts load on a server, in a process of its own so that nothing else takes its time. Its parent sends `{ job, url,
// bearer, users, connections, seconds, tokens }` and gets one measurement or `{ error }` back.
import { performance } from 'node:perf_hooks';
import autocannon from 'autocannon';
import { emailAddress, groupId, groupsFor, userId } from './dataset.mjs';

/**
 * Samples are spread over all rows, so that they need more pages than a database keeps in its cache for one of them.
 */
const SAMPLES = 20_000;
const PAGE_SIZE = 10;
const MAX_PAGE_SIZE = 100;
/** The page far down a list that is compared with the first page. */
const DEEP_PAGE = 10_000;

const JOBS = {
  access: (options) => get(options, accessPaths(options.users)),
  login,
  forwardAuth,
  user: (options) =>
    get(
      options,
      spread(options.users, (number) => `/api/2.1.1/user/${emailAddress(number)}`),
    ),
  groups: (options) => get(options, ['/api/2.1.1/groups']),
  members: (options) =>
    get(
      options,
      spread(groupsFor(options.users), (number) => `/api/2.1.1/group/${groupId(number)}/members`),
    ),
  firstPage: (options) => get(options, [accounts(PAGE_SIZE)]),
  deepPage: async (options) => get(options, [await deepPage(options)]),
};

process.on('message', ({ job, ...options }) => void answer(job, options));
process.once('disconnect', () => process.exit());

async function answer(job, options) {
  try {
    process.send(await JOBS[job](options));
  } catch (error) {
    process.send({ error: error.message });
  }
}

/** Requests one path after another. */
function get({ url, bearer, connections, seconds }, paths) {
  const next = inTurn(paths);
  return measure(
    {
      url,
      connections,
      duration: seconds,
      headers: { authorization: `Bearer ${bearer}` },
      requests: [{ setupRequest: (request) => ({ ...request, path: next() }) }],
    },
    200,
  );
}

/** Redeems login tokens, each once. Their number is an estimate; if none is left, the job ends early. */
async function login({ url, bearer, users, connections, seconds, tokens }) {
  const paths = (await obtain({ url, bearer, users, connections, amount: tokens })).map(
    (token) => `/login?token=${token}`,
  );
  const next = inTurn(paths);
  return measure(
    {
      url,
      connections,
      duration: seconds,
      maxConnectionRequests: Math.floor(paths.length / connections),
      requests: [{ setupRequest: (request) => ({ ...request, path: next() }) }],
    },
    303,
  );
}

/** Asks as a proxy does, for one visitor on each connection. */
async function forwardAuth({ url, bearer, users, connections, seconds }) {
  const cookies = await signIn({ url, bearer, users, connections });
  const next = inTurn(cookies);
  const { protocol, host } = new URL(url);
  const headers = {
    accept: 'text/html',
    'x-forwarded-method': 'GET',
    'x-forwarded-proto': protocol.slice(0, -1),
    'x-forwarded-host': host,
    'x-forwarded-uri': '/course/1?page=2',
    'x-forwarded-for': '203.0.113.7',
  };
  return measure(
    {
      url,
      connections,
      duration: seconds,
      requests: [
        { setupRequest: (request) => ({ ...request, path: '/forward-auth', headers: { ...headers, cookie: next() } }) },
      ],
    },
    200,
  );
}

/** Signs in one visitor for each connection and returns their cookies. */
async function signIn({ url, bearer, users, connections }) {
  const own = await fetch(`${url}/sessions`, { method: 'POST' });
  if (own.ok) {
    const more = Array.from({ length: connections - 1 }, () => fetch(`${url}/sessions`, { method: 'POST' }));
    const answers = [own, ...(await Promise.all(more))];
    return Promise.all(answers.map(async (answer) => (await answer.json()).cookie));
  }
  const tokens = await obtain({ url, bearer, users, connections, amount: connections });
  const logins = await Promise.all(tokens.map((token) => fetch(`${url}/login?token=${token}`, { redirect: 'manual' })));
  return logins.map((login) => login.headers.getSetCookie()[0].split(';')[0]);
}

async function obtain({ url, bearer, users, connections, amount }) {
  const next = inTurn(accessPaths(users));
  const bodies = [];
  await measure(
    {
      url,
      connections,
      amount,
      headers: { authorization: `Bearer ${bearer}` },
      requests: [
        { setupRequest: (request) => ({ ...request, path: next() }), onResponse: (_status, body) => bodies.push(body) },
      ],
    },
    200,
  );
  return bodies.map((body) => JSON.parse(body).token);
}

/**
 * Requests per second, and milliseconds until an answer. The time ends with the last answer, because autocannon reads
 * the clock only from time to time and counts whole milliseconds.
 *
 * @throws Error for any answer with another status than `status`
 */
async function measure(options, status) {
  const latencies = [];
  let end = 0;
  const start = performance.now();
  const running = autocannon({ ...options, sampleInt: 100 });
  running.on('response', (_client, _status, _bytes, milliseconds) => {
    latencies.push(milliseconds);
    end = performance.now();
  });
  const { statusCodeStats, errors } = await running;
  const others = Object.keys(statusCodeStats).filter((code) => code !== String(status));
  if (others.length > 0 || errors > 0 || latencies.length === 0) {
    throw new Error(
      `${options.url} should answer ${status} every time, but there were ${errors} errors and ${JSON.stringify(statusCodeStats)}.`,
    );
  }
  latencies.sort((a, b) => a - b);
  const percentile = (share) => latencies[Math.floor((latencies.length - 1) * share)];
  return { rate: (latencies.length / (end - start)) * 1000, p50: percentile(0.5), p99: percentile(0.99) };
}

function accessPaths(users) {
  return spread(users, (number) => `/api/2.1.1/access/${userId(number)}`);
}

/** What `of` makes of up to `SAMPLES` numbers below `count`, evenly spread and in a shuffled order. */
function spread(count, of) {
  const samples = Math.min(count, SAMPLES);
  // The stride is a prime above the number of samples, so it meets each of them once.
  return Array.from({ length: samples }, (_, index) =>
    of(Math.floor((((index * 20_011) % samples) * count) / samples)),
  );
}

function accounts(resultSize, resultFrom) {
  const query = new URLSearchParams({ resultSize, ...(resultFrom && { resultFrom }) });
  return `/api/2.1.1/organizations/self/accounts?${query}`;
}

const deepPages = new Map();

/**
 * The path of the deep page. It is found as a client would find it, by following the pages, in larger steps and once
 * for each server.
 */
async function deepPage({ url, bearer }) {
  if (!deepPages.has(url)) {
    let last;
    for (let rows = 0; rows < (DEEP_PAGE - 1) * PAGE_SIZE;) {
      const size = Math.min(MAX_PAGE_SIZE, (DEEP_PAGE - 1) * PAGE_SIZE - rows);
      const answer = await fetch(url + accounts(size, last), { headers: { authorization: `Bearer ${bearer}` } });
      const { pagination } = await answer.json();
      if (!pagination?.moreAvailable) throw new Error(`${url} has no page ${DEEP_PAGE} of accounts.`);
      last = pagination.lastOnPage;
      rows += size;
    }
    deepPages.set(url, accounts(PAGE_SIZE, last));
  }
  return deepPages.get(url);
}

function inTurn(items) {
  let index = 0;
  return () => items[index++ % items.length];
}
