import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import websocket from '@fastify/websocket';
import { LogController, fastify } from 'fastify';
import type { FastifyBaseLogger, FastifyInstance } from 'fastify';
import { AppError, badInput } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import { errorBody, handleError } from '../rest/errors.ts';
import type { Scope } from '../scope.ts';
import { assertUpgrade } from './upgrade.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Who asks and what with; set before every handler of the REST and GraphQL doors. */
    scope: Scope;
  }
}

/** Request ids are this process's own name and a count: unique, and cheaper than a random one each. */
const instance = randomUUID();
let requests = 0;

/** A client's own request id is taken over where it is plain text. */
const REQUEST_ID = /^[\w.:/-]{1,128}$/;

/** No more of a body is read from who has sent no key, in bytes. The APIs raise it for who has. */
export const LARGEST_ANONYMOUS_BODY = 64 * 1024;

/** A request that has not come in whole by then is given up, in milliseconds. */
const RECEIVE_WITHIN_MS = 120_000;
/** A WebSocket whose peer does not answer its closing is cut off after this long, in milliseconds. */
const LAST_WORDS_MS = 2_000;
/** When stopping, requests that are still coming in or waiting for their answer have this long, in milliseconds. */
const LAST_REQUESTS_MS = 6_000;

/** The Fastify instance: what is true of every request, whichever door it goes to. */
export async function createHttpServer(options: { maxBodyBytes: number; trustProxy: readonly string[]; log: Logger; metrics: Metrics }): Promise<FastifyInstance> {
  const { maxBodyBytes, trustProxy, log, metrics } = options;
  const loggerInstance: FastifyBaseLogger = log;
  const app = fastify({
    loggerInstance,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: Math.min(LARGEST_ANONYMOUS_BODY, maxBodyBytes),
    trustProxy: trustProxy.length > 0 && [...trustProxy],
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 1_000 },
    genReqId: (request) => {
      const given = request.headers['x-request-id'];
      return typeof given === 'string' && REQUEST_ID.test(given) ? given : `${instance}-${(++requests).toString(36)}`;
    },
    // A connection that idles is kept a little longer than the proxies in front keep theirs.
    keepAliveTimeout: 72_000,
    requestTimeout: RECEIVE_WITHIN_MS,
    forceCloseConnections: 'idle',
    return503OnClosing: true,
    // What fails before any route is found, such as a URL that cannot be decoded: no hook has run yet.
    frameworkErrors: (error, request, reply) => void handleError(error, request, reply.header('x-request-id', request.id)),
  });

  app.addHook('onRequest', (request, reply, done) => {
    // Answers are for the caller alone, and are what their type says; a file or a page may say otherwise.
    reply.headers({ 'x-request-id': request.id, 'x-content-type-options': 'nosniff', 'cache-control': 'no-store' });
    done();
  });
  app.addHook('onResponse', (request, reply, done) => {
    const route = request.routeOptions.url ?? 'unknown';
    metrics.requests.inc({ method: request.method, route, status: reply.statusCode });
    metrics.requestSeconds.observe({ route }, reply.elapsedTime / 1000);
    request.log.debug({ requestId: request.id, method: request.method, route, status: reply.statusCode, ms: reply.elapsedTime }, 'answered');
    done();
  });
  app.addHook('preClose', (done) => {
    setTimeout(() => app.websocketServer.clients.forEach((socket) => socket.terminate()), LAST_WORDS_MS).unref();
    setTimeout(() => app.server.closeAllConnections(), LAST_REQUESTS_MS).unref();
    done();
  });
  app.setErrorHandler(handleError);
  app.setNotFoundHandler((request, reply) => {
    const error = new AppError('NOT_FOUND', `No such route: ${request.method} ${request.url.split('?')[0]}. /openapi.json lists the REST routes, /graphql is GraphQL`);
    return reply.code(error.status).send(errorBody(error));
  });

  const closing = { closeTimeout: LAST_WORDS_MS }; // an option of ws that its types do not have yet
  await app.register(websocket, {
    options: { maxPayload: maxBodyBytes, ...closing },
    errorHandler(error, socket, request) {
      // The peer broke the protocol: ws has sent the code that says so, and is closing.
      if (socket.readyState === socket.CLOSING) return request.log.debug({ err: error, requestId: request.id }, 'a WebSocket broke the protocol');
      request.log.warn({ err: error, requestId: request.id }, 'a WebSocket failed');
      socket.terminate();
    },
  });
  // After that plugin's own, which says what asks for an upgrade.
  app.addHook('onRequest', (request, reply, done) => {
    if (hostsOf(request.raw) > 1) throw badInput('Host: expected one, got several');
    if (request.ws) assertUpgrade(request, reply);
    done();
  });
  return app;
}

/** How many Host headers came; Node keeps the first, and a proxy may have decided by another. */
function hostsOf({ rawHeaders }: IncomingMessage): number {
  let hosts = 0;
  for (let i = 0; i < rawHeaders.length; i += 2) if (rawHeaders[i]!.length === 4 && rawHeaders[i]!.toLowerCase() === 'host') hosts++;
  return hosts;
}
