import type { FastifyReply, FastifyRequest } from 'fastify';

/** How long a client may go on sending a body that was refused, in milliseconds. */
const LINGER_MS = 30_000;

/**
 * Reads, and drops, the rest of a body that is refused for its size. Fastify would close the connection under a client
 * that is still writing; such a client sees a broken pipe in place of the answer.
 */
export function linger(request: FastifyRequest, reply: FastifyReply): void {
  const { raw } = request;
  reply.removeHeader('connection');
  const timer = setTimeout(() => raw.socket.destroy(), LINGER_MS).unref();
  raw.once('close', () => clearTimeout(timer)).resume();
}
