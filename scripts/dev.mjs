// Compiles what changes and restarts the service, until Ctrl+C. Options are passed to the service: -- --env-file FILE
import { spawn } from 'node:child_process';
import './render-guides.mjs';
import '../console/build.mjs';

const compiler = run(
  ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json', '--watch', '--preserveWatchOutput'],
  ['ignore', 'pipe', 'inherit'],
);
let service;
compiler.stdout.on('data', (text) => {
  process.stdout.write(text);
  // The service starts only after the first compilation, which writes file after file; each would cause a restart.
  if (String(text).includes('Watching for file changes'))
    service ??= run(
      ['--watch', '--watch-preserve-output', '--enable-source-maps', 'dist/src/main.js', ...process.argv.slice(2)],
      ['ignore', 'inherit', 'inherit'],
    );
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, end);

/** If one of the processes ends, the other one ends too. It would look as if it worked. */
function run(options, stdio) {
  return spawn(process.execPath, options, { stdio }).on('exit', end);
}

function end() {
  compiler.kill();
  service?.kill();
}
