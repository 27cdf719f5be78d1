// npm run fuzz -- [requests] [more for jest]: sends random requests to every route of the API, on both engines.
import { spawnSync } from 'node:child_process';

const [requests = '100000', ...more] = process.argv.slice(2);
if (!/^[1-9]\d*$/.test(requests)) {
  process.stderr.write('npm run fuzz -- <number of requests>; 100000 without one.\n');
  process.exit(1);
}
const jest = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning', 'node_modules/jest/bin/jest.js'];
const { status } = spawnSync(process.execPath, [...jest, 'test/fuzz', '--maxWorkers=1', ...more], {
  stdio: 'inherit',
  env: { ...process.env, FUZZ_REQUESTS: requests },
});
process.exit(status ?? 1);
