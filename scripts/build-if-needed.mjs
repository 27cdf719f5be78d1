// Builds unless dist is newer than everything it is made from.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';

const SOURCES = ['src', 'ormconfig.ts', 'tsconfig.json', 'tsconfig.build.json', 'package.json'];

function newest(path) {
  if (!existsSync(path)) return 0;
  const stat = statSync(path);
  return stat.isDirectory() ? Math.max(...readdirSync(path).map((name) => newest(`${path}/${name}`))) : stat.mtimeMs;
}

const built = existsSync('dist/.tsbuildinfo') ? statSync('dist/.tsbuildinfo').mtimeMs : 0;
if (built < Math.max(...SOURCES.map(newest))) {
  process.stderr.write('Building Latchkey …\n');
  const { status } = spawnSync('npm', ['run', '--silent', 'build'], {
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32',
  });
  process.exit(status ?? 1);
}
