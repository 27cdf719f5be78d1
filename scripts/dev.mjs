// Compiles what changes and restarts the service with it, until Ctrl+C. Options go to the service: -- --env-file FILE
import { spawn, spawnSync } from 'node:child_process';

const { status } = spawnSync(process.execPath, ['scripts/build-if-needed.mjs'], { stdio: 'inherit' });
if (status !== 0) process.exit(status ?? 1);

const processes = [
  ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json', '--watch', '--preserveWatchOutput'],
  ['--watch', '--watch-preserve-output', '--enable-source-maps', 'dist/src/main.js', ...process.argv.slice(2)],
].map((options) => spawn(process.execPath, options, { stdio: ['ignore', 'inherit', 'inherit'] }));

function end() {
  for (const one of processes) one.kill();
}
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, end);
// One without the other would look as if it worked.
for (const one of processes) one.on('exit', end);
