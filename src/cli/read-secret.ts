import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { areText } from '../common/text.js';

/**
 * Reads a new secret from the standard input: one line. A terminal is asked twice, and shows nothing of what is typed.
 *
 * @throws Error for a line that is no text in UTF-8, and for two that are not the same
 */
export async function readNewSecret(prompt: string): Promise<string> {
  if (!process.stdin.isTTY) return readLine(process.stdin);
  const [secret = '', again] = await ask([prompt, 'Once more: ']);
  if (secret !== again) throw new Error('The two are not the same. Nothing has changed.');
  return secret;
}

/** What is typed at each prompt, on a terminal that shows none of it. */
async function ask(prompts: string[]): Promise<string[]> {
  const output = new Writable({ write: (_chunk, _encoding, done) => done() });
  // Before the first prompt: until then, the terminal itself shows what is typed.
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
  if (!areText(line)) throw new Error('What is read has to be text in UTF-8, without NUL.');
  return line.toString().replace(/\r$/, '');
}
