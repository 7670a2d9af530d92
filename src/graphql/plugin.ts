import { Readable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { AppError } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { Scope } from '../scope.ts';
import { maskError } from './errors.ts';
import type { WebsocketDoor } from './websocket.ts';
import type { Yoga } from './yoga.ts';

/** Mounts GraphQL on /graphql: POST, GET (GraphiQL and queries), SSE, and the WebSocket upgrade. */
export function graphqlPlugin(using: { yoga: Yoga; websocket: WebsocketDoor; makeScope: (request: FastifyRequest) => Promise<Scope>; log: Logger }) {
  const { yoga, websocket, makeScope, log } = using;

  return function graphql(app: FastifyInstance, _options: unknown, done: () => void): void {
    // Yoga parses: it gets the bytes, whatever their type.
    app.removeAllContentTypeParsers();
    app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, parsed) => parsed(null, body));

    app.setErrorHandler((thrown: FastifyError | AppError, request, reply) => {
      const tooLarge = thrown.code === 'FST_ERR_CTP_BODY_TOO_LARGE';
      const error = tooLarge ? new AppError('PAYLOAD_TOO_LARGE', 'The body is larger than this server takes (MAX_BODY_BYTES)') : thrown;
      const masked = maskError(error, log, request.id);
      return reply
        .code(error instanceof AppError ? error.status : 500)
        .type('application/json')
        .send(JSON.stringify({ errors: [{ message: masked.message, extensions: { code: masked.extensions['code'] } }] }));
    });

    async function handler(request: FastifyRequest, reply: FastifyReply) {
      const scope = await makeScope(request);
      const gone = new AbortController();
      request.raw.socket.once('close', () => gone.abort());
      const response = await yoga.fetch(
        new URL(request.url, 'http://sentrial'),
        {
          method: request.method,
          headers: request.headers as Record<string, string>,
          ...(request.body ? { body: request.body as Buffer<ArrayBuffer> } : {}),
          signal: gone.signal,
        },
        { scope },
      );
      reply.code(response.status);
      response.headers.forEach((value, name) => void reply.header(name, value));
      if (!response.body) return reply.send(null);
      const streams = response.headers.get('content-type')?.startsWith('text/event-stream');
      return reply.send(streams ? Readable.fromWeb(response.body as ReadableStream) : Buffer.from(await response.arrayBuffer()));
    }

    app.route({ method: 'GET', url: '/graphql', schema: { hide: true }, handler, wsHandler: websocket.handler });
    app.route({ method: ['POST', 'PUT', 'DELETE', 'OPTIONS'], url: '/graphql', schema: { hide: true }, handler });
    done();
  };
}
