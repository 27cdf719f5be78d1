import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { areText } from '../common/text.js';

/**
 * Reads a new secret of one line from the standard input. On a terminal, it asks twice and does not show the input.
 *
 * @throws Error if the line is not UTF-8 text or the two entries differ
 */
export async function readNewSecret(prompt: string): Promise<string> {
  if (!process.stdin.isTTY) return readLine(process.stdin);
  const [secret = '', again] = await ask([prompt, 'Repeat: ']);
  if (secret !== again) throw new Error('The two passwords are not the same. Nothing was changed.');
  return secret;
}

/** The answers to the prompts, on a terminal that does not show them. */
async function ask(prompts: string[]): Promise<string[]> {
  const output = new Writable({ write: (_chunk, _encoding, done) => done() });
  // Created before the first prompt, because the terminal shows the input until then.
  const lines = createInterface({ input: process.stdin, output, terminal: true });
  const answers: string[] = [];
  try {
    process.stderr.write(prompts[0]!);
    for await (const line of lines) {
      answers.push(line);
      process.stderr.write('\n');
      if (answers.length === prompts.length) break;
      process.stderr.write(prompts[answers.length]!);
    }
    return answers;
  } finally {
    lines.close();
  }
}

async function readLine(input: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of input) {
    chunks.push(chunk);
    if (chunk.includes('\n')) break;
  }
  const bytes = Buffer.concat(chunks);
  const end = bytes.indexOf('\n');
  const line = end < 0 ? bytes : bytes.subarray(0, end);
  if (!areText(line)) throw new Error('The password must be valid UTF-8 without NUL characters.');
  return line.toString().replace(/\r$/, '');
}
