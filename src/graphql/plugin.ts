import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { handleProtocols } from 'graphql-ws';
import { assertMay } from '../auth/authorize.ts';
import { answerErrors } from '../http/errors.ts';
import type { Scope } from '../scope.ts';
import { errorBody } from './errors.ts';
import type { WebsocketDoor } from './websocket.ts';
import type { Yoga } from './yoga.ts';

/** A body of more than so many bytes is not read from who has no key. GraphiQL asks for the schema without one. */
const LARGEST_ANONYMOUS = 64 * 1024;

/** Mounts GraphQL on /graphql: POST, GET (GraphiQL and queries), SSE, and the WebSocket upgrade. */
export function graphqlPlugin(using: { yoga: Yoga; websocket: WebsocketDoor; makeScope: (request: FastifyRequest) => Promise<Scope> }) {
  const { yoga, websocket, makeScope } = using;

  return function graphql(app: FastifyInstance, _options: unknown, done: () => void): void {
    // Yoga parses: it gets the bytes, whatever their type.
    app.removeAllContentTypeParsers();
    app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, parsed) => parsed(null, body));

    // What fails before Yoga has the request: no good key, too many requests, a body that is too large.
    app.setErrorHandler(answerErrors(errorBody));

    const streams = new Set<() => void>();
    app.addHook('preClose', (stopped) => {
      streams.forEach((end) => end());
      stopped();
    });

    /** Sends events until the client leaves, the server stops (it may then reconnect) or its key ends (it is told so). */
    function stream(body: AsyncIterable<Uint8Array>, { caller, services }: Scope, reply: FastifyReply): FastifyReply {
      const events = Readable.from(body);
      function end(lastWords = '') {
        events.unpipe(reply.raw);
        reply.raw.end(lastWords); // and Fastify destroys the source
      }
      const restart = () => end();
      streams.add(restart);
      const unwatch = caller.kind === 'key' ? services.keyRing.whenEnded(caller, (why) => end(goodbye(why))) : () => {};
      reply.raw.once('close', () => {
        streams.delete(restart);
        unwatch();
      });
      return reply.send(events);
    }

    app.decorateRequest('scope');
    // Before the body is read, as at the REST door. A WebSocket says who it is in connection_init.
    app.addHook('onRequest', async (request) => {
      if (request.ws) return;
      request.scope = await makeScope(request);
      const size = Number(request.headers['content-length'] ?? (request.headers['transfer-encoding'] ? Infinity : 0));
      if (size > LARGEST_ANONYMOUS) assertMay(request.scope.caller);
    });

    async function handler(request: FastifyRequest, reply: FastifyReply) {
      const { scope } = request;
      const gone = new AbortController();
      reply.raw.once('close', () => {
        if (!reply.raw.writableFinished) gone.abort();
      });
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
      if (response.headers.get('content-type')?.startsWith('text/event-stream')) return stream(response.body as AsyncIterable<Uint8Array>, scope, reply);
      return reply.send(Buffer.from(await response.arrayBuffer()));
    }

    app.websocketServer.options.handleProtocols = handleProtocols;
    app.route({ method: 'GET', url: '/graphql', schema: { hide: true }, handler, wsHandler: websocket.handler });
    app.route({ method: ['POST', 'PUT', 'DELETE', 'OPTIONS'], url: '/graphql', schema: { hide: true }, handler });
    done();
  };
}

/** The last events of a stream whose key ended. */
function goodbye(why: 'revoked' | 'expired'): string {
  const errors = [{ message: `API key ${why}`, extensions: { code: 'UNAUTHENTICATED' } }];
  return `event: next\ndata: ${JSON.stringify({ errors })}\n\nevent: complete\ndata:\n\n`;
}
