// `npm ci` runs this if the host's own Node is older than 22. It installs a newer Node beside this file, and links it
// where npm scripts and npx look for `node` first. The host's own Node stays unchanged.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));
const bin = fileURLToPath(new URL('../../node_modules/.bin', import.meta.url));
const [version] = Object.values(JSON.parse(readFileSync(`${here}package.json`, 'utf8')).optionalDependencies);

/** Whether the binary runs. One for another C library exists but does not run. */
function runs() {
  const { stdout } = spawnSync(`${here}node_modules/.bin/node`, ['--version'], { encoding: 'utf8' });
  return stdout?.trim() === `v${version}`;
}

if (process.platform === 'linux' && !runs()) {
  process.stderr.write(`Installing Node ${version} for Latchkey: this host's is ${process.versions.node} …\n`);
  const npm = [process.env.npm_execpath, 'ci', '--no-audit', '--loglevel=error'];
  spawnSync(process.execPath, npm, { cwd: here, stdio: ['ignore', 'ignore', 2] });
}
if (!runs()) {
  process.stderr.write(
    `Latchkey needs Node 22.13 or newer, or 24.11 or newer, and this is ${process.versions.node}.\n`,
  );
  process.exit(1);
}
mkdirSync(bin, { recursive: true });
rmSync(`${bin}/node`, { force: true });
symlinkSync('../../scripts/node22/node_modules/.bin/node', `${bin}/node`);
