import { fork } from 'node:child_process';
import { once } from 'node:events';

/** A reserve, so that a round that is faster than all before it still finds enough tokens to redeem. */
const SPARE_TOKENS = 1.3;

/** The process that puts load on the servers, one job at a time. */
export class LoadGenerator {
  #process = fork(new URL('load.mjs', import.meta.url));
  #ended = once(this.#process, 'exit');
  /** Requests per second, by URL and job. */
  #fastest = new Map();

  /**
   * Puts load on a server for so many seconds.
   *
   * @throws Error if any answer is not as expected
   */
  async run(job, { url, bearer, users }, connections, seconds) {
    const key = `${url} ${job}`;
    const fastest = this.#fastest.get(key) ?? 0;
    const tokens = Math.max(connections, Math.ceil(fastest * seconds * SPARE_TOKENS));
    this.#process.send({ job, url, bearer, users, connections, seconds, tokens });
    const [measured] = await Promise.race([
      once(this.#process, 'message'),
      this.#ended.then(() => [{ error: 'The load generator ended.' }]),
    ]);
    if (measured.error) throw new Error(measured.error);
    this.#fastest.set(key, Math.max(fastest, measured.rate));
    return measured;
  }

  stop() {
    this.#process.kill('SIGKILL');
  }
}
