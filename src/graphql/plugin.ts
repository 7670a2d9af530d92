import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { handleProtocols } from 'graphql-ws';
import { createAddressLimit } from '../auth/address-limit.ts';
import { assertMay } from '../auth/authorize.ts';
import { tooManyAnonymous } from '../errors.ts';
import { answerErrors } from '../http/errors.ts';
import { watchMethods } from '../http/methods.ts';
import { LARGEST_ANONYMOUS_BODY } from '../http/server.ts';
import type { Scope } from '../scope.ts';
import { errorBody } from './errors.ts';
import { renderGraphiql } from './graphiql.ts';
import type { Graphiql } from './graphiql.ts';
import type { WebsocketDoor } from './websocket.ts';
import type { Yoga } from './yoga.ts';

/** How many operations an address may send in a minute without a key. GraphiQL asks for the schema without one. */
const ANONYMOUS_PER_MINUTE = 30;

/** Mounts GraphQL on /graphql: POST, GET (GraphiQL and queries), SSE, and the WebSocket upgrade. */
export function graphqlPlugin(using: { yoga: Yoga; websocket: WebsocketDoor; graphiql: boolean; maxBodyBytes: number; makeScope: (request: FastifyRequest) => Promise<Scope> }) {
  const { yoga, websocket, graphiql, maxBodyBytes, makeScope } = using;
  const anonymous = createAddressLimit(ANONYMOUS_PER_MINUTE);

  return function graphql(app: FastifyInstance, _options: unknown, done: () => void): void {
    const refuseOtherMethods = watchMethods(app);
    // Yoga parses: it gets the bytes. JSON only: a page of another site can post a form, or text, without being asked for permission.
    app.removeAllContentTypeParsers();
    app.addContentTypeParser(['application/json', 'application/graphql+json'], { parseAs: 'buffer' }, (_request, body, parsed) => parsed(null, body));

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
    const asksForPage = ({ method, headers }: FastifyRequest) => graphiql && method === 'GET' && headers.accept?.includes('text/html') === true;

    // Before the body is read, as at the REST door. A WebSocket says who it is in connection_init.
    app.addHook('onRequest', async (request) => {
      if (request.ws) return;
      request.scope = await makeScope(request);
      if (request.scope.caller.kind === 'anonymous' && !asksForPage(request)) assertAnonymousMay(request);
    });

    function assertAnonymousMay({ headers, ip, scope }: FastifyRequest) {
      const size = Number(headers['content-length'] ?? (headers['transfer-encoding'] ? Infinity : 0));
      if (size > LARGEST_ANONYMOUS_BODY) assertMay(scope.caller);
      const wait = anonymous.wait(ip);
      if (wait > 0) throw tooManyAnonymous(anonymous.perMinute, wait);
      anonymous.count(ip);
    }

    let page: Promise<Graphiql> | undefined;
    async function sendPage(reply: FastifyReply) {
      const { headers, body } = await (page ??= renderGraphiql());
      return reply.headers(headers).send(body);
    }

    async function handler(request: FastifyRequest, reply: FastifyReply) {
      if (asksForPage(request)) return sendPage(reply);
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
    const schema = { hide: true };
    app.route({ method: 'GET', url: '/graphql', schema, config: { websocket: true }, handler, wsHandler: websocket.handler });
    app.post('/graphql', { schema, bodyLimit: maxBodyBytes }, handler);
    refuseOtherMethods();
    done();
  };
}

/** The last events of a stream whose key ended. */
function goodbye(why: 'revoked' | 'expired'): string {
  const errors = [{ message: `API key ${why}`, extensions: { code: 'UNAUTHENTICATED' } }];
  return `event: next\ndata: ${JSON.stringify({ errors })}\n\nevent: complete\ndata:\n\n`;
}
