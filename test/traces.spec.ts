import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { call, cookieOf, TestApp } from './support/app.js';
import { PROXIES } from './support/asking-proxies.js';
import { Instance } from './support/instance.js';

/** What the SDK has got of a span. */
interface Span {
  name: string;
  traceId: string;
  parentId: string | undefined;
  attributes: Record<string, unknown>;
  status: { code: number };
  service: string;
  /** All of it, as text. */
  text: string;
}

const TRACE = { id: '0af7651916cd43dd8448eb211c80319c', parent: 'b7ad6b7169203331' };
const TRACEPARENT = `00-${TRACE.id}-${TRACE.parent}-01`;
const EXPORT = `
process.once('exit', () => {
  const spans = exporter.getFinishedSpans().map((span) => ({
    name: span.name,
    traceId: span.spanContext().traceId,
    parentId: span.parentSpanContext?.spanId,
    attributes: span.attributes,
    status: span.status,
    service: span.resource.attributes['service.name'],
    text: JSON.stringify([span.name, span.attributes, span.events, span.links, span.status, span.resource.attributes]),
  }));
  writeFileSync(process.env.SPANS, JSON.stringify(spans));
});`;

let t: TestApp;
let directory: string;
let spans: Span[];
let tokens: string[];
let exitCode: number | null;

/** The file of docs/traces.md, with an exporter that keeps the spans and writes them to a file at the end. */
function tracing(): string {
  const [, documented] = /^```js\n([^]*?)^```$/m.exec(readFileSync('docs/traces.md', 'utf8'))!;
  const code = documented!
    .replace(/^import \{ OTLPTraceExporter \}.*$/m, `import { writeFileSync } from 'node:fs';`)
    .replace('NodeTracerProvider }', 'NodeTracerProvider, InMemorySpanExporter }')
    .replace('new OTLPTraceExporter()', 'exporter')
    .replace(/^const provider/m, 'const exporter = new InMemorySpanExporter();\nconst provider');
  return code + EXPORT;
}

beforeAll(async () => {
  t = await TestApp.start();
  const caller = await t.world.caller();
  const { id: user } = await t.world.userOf(caller);
  // Inside this folder, where the SDK is found.
  directory = mkdtempSync(join('node_modules', '.tracing-'));
  const [file, output] = ['tracing.mjs', 'spans.json'].map((name) => join(process.cwd(), directory, name));
  writeFileSync(file!, tracing());
  const instance = await Instance.start({
    NODE_OPTIONS: `--import ${file}`,
    SPANS: output!,
    TRUSTED_PROXIES: '127.0.0.1',
  });
  const { url } = instance;
  const api = (path: string, headers = {}): ReturnType<typeof call> =>
    call(url, `/api/2.1.1${path}`, { headers: { authorization: `Bearer ${caller.token}`, ...headers } });
  await api('/user/self');
  const { body } = await api(`/access/${user}`, { traceparent: TRACEPARENT });
  await api(`/access/${user}?returnTo=elsewhere`);
  const started = await call(url, `/login?token=${body.token}`);
  await call(url, `/login?token=${body.token}`);
  const cookie = cookieOf(started);
  await PROXIES.traefik(url, { headers: { cookie } });
  await PROXIES.traefik(url, { headers: { cookie, traceparent: TRACEPARENT } });
  const { body: next } = await api(`/access/${user}`);
  const page = { accept: 'text/html', 'sec-fetch-dest': 'document' };
  await PROXIES.caddy(url, { uri: `/course?oauth_token=${next.token}`, headers: page });
  tokens = [caller.token, body.token, next.token, cookie.split('=')[1]!];
  exitCode = await instance.stop();
  spans = JSON.parse(readFileSync(output!, 'utf8')) as Span[];
});
afterAll(async () => {
  rmSync(directory, { recursive: true });
  await t.stop();
});

describe('an SDK that is loaded first', () => {
  it('gets a span with the outcome of each access call, redemption and session check, and no other attribute', () => {
    expect(spans.map(({ name, attributes }) => [name, attributes])).toEqual(
      [
        ['access call', 'issued'],
        ['access call', 'incorrect_field'],
        ['redemption', 'started'],
        ['redemption', 'token_used'],
        ['session check', 'live'],
        ['session check', 'remembered'],
        ['access call', 'issued'],
        ['session check', 'none'],
        ['redemption', 'started'],
      ].map(([what, outcome]) => [`latchkey ${what}`, { 'latchkey.outcome': outcome }]),
    );
  });

  it('gets no token, and nothing else of an address', () => {
    for (const { text } of spans) {
      for (const token of tokens) expect(text).not.toContain(token);
      expect(text).not.toMatch(/url|query|target|token=/);
    }
  });

  it('continues the trace that a request names', () => {
    const continued = spans.filter(({ traceId }) => traceId === TRACE.id);
    expect(continued.map(({ name, parentId }) => [name, parentId])).toEqual([
      ['latchkey access call', TRACE.parent],
      ['latchkey session check', TRACE.parent],
    ]);
  });

  it('is told of no failure where a caller is refused', () => {
    expect(new Set(spans.map(({ status }) => status.code))).toEqual(new Set([0]));
  });

  it('does not keep the service from ending in good order', () => {
    expect(exitCode).toBe(0);
  });

  it('knows the spans by the name of the service', () => {
    expect(new Set(spans.map(({ service }) => service))).toEqual(new Set(['latchkey']));
  });
});
