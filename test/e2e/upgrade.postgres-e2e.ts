import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { call } from '../support/app.js';
import type { Answer } from '../support/app.js';
import { createDatabase, dropDatabase } from '../support/database.js';
import { EarlierVersion } from '../support/earlier-version.js';
import { Instance } from '../support/instance.js';

/** How long another instance may believe what it has read, and some more for a slow machine, in milliseconds. */
const FORGETTING_MS = 10_000;
const SETTINGS = { NODE_ENV: 'development', PUBLIC_URL: 'http://localhost:3000' };

type Version = 'earlier' | 'new';
const PAIRS: { from: Version; to: Version }[] = [
  { from: 'earlier', to: 'new' },
  { from: 'new', to: 'earlier' },
];

let earlier: EarlierVersion;
let token: string;
const running = {} as Record<Version, Instance>;

async function start(version: Version): Promise<void> {
  const within = version === 'earlier' ? ['env', `--chdir=${earlier.directory}`] : [];
  running[version] = await Instance.start(SETTINGS, within);
}

/** The access token that the start in development prints. */
async function printedToken({ output }: Instance): Promise<string> {
  for (let round = 0; round < 500; round++) {
    const [, printed] = /Bearer ([^']+)'/.exec(output.join('\n')) ?? [];
    if (printed) return printed;
    await setTimeout(20);
  }
  throw new Error(`The start printed no token: ${output.join('\n')}`);
}

async function issue(version: Version): Promise<string> {
  const answer = await call(running[version].url, '/api/2.1.1/access/anna@demo.example', {
    headers: { authorization: `Bearer ${token}` },
  });
  if (answer.status !== 200) throw new Error(`${version}: ${answer.status} ${answer.text}`);
  return answer.body.token;
}

function redeem(version: Version, loginToken: string): Promise<Answer> {
  return call(running[version].url, `/login?token=${loginToken}`, { headers: { accept: 'application/json' } });
}

/** Signs in with a token of one version at another. */
async function signIn(from: Version, to: Version): Promise<string> {
  const answer = await redeem(to, await issue(from));
  if (answer.status >= 400) throw new Error(`${from} to ${to}: ${answer.status} ${answer.text}`);
  return answer.headers.getSetCookie()[0]!.split(';')[0]!;
}

async function session(version: Version, cookie: string): Promise<number> {
  return (await call(running[version].url, '/session', { headers: { cookie } })).status;
}

beforeAll(async () => {
  earlier = EarlierVersion.build();
  await createDatabase();
  await start('earlier');
  token = await printedToken(running.earlier);
}, 900_000);
afterAll(async () => {
  await Promise.all(Object.values(running).map((instance) => instance.stop('SIGKILL')));
  await dropDatabase();
  earlier.remove();
});

describe('the earlier version and this one on one database', () => {
  it('the earlier one goes on with logins while this one migrates the schema and starts', async () => {
    const failures: unknown[] = [];
    const logins: string[] = [];
    const over = new AbortController();
    const visit = async (): Promise<void> => {
      while (!over.signal.aborted) {
        try {
          logins.push(await signIn('earlier', 'earlier'));
        } catch (error) {
          failures.push(error);
        }
      }
    };
    const visitors = Promise.all([visit(), visit(), visit(), visit()]);
    await start('new');
    const later = logins.length + 50;
    while (logins.length < later && failures.length === 0) await setTimeout(20);
    over.abort();
    await visitors;
    expect(failures).toEqual([]);
  });

  it.each(PAIRS)('a login that the $from one issues is redeemed once at the $to one', async ({ from, to }) => {
    for (let round = 0; round < 10; round++) {
      const loginToken = await issue(from);
      const answers = [await redeem(to, loginToken), await redeem(from, loginToken), await redeem(to, loginToken)];
      expect(answers.map(({ status, body }) => (status < 400 ? 'session' : body.id))).toEqual([
        'session',
        'token_used',
        'token_used',
      ]);
    }
  });

  it('a token that arrives at both at once starts one session', async () => {
    for (let round = 0; round < 20; round++) {
      const loginToken = await issue(round % 2 === 0 ? 'earlier' : 'new');
      const versions = Array.from({ length: 10 }, (_, number): Version => (number % 2 === 0 ? 'earlier' : 'new'));
      const answers = await Promise.all(versions.map((version) => redeem(version, loginToken)));
      expect(answers.filter(({ status }) => status < 400)).toHaveLength(1);
    }
  });

  it.each(PAIRS)(
    'a session that began at the $from one counts at the $to one, which ends it for both',
    async ({ from, to }) => {
      const cookie = await signIn(from, from);
      expect([await session(from, cookie), await session(to, cookie)]).toEqual([200, 200]);
      const { status } = await call(running[to].url, '/logout', {
        method: 'POST',
        headers: { cookie, origin: SETTINGS.PUBLIC_URL },
      });
      expect(status).toBeLessThan(400);
      const giveUpAt = Date.now() + FORGETTING_MS;
      while ((await session(from, cookie)) === 200 && Date.now() < giveUpAt) await setTimeout(100);
      expect([await session(from, cookie), await session(to, cookie)]).toEqual([401, 401]);
    },
  );

  it('the earlier one starts again on the database of this one, if the upgrade is taken back', async () => {
    expect(await running.earlier.stop('SIGTERM')).toBe(0);
    const cookie = await signIn('new', 'new');
    await start('earlier');
    expect(await session('earlier', cookie)).toBe(200);
    expect(await running.new.stop('SIGTERM')).toBe(0);
    expect(await session('earlier', await signIn('earlier', 'earlier'))).toBe(200);
    await start('new');
    expect(await session('new', await signIn('earlier', 'new'))).toBe(200);
  });
});
