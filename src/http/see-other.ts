import type { FastifyReply } from 'fastify';

/** Sends the browser to another page (RFC 9110, section 15.4.4). No cache keeps the answer. */
export function seeOther(reply: FastifyReply, location: string): void {
  void reply.status(303).headers({ Location: location, 'Cache-Control': 'no-store' }).send();
}
