// Puts load on a server, in a process of its own so that nothing else takes its time. Its parent sends
// `{ job, url, bearer, connections, seconds, tokens }` and gets one measurement, or `{ error }`, back.
import { performance } from 'node:perf_hooks';
import autocannon from 'autocannon';
import { USERS, userId } from './dataset.mjs';

const ACCESS_PATHS = Array.from({ length: USERS }, (_, number) => `/api/2.1.1/access/${userId(number)}`);

const JOBS = { access, login };

process.on('message', async ({ job, ...options }) => {
  try {
    process.send(await JOBS[job](options));
  } catch (error) {
    process.send({ error: error.message });
  }
});
process.once('disconnect', () => process.exit());

/** Asks for login tokens, for one user after another. */
function access({ url, bearer, connections, seconds }) {
  const next = inTurn(ACCESS_PATHS);
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

/** Redeems login tokens, each once. There are about as many as it takes; with none left, it ends early. */
async function login({ url, bearer, connections, seconds, tokens }) {
  const paths = (await obtain({ url, bearer, connections, amount: tokens })).map((token) => `/login?token=${token}`);
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

async function obtain({ url, bearer, connections, amount }) {
  const next = inTurn(ACCESS_PATHS);
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
 * Requests a second and milliseconds until an answer. The time ends with the last answer: autocannon
 * looks at the clock only now and then, and counts whole milliseconds.
 *
 * @throws Error for any answer but `status`
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

function inTurn(items) {
  let index = 0;
  return () => items[index++ % items.length];
}
