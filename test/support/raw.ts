import { request } from 'node:http';
import { request as secureRequest } from 'node:https';
import { connect, isIP } from 'node:net';
import type { Answer } from './app.js';
import { inspect } from './canary.js';

interface RawOptions {
  method?: string;
  /** An array sends the header several times. */
  headers?: Record<string, string | string[]>;
  body?: string;
}

/**
 * Sends a request whose target is exactly `target`, where `fetch` would normalize it or refuse a header. Every
 * character is one byte, so that invalid UTF-8 can be sent.
 */
export function raw(
  base: string,
  target: string,
  { method = 'GET', headers = {}, body }: RawOptions = {},
): Promise<Answer> {
  const { protocol, hostname, port } = new URL(base);
  const send = protocol === 'https:' ? secureRequest : request;
  // The test servers have self-signed certificates. The handshake names `base`, whatever the Host header says.
  const servername = isIP(hostname) ? '' : hostname;
  const options = {
    hostname,
    port,
    method,
    path: target,
    headers,
    agent: false,
    rejectUnauthorized: false,
    servername,
  };
  return new Promise((resolve, reject) => {
    const call = send(options, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.once('error', reject);
      response.once('end', () => {
        const received = new Headers();
        for (let i = 0; i < response.rawHeaders.length; i += 2)
          received.append(response.rawHeaders[i]!, response.rawHeaders[i + 1]!);
        const answered = answer(response.statusCode!, received, Buffer.concat(chunks).toString());
        try {
          inspect({ path: target, headers: flat(headers), body }, answered);
          resolve(answered);
        } catch (error) {
          reject(error as Error);
        }
      });
    });
    call.once('error', reject);
    call.end(body);
  });
}

function flat(headers: Record<string, string | string[]>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
}

/**
 * Writes `message` to a new connection and reads the answer, even if the service answers before it has read everything.
 * For requests that no HTTP client would send.
 */
export function wire(base: string, message: string): Promise<Answer> {
  const { hostname, port } = new URL(base);
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let left = Buffer.from(message, 'latin1');
    const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
    const writeMore = (): void => {
      while (left.length > 0 && chunks.length === 0 && socket.writable) {
        const piece = left.subarray(0, 8192);
        left = left.subarray(8192);
        if (!socket.write(piece)) {
          socket.once('drain', writeMore);
          return;
        }
      }
    };
    const finish = (error?: Error): void => {
      socket.destroy();
      const parsed = parse(Buffer.concat(chunks).toString());
      if (parsed) resolve(parsed);
      else reject(error ?? new Error(`No answer: ${Buffer.concat(chunks).toString().slice(0, 200)}`));
    };
    socket.once('connect', writeMore);
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.once('end', () => finish());
    socket.once('error', finish);
  });
}

function parse(text: string): Answer | null {
  const end = text.indexOf('\r\n\r\n');
  const [status, ...lines] = text.slice(0, end).split('\r\n');
  const code = /^HTTP\/1\.1 (\d{3})/.exec(status ?? '')?.[1];
  if (end < 0 || !code) return null;
  const headers = new Headers(
    lines.map((line): [string, string] => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]),
  );
  return answer(Number(code), headers, text.slice(end + 4));
}

function answer(status: number, headers: Headers, text: string): Answer {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    body = undefined;
  }
  return { status, headers, text, body };
}
