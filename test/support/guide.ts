import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { call, testEnvironment } from './app.js';

/**
 * A directory in which a guide's commands run. It contains what the repository has, and the files that the commands
 * write.
 */
export class GuideDirectory {
  readonly path = mkdtempSync(join(tmpdir(), 'latchkey-guide-'));

  constructor(readonly publicUrl: string) {
    for (const name of readdirSync('.').filter((file) => !file.startsWith('.') && file !== 'data'))
      symlinkSync(resolve(name), join(this.path, name));
  }

  /** Adapts a text of the guides to this test's service. */
  adapted(code: string): string {
    return code.replaceAll('http://localhost:3000', this.publicUrl);
  }

  get environment(): NodeJS.ProcessEnv {
    const { DATABASE_PATH, DATABASE_URL } = testEnvironment();
    return {
      PATH: process.env.PATH,
      HOME: this.path,
      ...testEnvironment({ NODE_ENV: 'development', PUBLIC_URL: this.publicUrl, LOG_LEVEL: 'error' }),
      ...(DATABASE_URL ? { DATABASE_URL } : { DATABASE_PATH: resolve(DATABASE_PATH!) }),
    };
  }

  /** Pastes commands into one shell and returns the output of each block. */
  async paste(blocks: string[], environment = this.environment): Promise<string[]> {
    const child = spawn('bash', ['-eu', '-o', 'pipefail'], {
      cwd: this.path,
      env: environment,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const ended = new Promise<number | null>((done) => child.once('exit', done));
    child.stdin.end(blocks.map((block) => this.adapted(block)).join('\necho; echo ----\n'));
    const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
    if (await ended) throw new Error(`The commands failed: ${stderr}`);
    return stdout.split('\n----\n').map((part) => part.trim());
  }

  /** Pastes commands and returns the variables that they have exported for a host. */
  async exported(blocks: string[]): Promise<Record<string, string>> {
    const printed = await this.paste([...blocks, 'env | grep ^LATCHKEY_']);
    return Object.fromEntries(
      printed
        .at(-1)!
        .split('\n')
        .map((line) => line.split('=', 2)),
    );
  }

  remove(): void {
    rmSync(this.path, { recursive: true });
  }
}

/** Opens a sign-in link and returns who is signed in, who let them in, and where the login leads. */
export async function visit(url: string): Promise<unknown> {
  const login = await call('', url);
  const cookie = login.headers.getSetCookie()[0]!.split(';')[0]!;
  const { user, actor } = (await call(new URL(url).origin, '/session', { headers: { cookie } })).body;
  return {
    user: user.name,
    actor: actor.name,
    isServiceAccount: actor.serviceAccount,
    endsAt: login.headers.get('location'),
  };
}
