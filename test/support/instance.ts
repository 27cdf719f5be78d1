import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { testEnvironment } from './app.js';
import { recordLogLine } from './canary.js';

/** The built service in a process of its own, on this test file's database. */
export class Instance {
  private constructor(
    private readonly process: ChildProcess,
    readonly url: string,
    /** The lines of its standard output. */
    readonly output: string[],
    /** The lines of its standard error, which are shown too. */
    readonly errorOutput: string[],
    /** The exit code, once the process and both of its streams have ended. */
    readonly ended: Promise<number | null>,
  ) {}

  /** Starts it with `args`, as an argument of the command `within`. */
  static start(overrides: Record<string, string> = {}, within: string[] = [], args: string[] = []): Promise<Instance> {
    const [command, ...rest] = [...within, process.execPath, 'dist/main.cjs', ...args];
    const child = spawn(command!, rest, {
      env: { PATH: process.env.PATH, ...testEnvironment({ LOG_LEVEL: 'info', ...overrides }) },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const output: string[] = [];
    const errorOutput: string[] = [];
    const closed = new Promise<number | null>((resolve) => {
      child.once('close', (code) => resolve(code));
    });
    return new Promise((resolve, reject) => {
      child.once('close', (code) => reject(new Error(`The instance ended with ${code}: ${output.join('\n')}`)));
      createInterface({ input: child.stdout }).on('line', (line) => {
        output.push(line);
        recordLogLine(line);
        const url = /Ready on (http:\S+?),/.exec(line)?.[1];
        if (url) resolve(new Instance(child, url, output, errorOutput, closed));
      });
      createInterface({ input: child.stderr }).on('line', (line) => {
        errorOutput.push(line);
        recordLogLine(line);
        process.stderr.write(`${line}\n`);
      });
    });
  }

  /** Ends the process: with SIGTERM in good order, with SIGKILL at once. All of its output is there afterwards. */
  stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    this.process.kill(signal);
    return this.ended;
  }
}
