import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { areText } from '../common/text.js';

/**
 * Reads one line from the standard input; on a terminal, what is typed is not shown.
 *
 * @throws Error for a line that is no text in UTF-8
 */
export async function readSecret(prompt: string): Promise<string> {
  const { stdin } = process;
  if (!stdin.isTTY) return readLine(stdin);
  process.stderr.write(prompt);
  const output = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: stdin, output, terminal: true });
  try {
    for await (const line of lines) return line;
    return '';
  } finally {
    lines.close();
    process.stderr.write('\n');
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
