import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { testEnvironment } from './app.js';
import { hear } from './canary.js';

/** The built service in a process of its own, on this test file's database. */
export class Instance {
  private constructor(
    private readonly process: ChildProcess,
    readonly url: string,
    /** What it has written to its standard output. */
    readonly output: string[],
  ) {}

  static start(overrides: Record<string, string> = {}): Promise<Instance> {
    const child = spawn(process.execPath, ['dist/src/main.js'], {
      env: { PATH: process.env.PATH, ...testEnvironment({ LOG_LEVEL: 'info', ...overrides }) },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    return new Promise((resolve, reject) => {
      const output: string[] = [];
      child.once('exit', (code) => reject(new Error(`The instance ended with ${code}: ${output.join('\n')}`)));
      createInterface({ input: child.stdout! }).on('line', (line) => {
        output.push(line);
        hear(line);
        const url = /Ready on (http:\S+?),/.exec(line)?.[1];
        if (url) resolve(new Instance(child, url, output));
      });
    });
  }

  /** Ends the process: with SIGTERM in good order, with SIGKILL at once. */
  stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    if (this.process.exitCode !== null || this.process.signalCode !== null)
      return Promise.resolve(this.process.exitCode);
    return new Promise((resolve) => {
      this.process.once('exit', (code) => resolve(code));
      this.process.kill(signal);
    });
  }
}
