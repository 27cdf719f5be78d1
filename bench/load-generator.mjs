// Puts load on a server from a process of its own: wrk where it is installed, because it takes far less CPU than the
// servers do, and autocannon otherwise.
import { execFile, fork, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** Seconds until an answer counts as an error. */
const TIMEOUT_SECONDS = 30;

/**
 * A request, with the headers of its whole list around it.
 *
 * @typedef {{ path: string, cookie?: string, body?: string }} Request a body is JSON and makes it a POST
 *
 * @typedef {{ rate: number, p50: number, p99: number }} Measured requests per second, milliseconds until an answer
 */

/** @param {string} directory for files, which the caller deletes */
export function findLoadGenerator(directory) {
  const { stdout, error } = spawnSync('wrk', ['-v'], { encoding: 'utf8' });
  return error ? autocannon() : wrk(directory, stdout.split('\n')[0].split(' [')[0]);
}

function wrk(directory, version) {
  const running = new Set();
  const [list, found] = [join(directory, 'requests.tsv'), join(directory, 'tokens.txt')];
  return {
    name: version,
    /**
     * Requests the list in turn for so many seconds. With `collect`, returns the token of each answer as well. With
     * `once`, no request is made twice: returns `null` if there were too few.
     *
     * @returns {Promise<(Measured & { tokens?: string[] }) | null>}
     * @throws Error if any answer is an error
     */
    async load({ url, headers = {}, requests, connections, seconds, once = false, collect = false }) {
      const lines = requests.map(({ path, cookie = '', body = '' }) => `${path}\t${cookie}\t${body}\n`);
      writeFileSync(list, lines.join(''));
      const options = ['-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', `${TIMEOUT_SECONDS}s`];
      for (const [name, value] of Object.entries(headers)) options.push('-H', `${name}: ${value}`);
      const script = fileURLToPath(new URL('wrk.lua', import.meta.url));
      const work = promisify(execFile)('wrk', [...options, '-s', script, url, '--', list, ...(collect ? [found] : [])]);
      running.add(work.child);
      const { stdout } = await work.finally(() => running.delete(work.child));
      const { requests: count, microseconds, p50, p99, laps, errors } = JSON.parse(stdout.trim().split('\n').at(-1));
      if (once && laps > 0) return null;
      if (errors > 0 || count === 0) throw new Error(`${url} answered ${count} requests, ${errors} of them badly.`);
      const measured = { rate: (count / microseconds) * 1e6, p50: p50 / 1000, p99: p99 / 1000 };
      return collect ? { ...measured, tokens: readFileSync(found, 'utf8').split('\n').filter(Boolean) } : measured;
    },
    stop() {
      for (const child of running) child.kill('SIGKILL');
    },
  };
}

function autocannon() {
  const child = fork(new URL('autocannon.mjs', import.meta.url));
  const ended = once(child, 'exit');
  return {
    name: 'autocannon',
    async load(options) {
      child.send(options);
      const [answer] = await Promise.race([
        once(child, 'message'),
        ended.then(() => [{ error: 'The load generator ended.' }]),
      ]);
      if (answer?.error) throw new Error(answer.error);
      return answer;
    },
    stop() {
      child.kill('SIGKILL');
    },
  };
}
