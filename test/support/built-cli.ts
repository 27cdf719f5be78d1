import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { testEnvironment } from './app.js';

export interface CliResult {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Runs the built command line on this test file's database. */
export function runCli(...args: string[]): Promise<CliResult> {
  return pipeToCli(null, ...args);
}

/** Runs the built command line with `input` on its standard input. */
export async function pipeToCli(input: Buffer | null, ...args: string[]): Promise<CliResult> {
  const child = spawn(process.execPath, ['dist/cli.cjs', ...args], {
    env: { PATH: process.env.PATH, ...testEnvironment() },
    stdio: [input ? 'pipe' : 'ignore', 'pipe', 'pipe'],
  });
  child.stdin?.end(input);
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const [stdout, stderr] = await Promise.all([text(child.stdout!), text(child.stderr!)]);
  return { code: await ended, stdout, stderr };
}

/** Runs the built command line on a terminal, and types the next line at each prompt. */
export async function typeToCli(lines: string[], ...args: string[]): Promise<Pick<CliResult, 'code' | 'stdout'>> {
  const command = [process.execPath, 'dist/cli.cjs', ...args].join(' ');
  const child = spawn('script', ['--quiet', '--return', '--command', command, '/dev/null'], {
    env: { PATH: process.env.PATH, ...testEnvironment() },
    stdio: 'pipe',
  });
  let stdout = '';
  const left = [...lines];
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
    if (stdout.endsWith(': ') && left.length > 0) child.stdin.write(`${left.shift()}\n`);
  });
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, stdout };
}
