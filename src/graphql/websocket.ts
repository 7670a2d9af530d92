import type { WebSocket } from '@fastify/websocket';
import type { FastifyRequest } from 'fastify';
import { getOperationAST } from 'graphql';
import type { ExecutionArgs, GraphQLSchema, execute, parse, validate } from 'graphql';
import { CloseCode, makeServer } from 'graphql-ws';
import { isAsyncIterable } from 'graphql-yoga';
import type { Authenticator } from '../auth/authenticate.ts';
import type { Caller, KeyCaller } from '../auth/caller.ts';
import type { KeyRing } from '../auth/key-ring.ts';
import type { RateLimit } from '../auth/rate-limit.ts';
import { AppError, badInput, unauthenticated } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import type { Scope } from '../scope.ts';
import type { Context } from './context.ts';
import { deliver } from './delivery.ts';
import { maskError } from './errors.ts';
import { createSharedSubscribe } from './shared-subscribe.ts';
import { createGraphqlSocket } from './socket.ts';
import { createStrangers } from './strangers.ts';
import type { Yoga } from './yoga.ts';

/** Codes beside those of graphql-ws (PROTOCOL.md there). A client may reconnect after each of them. */
const SERVICE_RESTART = 1012;
const TRY_AGAIN_LATER = 1013;

/** How many operations one socket may have open. */
const MOST_OPERATIONS = 100;

type Enveloped = {
  schema: GraphQLSchema;
  contextFactory: () => Promise<Context>;
  parse: typeof parse;
  validate: typeof validate;
  execute: typeof execute;
};

/** What is known of a connection; the caller, once `connection_init` was accepted. */
type Connection = {
  socket: WebSocket;
  graphqlSocket: ReturnType<typeof createGraphqlSocket>;
  request: FastifyRequest;
  caller?: KeyCaller;
};

export type WebsocketDoor = {
  handler: (socket: WebSocket, request: FastifyRequest) => void;
  /** Closes every connection with a code that tells clients to come back. */
  close(): void;
};

/** The GraphQL door over WebSocket, by the graphql-transport-ws protocol. */
export function createWebsocketDoor(using: {
  yoga: Yoga;
  authenticator: Authenticator;
  keyRing: KeyRing;
  rateLimit: RateLimit;
  makeScope: (caller: Caller, request: FastifyRequest) => Scope;
  log: Logger;
  metrics: Metrics;
}): WebsocketDoor {
  const { yoga, authenticator, keyRing, rateLimit, makeScope, log, metrics } = using;
  const open = new Set<WebSocket>();
  const stranger = createStrangers();

  /** Yoga's parsing, validation and execution, with its plugins. */
  const enveloped = (context: { scope: Scope; params?: unknown }) => yoga.getEnveloped(context) as unknown as Enveloped;

  async function identify(params: Record<string, unknown> | undefined, request: FastifyRequest): Promise<Caller> {
    const key = params?.['apiKey'];
    return typeof key === 'string' ? authenticator.fromKey(key, request) : authenticator.fromRequest(request);
  }

  const server = makeServer<Record<string, unknown>, Connection>({
    async onConnect({ connectionParams, extra }) {
      const { socket, graphqlSocket, request } = extra;
      try {
        const caller = await identify(connectionParams, request);
        if (caller.kind === 'anonymous' || socket.readyState !== socket.OPEN) return false; // 4403 Forbidden
        extra.caller = caller;
        graphqlSocket.admit();
        socket.once('close', keyRing.whenEnded(caller, (why) => socket.close(CloseCode.Forbidden, `API key ${why}`)));
        return true;
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
        if (error.code === 'UNAUTHENTICATED') return false;
        socket.close(TRY_AGAIN_LATER, error.title);
        return false;
      }
    },
    async onSubscribe({ extra: { caller, request }, subscriptions }, _id, payload) {
      try {
        if (!caller) throw unauthenticated();
        if (Object.keys(subscriptions).length > MOST_OPERATIONS) throw badInput(`A socket carries at most ${MOST_OPERATIONS} operations at once. Complete some, or open another`);
        await rateLimit(caller);
        const { schema, contextFactory, parse, validate } = enveloped({ scope: makeScope(caller, request), params: payload });
        const document = parse(payload.query);
        const errors = validate(schema, document);
        if (errors.length > 0) return errors.map((error) => maskError(error, log, request.id));
        if (!getOperationAST(document, payload.operationName)) throw badInput('operationName: expected the name of one operation of the document, which has none of that name, or several');
        const args: ExecutionArgs = {
          schema,
          document,
          operationName: payload.operationName,
          variableValues: payload.variables,
          contextValue: await contextFactory(),
        };
        return args;
      } catch (error) {
        return [maskError(error, log, request.id)];
      }
    },
    execute: (args: ExecutionArgs) => {
      const { scope } = args.contextValue as { scope: Scope };
      return enveloped({ scope }).execute(args);
    },
    subscribe: createSharedSubscribe(log),
    async onOperation({ extra: { graphqlSocket } }, id, _payload, _args, result) {
      const results = await result;
      return isAsyncIterable(results) ? deliver(results, id, (text) => graphqlSocket.send(text)) : undefined;
    },
  });

  function handler(socket: WebSocket, request: FastifyRequest): void {
    open.add(socket);
    metrics.sockets.set(open.size);
    const graphqlSocket = createGraphqlSocket(socket, request.raw.socket, stranger(request.ip), log);
    const closed = server.opened(graphqlSocket, { socket, graphqlSocket, request });
    socket.once('close', (code, reason) => {
      open.delete(socket);
      metrics.sockets.set(open.size);
      void closed(code, reason.toString());
    });
  }

  return {
    handler,
    close() {
      for (const socket of open) socket.close(SERVICE_RESTART, 'Service restart');
    },
  };
}
