// Puts load on a server, in a process of its own so that nothing else takes its time. Its parent sends what `load` in
// load-generator.mjs takes, and gets what it returns or `{ error }`.
import { performance } from 'node:perf_hooks';
import autocannon from 'autocannon';

process.on('message', (options) => void answer(options));
process.once('disconnect', () => process.exit());

async function answer(options) {
  try {
    process.send(await load(options));
  } catch (error) {
    process.send({ error: error.message });
  }
}

/**
 * The time ends with the last answer, because autocannon reads the clock only from time to time and counts whole
 * milliseconds.
 */
async function load({ url, headers, requests, connections, seconds, once, collect }) {
  const latencies = [];
  const tokens = [];
  let position = 0;
  let end = 0;
  const start = performance.now();
  const running = autocannon({
    url,
    connections,
    duration: seconds,
    sampleInt: 100,
    requests: [
      {
        setupRequest: (request) => {
          const { path, cookie, body } = requests[position++ % requests.length];
          const own = {
            ...headers,
            ...(cookie && { cookie }),
            ...(body && { 'content-type': 'application/json' }),
          };
          return { ...request, path, method: body ? 'POST' : 'GET', body, headers: own };
        },
        ...(collect && { onResponse: (_status, body) => tokens.push(/"token":"([^"]*)"/.exec(body)?.[1]) }),
      },
    ],
  });
  running.on('response', (_client, _status, _bytes, milliseconds) => {
    latencies.push(milliseconds);
    end = performance.now();
  });
  const { statusCodeStats, errors } = await running;
  if (once && position > requests.length) return null;
  const refused = Object.keys(statusCodeStats).some((code) => Number(code) >= 400);
  if (refused || errors > 0 || latencies.length === 0)
    throw new Error(`${url} answered badly: ${errors} errors, ${JSON.stringify(statusCodeStats)}.`);
  latencies.sort((a, b) => a - b);
  const percentile = (share) => latencies[Math.floor((latencies.length - 1) * share)];
  return {
    rate: (latencies.length / (end - start)) * 1000,
    p50: percentile(0.5),
    p99: percentile(0.99),
    ...(collect && { tokens: tokens.filter(Boolean) }),
  };
}
