import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Deadline } from '../common/deadline.js';
import { ANSWER_MS } from '../database/postgres-limits.js';

/**
 * Gives each request one deadline for all that it asks PostgreSQL. A body may take longer to arrive, and does not count:
 * the clock stands still while it is read. Reading it also loses the context in which the request began.
 */
export function limitAnswers(fastify: FastifyInstance): void {
  const deadlines = new WeakMap<FastifyRequest, { deadline: Deadline; readingSince: number }>();
  fastify.addHook('onRequest', (request, _reply, done) => {
    const deadline = deadlineOf(request.raw);
    deadlines.set(request, { deadline, readingSince: 0 });
    deadline.run(done);
  });
  fastify.addHook('preParsing', (request, _reply, _payload, done) => {
    deadlines.get(request)!.readingSince = performance.now();
    done();
  });
  fastify.addHook('preValidation', (request, _reply, done) => {
    const { deadline, readingSince } = deadlines.get(request)!;
    deadline.extend(performance.now() - readingSince);
    deadline.run(done);
  });
}

const begun = new WeakMap<IncomingMessage, Deadline>();

/** The deadline of a request, which is the same one before the framework gets it and after. */
export function deadlineOf(request: IncomingMessage): Deadline {
  const deadline = begun.get(request) ?? Deadline.in(ANSWER_MS);
  begun.set(request, deadline);
  return deadline;
}
