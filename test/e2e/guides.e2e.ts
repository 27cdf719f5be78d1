import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { call } from '../support/app.js';
import type { Answer } from '../support/app.js';
import { createDatabase, dropDatabase } from '../support/database.js';
import { freePort } from '../support/free-port.js';
import { Front } from '../support/front.js';
import { GuideDirectory, visit } from '../support/guide.js';
import { Instance } from '../support/instance.js';

/** A machine that is busy with other things takes its time for a command. */
const PATIENCE_MS = 180_000;

let instance: Instance;
let front: Front;
let directory: GuideDirectory;
/** What the guide has the shell export. */
let account: Record<string, string>;
const hosts = {} as Record<'php' | 'java', Host>;

beforeAll(async () => {
  requireLanguage('php', ['--ri', 'curl'], 'php-cli php-curl');
  requireLanguage('javac', ['--version'], 'default-jdk-headless');
  await createDatabase();
  const port = await freePort();
  front = await Front.start(port);
  instance = await Instance.start({
    NODE_ENV: 'development',
    PUBLIC_URL: front.url,
    HOST: 'localhost',
    PORT: String(port),
  });
  directory = new GuideDirectory(front.url);
  const steps = blocksOf('service-accounts').slice(0, 2);
  account = await directory.exported(steps.map(({ code }) => code));
  for (const name of ['php', 'java'] as const) hosts[name] = await Host.start(name, 'http://localhost:4001/open');
}, PATIENCE_MS);
afterAll(async () => {
  for (const host of Object.values(hosts)) host.stop();
  await instance?.stop();
  await front?.stop();
  directory?.remove();
  await dropDatabase();
});
beforeEach(() => front.recover());

describe.each(['php', 'java'] as const)('docs/%s.md', (name) => {
  const open = (query = ''): Promise<Answer> => hosts[name].open(query);

  it('lets Anna in', async () => {
    const { status, headers } = await open();
    expect([status, headers.get('cache-control')]).toEqual([303, 'no-store']);
    expect(await visit(headers.get('location')!)).toEqual({
      user: 'Anna Jansen',
      actor: 'Host portal',
      isServiceAccount: true,
      endsAt: '/',
    });
  });

  it('leads her to the page that was asked for', async () => {
    const { headers } = await open(`?return_to=${encodeURIComponent('/course/1?lesson=2&part=3')}`);
    expect(await visit(headers.get('location')!)).toMatchObject({ endsAt: '/course/1?lesson=2&part=3' });
  });
});

describe('the access token', () => {
  it('is kept in a file by docs/php.md, and replaced when it was revoked', async () => {
    const show = 'php show.php';
    expect([await hosts.php.run(show), await hosts.php.run(show)]).toEqual(['Anna Jansen\n', 'Anna Jansen\n']);
    expect(front.count('/oauth/token')).toBeLessThan(2);
    expect(statSync(join(directory.path, 'latchkey-token.json')).mode & 0o777).toBe(0o600);
    await revokeTokens();
    front.recover();
    expect([await hosts.php.run(show), front.count('/oauth/token')]).toEqual(['Anna Jansen\n', 1]);
  }, 60_000);

  it('is kept for all threads by docs/java.md, and replaced when it was revoked', async () => {
    writeFileSync(join(directory.path, 'Often.java'), OFTEN);
    const program = hosts.java.spawn('javac -encoding UTF-8 -d classes *.java && exec java -cp classes Often');
    const lines = createInterface({ input: program.stdout! })[Symbol.asyncIterator]();
    const round = async (): Promise<string> => String((await lines.next()).value);
    expect([await round(), front.count('/oauth/token')]).toEqual(['8 of 8', 1]);
    await revokeTokens();
    front.recover();
    program.stdin!.end('\n');
    expect([await round(), front.count('/oauth/token')]).toEqual(['8 of 8', 1]);
  }, 60_000);
});

