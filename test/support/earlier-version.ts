import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

const MIGRATIONS = 'src/schema/migrations';

/** The built service as it was before: the last release, or the commit before the last migration while there is none. */
export class EarlierVersion {
  private constructor(
    /** The tag, or the commit. */
    readonly name: string,
    readonly directory: string,
  ) {}

  /** Takes it from git into a folder of its own, and builds it with the packages that it had. */
  static build(): EarlierVersion {
    fetchHistory();
    const name = lastRelease() ?? beforeLastMigration();
    process.stderr.write(`Building ${name}, the earlier version …\n`);
    const directory = mkdtempSync(join(tmpdir(), 'latchkey-earlier-'));
    const files = execFileSync('git', ['archive', name], { maxBuffer: 2 ** 30 });
    execFileSync('tar', ['-x', '-C', directory], { input: files });
    const env = { ...process.env, PATH: `${dirname(process.execPath)}:${process.env.PATH}` };
    for (const args of [
      ['ci', '--no-audit'],
      ['run', '--silent', 'build'],
    ])
      execFileSync('npm', args, { cwd: directory, env, stdio: ['ignore', 'ignore', 'inherit'] });
    return new EarlierVersion(name, directory);
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** A shallow checkout has neither the earlier commits nor the tags. */
function fetchHistory(): void {
  if (git('rev-parse', '--is-shallow-repository') !== 'true') return;
  process.stderr.write('This checkout is shallow: fetching its history and tags for the earlier version.\n');
  git('fetch', '--quiet', '--unshallow', '--tags');
}

function lastRelease(): string | undefined {
  return git('tag', '--merged', 'HEAD', '--list', 'v*', '--sort=-version:refname').split('\n').find(Boolean);
}

function beforeLastMigration(): string {
  const added = git('log', '-1', '--diff-filter=A', '--format=%H', '--', `${MIGRATIONS}/[0-9]*.ts`);
  return git('rev-parse', '--short', `${added}^`);
}

function git(...args: string[]): string {
  return execFileSync('git', args, { encoding: 'utf8' }).trim();
}
