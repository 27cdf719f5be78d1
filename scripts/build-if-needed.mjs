// Builds the service, unless dist is newer than all of its sources.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';

const SOURCES = [
  'src',
  'docs',
  'console',
  'clients/typescript/src',
  'scripts/render-guides.mjs',
  'scripts/bundle.mjs',
  'ormconfig.ts',
  'tsconfig.json',
  'tsconfig.build.json',
  'package.json',
];

function newest(path) {
  if (!existsSync(path)) return 0;
  const stat = statSync(path);
  return stat.isDirectory() ? Math.max(...readdirSync(path).map((name) => newest(`${path}/${name}`))) : stat.mtimeMs;
}

const built = newest('dist/main.cjs');
if (built < Math.max(...SOURCES.map(newest))) {
  const { devDependencies } = JSON.parse(readFileSync('package.json', 'utf8'));
  // A single package proves little, because some of them come with other packages.
  if (!Object.keys(devDependencies).every((name) => existsSync(`node_modules/${name}`))) {
    process.stderr.write(
      'Latchkey is not built, and the compiler is left out of this installation: run ' +
        'npm ci --include=dev && npm run build && npm prune --omit=dev\n',
    );
    process.exit(1);
  }
  process.stderr.write('Building Latchkey …\n');
  const { status } = spawnSync('npm', ['run', '--silent', 'build'], {
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32',
  });
  process.exit(status ?? 1);
}