it.each(['portal.pem', 'latchkey-token.json', 'latchkey.php'])('docs/php.md does not show %s', async (file) => {
  const { text: page } = await call(hosts.php.url, `/${file}`);
  expect(page).not.toMatch(/PRIVATE KEY|"token"|<\?php/);
});

/** A host that goes on: eight threads at once, twice. */
const OFTEN = `final class Often {
  public static void main(String[] arguments) throws Exception {
    Latchkey latchkey = Host.latchkey();
    for (int round = 0; round < 2; round++) {
      var good = new java.util.concurrent.atomic.AtomicInteger();
      var threads = new java.util.ArrayList<Thread>();
      for (int i = 0; i < 8; i++) threads.add(new Thread(() -> {
        try { if (latchkey.get("/api/2.1.1/user/LMS/4711").contains("Anna Jansen")) good.incrementAndGet(); }
        catch (Exception failure) { failure.printStackTrace(); }
      }));
      threads.forEach(Thread::start);
      for (Thread thread : threads) thread.join();
      System.out.println(good + " of 8");
      System.in.read();
    }
  }
}
`;

async function revokeTokens(): Promise<void> {
  await directory.paste(['npm run --silent latchkey -- keys rotate --now']);
  // Within two seconds every instance has heard of it.
  await sleep(2500);
}

function requireLanguage(command: string, args: string[], packages: string): void {
  if (spawnSync(command, args).status !== 0)
    throw new Error(
      `These tests run what the guides show, which takes Debian's ${packages}: apt-get install ${packages}`,
    );
}

interface Block {
  language: string;
  code: string;
  /** Where the page has it saved. */
  file: string | undefined;
}

function blocksOf(name: string): Block[] {
  const page = readFileSync(`docs/${name}.md`, 'utf8');
  return [...page.matchAll(/(?:^Save it as `([^`]+)`.*\n\n)?^```(\w+)\n([^]*?)\n```/gm)].map(
    ([, file, language, code]) => ({ file, language: language!, code: code! }),
  );
}

/** A page of the guide, followed from its beginning to its end, with the port that it names replaced by a free one. */
class Host {
  private server: ChildProcess | undefined;

  private constructor(readonly address: string) {}

  static async start(name: string, address: string): Promise<Host> {
    const { port } = new URL(address);
    const free = String(await freePort());
    const host = new Host(address.replace(port, free));
    for (const { code, language, file } of blocksOf(name)) {
      const adapted = directory.adapted(code).replaceAll(port, free);
      if (language !== 'sh') {
        if (!file) throw new Error(`docs/${name}.md does not say where to save:\n${code}`);
        mkdirSync(dirname(join(directory.path, file)), { recursive: true });
        writeFileSync(join(directory.path, file), `${adapted}\n`);
      } else if (host.server) await host.run(adapted);
      else await host.serve(adapted);
    }
    return host;
  }

  get url(): string {
    return new URL(this.address).origin;
  }

  open(query = ''): Promise<Answer> {
    return call('', this.address + query);
  }

  spawn(code: string, stderr: 'inherit' | 'ignore' = 'inherit'): ChildProcess {
    // That is the port of the service.
    const { PORT: _, ...environment } = directory.environment;
    return spawn('bash', ['--norc', '-euc', code], {
      cwd: directory.path,
      env: { ...environment, ...account },
      stdio: ['pipe', 'pipe', stderr],
    });
  }

  async run(code: string): Promise<string> {
    const child = this.spawn(code);
    const ended = new Promise<number | null>((done) => child.once('exit', done));
    const printed = await text(child.stdout!);
    if (await ended) throw new Error(`This failed: ${code}`);
    return printed;
  }

  stop(): void {
    this.server?.kill();
  }

  /** Its last line is the server, which takes the place of the shell. */
  private async serve(code: string): Promise<void> {
    this.server = this.spawn(code.replace(/^(?=.*$(?![^]))/m, 'exec '), 'ignore');
    while (this.server.exitCode === null) {
      if (await fetch(this.url).catch(() => null)) return;
      await sleep(100);
    }
    throw new Error(`The host did not start: ${code}`);
  }
}
