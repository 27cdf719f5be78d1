import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { testEnvironment } from './app.js';
import { hear } from './canary.js';

/** The built service in a process of its own, on this test file's database, with all of its output. */
export class LoggedInstance {
  private constructor(
    private readonly process: ChildProcess,
    readonly url: string,
    private readonly written: Buffer[],
    private readonly closed: Promise<void>,
  ) {}

  static start(overrides: Record<string, string> = {}): Promise<LoggedInstance> {
    const child = spawn(process.execPath, ['dist/src/main.js'], {
      env: { PATH: process.env.PATH, ...testEnvironment(overrides) },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const written: Buffer[] = [];
    // Resolves once both streams have ended, which may be after the process.
    const closed = new Promise<void>((resolve) => {
      child.once('close', () => resolve());
    });
    return new Promise((resolve, reject) => {
      child.once('close', (code) => reject(new Error(`The instance ended with ${code}: ${text(written)}`)));
      for (const stream of [child.stdout, child.stderr]) {
        stream.on('data', (chunk: Buffer) => {
          written.push(chunk);
          const url = /Ready on (http:\S+?),/.exec(text(written))?.[1];
          if (url) resolve(new LoggedInstance(child, url, written, closed));
        });
      }
    });
  }

  /** Ends the process and returns what it wrote to its standard output and standard error. */
  async stop(): Promise<string> {
    this.process.kill();
    await this.closed;
    hear(text(this.written));
    return text(this.written);
  }
}

function text(chunks: Buffer[]): string {
  return Buffer.concat(chunks).toString();
}
