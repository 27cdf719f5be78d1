import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { call, testEnvironment } from './support/app.js';
import { createDatabase, dropDatabase } from './support/database.js';
import { freePort } from './support/free-port.js';
import { Instance } from './support/instance.js';

const GUIDE = readFileSync('docs/service-accounts.md', 'utf8');
const BLOCKS = [...GUIDE.matchAll(/```sh\n([^]*?)\n```/g)].map(([, code]) => code!);
/** A machine that is busy with other things takes its time for a command. */
const PATIENCE_MS = 180_000;

let instance: Instance;
let publicUrl: string;
let directory: string;

beforeAll(async () => {
  await createDatabase();
  const port = await freePort();
  publicUrl = `http://localhost:${port}`;
  const [HOST, PORT] = ['localhost', String(port)];
  instance = await Instance.start({ NODE_ENV: 'development', PUBLIC_URL: publicUrl, HOST, PORT });
  directory = mkdtempSync(join(tmpdir(), 'latchkey-guide-'));
  // The commands are run where the service is, but what they write goes elsewhere.
  for (const name of readdirSync('.').filter((file) => !file.startsWith('.') && file !== 'data'))
    symlinkSync(resolve(name), join(directory, name));
}, PATIENCE_MS);
afterAll(async () => {
  await instance.stop();
  rmSync(directory, { recursive: true });
  await dropDatabase();
});

/** What commands that are pasted into one shell print, a text for each block. */
async function paste(blocks: string[]): Promise<string[]> {
  const script = blocks
    .map((block) => block.replaceAll('http://localhost:3000', publicUrl))
    .join('\necho; echo ----\n');
  const { DATABASE_PATH, DATABASE_URL } = testEnvironment();
  const child = spawn('bash', ['-eu', '-o', 'pipefail'], {
    cwd: directory,
    env: {
      PATH: process.env.PATH,
      HOME: directory,
      ...testEnvironment({ NODE_ENV: 'development', PUBLIC_URL: publicUrl, LOG_LEVEL: 'error' }),
      ...(DATABASE_URL ? { DATABASE_URL } : { DATABASE_PATH: resolve(DATABASE_PATH!) }),
    },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const ended = new Promise<number | null>((done) => child.once('exit', done));
  child.stdin.end(script);
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  expect({ code: await ended, stderr }).toEqual({ code: 0, stderr });
  return stdout.split('\n----\n').map((part) => part.trim());
}

/** Who is signed in when a browser opens the URL, and by whom. */
async function visit(url: string): Promise<unknown> {
  const login = await call('', url);
  const cookie = login.headers.getSetCookie()[0]!.split(';')[0]!;
  const { user, actor } = (await call(publicUrl, '/session', { headers: { cookie } })).body;
  return { user: user.name, actor: actor.name, isServiceAccount: actor.serviceAccount };
}

describe('docs/service-accounts.md', () => {
  it(
    'works when it is pasted: with curl, with Node.js and with Python',
    async () => {
      expect(BLOCKS).toHaveLength(7);
      const [made, granted, curl, node, python, byThirdPartyId, user] = await paste(BLOCKS);
      expect(made).toMatch(/^service account [\w-]{22}, key [\w-]{22}$/);
      expect(granted).toBe('');
      const answer = JSON.parse(curl!);
      expect(answer).toEqual({
        access_token: expect.any(String),
        token_type: 'Bearer',
        expires_in: expect.any(Number),
        url: expect.any(String),
        jti: expect.any(String),
      });
      for (const url of [answer.url, node, python, JSON.parse(byThirdPartyId!).url])
        expect(await visit(url)).toEqual({ user: 'Anna Jansen', actor: 'Host portal', isServiceAccount: true });
      expect(JSON.parse(user!)).toMatchObject({ id: 'Zk1cVq0rTtWm8sQXq3bVxg', name: 'Anna Jansen' });
    },
    PATIENCE_MS,
  );

  it('is the page that the access call points at, with the address of the service', async () => {
    const { headers } = await call(publicUrl, '/api/2.1.1/access/anna@demo.example');
    const target = /<([^>]+)>; rel="deprecation"/.exec(headers.get('link')!)![1]!;
    const page = await call('', target);
    expect(page.status).toBe(200);
    const shown = [...page.text.matchAll(/<pre[^>]*><code>([^]*?)<\/code><\/pre>/g)].map(([, code]) =>
      unescaped(code!),
    );
    expect(shown).toEqual(BLOCKS.map((block) => block.replaceAll('http://localhost:3000', publicUrl)));
    const headings = [...page.text.matchAll(/<h[123]>([^<]+)<\/h[123]>/g)].map(([, heading]) => unescaped(heading!));
    expect(headings).toEqual(
      [...GUIDE.matchAll(/^#+ (.*)$/gm)]
        .map(([, heading]) => heading)
        .filter((heading) => heading !== 'assertion USER_ID'),
    );
    expect(page.text).toContain('<th>the access call</th>');
    expect(page.text.replaceAll(/<pre[^]*?<\/pre>/g, '')).not.toMatch(/^(#|\||- |```)/m);
  });
});

function unescaped(html: string): string {
  return html.replaceAll(/&#(\d+);/g, (_entity, code: string) => String.fromCharCode(Number(code)));
}
