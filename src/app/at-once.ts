import { randomUUID } from 'node:crypto';
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import type { ServerAdapter } from './adapter.js';

/**
 * Answers a request before the framework sees it, and returns whether it does. It may also keep the request for a
 * moment and then give it to the framework with `passOn`.
 */
export type AnswerAtOnce = (request: IncomingMessage, response: ServerResponse, passOn: () => void) => boolean;

/**
 * Takes the place of the framework as the server's listener. The framework answers every request that none of these
 * does: its router, hooks, guards and reply objects take several times as long as the work for the most frequent ones.
 */
export function answerAtOnce(adapter: ServerAdapter, answers: AnswerAtOnce[]): void {
  const server = adapter.getHttpServer() as Server;
  const [framework] = server.listeners('request') as RequestListener[];
  adapter.answerInTurn((request, response) => {
    const passOn = (): void => framework!.call(server, request, response);
    // A server that is closing must tell its clients so, which the framework does.
    if (!server.listening || !answers.some((one) => one(request, response, passOn))) passOn();
  });
}

/** Sends an answer with its headers, names and values in turn, and with the ID that every answer has. */
export function send(response: ServerResponse, status: number, headers: string[], body = ''): void {
  headers.push('X-Request-Id', randomUUID(), 'Content-Length', String(Buffer.byteLength(body)));
  response.writeHead(status, headers).end(body);
}

/** Whether nothing about a GET request but its address, its credentials and its cookies can matter. */
export function isPlainGet({ method, headers }: IncomingMessage): boolean {
  const hasBody = headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined;
  return method === 'GET' && !hasBody && headers.origin === undefined;
}
