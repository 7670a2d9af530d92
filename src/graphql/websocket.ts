import type { WebSocket } from '@fastify/websocket';
import type { FastifyRequest } from 'fastify';
import type { ExecutionArgs, GraphQLSchema, execute, parse, validate } from 'graphql';
import { GraphQLError } from 'graphql';
import { CloseCode } from 'graphql-ws';
import { makeHandler } from 'graphql-ws/use/@fastify/websocket';
import type { Authenticator } from '../auth/authenticate.ts';
import type { Caller } from '../auth/caller.ts';
import type { KeyRing } from '../auth/key-ring.ts';
import type { RateLimit } from '../auth/rate-limit.ts';
import { AppError, badInput } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import type { Scope } from '../scope.ts';
import type { Context } from './context.ts';
import { maskError } from './errors.ts';
import { sharedResult } from './shared-result.ts';
import { createSharedSubscribe } from './shared-subscribe.ts';
import type { Yoga } from './yoga.ts';

/** Codes beside those of graphql-ws (PROTOCOL.md there). A client may reconnect after each of them. */
const SERVICE_RESTART = 1012;
const TRY_AGAIN_LATER = 1013;

/** A peer that does not answer a ping within this time is gone, in milliseconds. */
const KEEP_ALIVE_MS = 12_000;

/** How many operations one socket may have open. */
const MOST_OPERATIONS = 100;

/** What is known of a connection once `connection_init` was accepted. */
const callers = new WeakMap<WebSocket, Caller>();

type Enveloped = {
  schema: GraphQLSchema;
  contextFactory: () => Promise<Context>;
  parse: typeof parse;
  validate: typeof validate;
  execute: typeof execute;
};

export type WebsocketDoor = {
  handler: ReturnType<typeof makeHandler>;
  /** Closes every connection with a code that tells clients to come back. */
  close(): void;
};

/** The GraphQL door over WebSocket, by the graphql-transport-ws protocol. */
export function createWebsocketDoor(using: {
  schema: GraphQLSchema;
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

  /** Yoga's parsing, validation and execution, with its plugins. */
  const enveloped = (context: { scope: Scope; params?: unknown }) => yoga.getEnveloped(context) as unknown as Enveloped;

  async function identify(params: Record<string, unknown> | undefined, request: FastifyRequest): Promise<Caller> {
    const key = params?.['apiKey'];
    return typeof key === 'string' ? authenticator.fromKey(key) : authenticator.fromHeaders(request.headers);
  }

  const handler = makeHandler(
    {
      schema: using.schema,
      isProd: true,
      async onConnect({ connectionParams, extra: { socket, request } }) {
        open.add(socket);
        metrics.sockets.set(open.size);
        socket.once('close', () => {
          open.delete(socket);
          metrics.sockets.set(open.size);
        });
        try {
          const caller = await identify(connectionParams, request);
          if (caller.kind === 'anonymous') return false; // 4403 Forbidden
          callers.set(socket, caller);
          const stop = keyRing.whenEnded(caller, (why) => socket.close(CloseCode.Forbidden, `API key ${why}`));
          socket.once('close', stop);
          return true;
        } catch (error) {
          if (!(error instanceof AppError)) throw error;
          if (error.code === 'UNAUTHENTICATED') return false;
          socket.close(TRY_AGAIN_LATER, error.title);
          return false;
        }
      },
      async onSubscribe({ extra: { socket, request }, subscriptions }, _id, payload) {
        const caller = callers.get(socket);
        if (caller?.kind !== 'key') return [new GraphQLError('No API key')];
        try {
          if (Object.keys(subscriptions).length > MOST_OPERATIONS) throw badInput(`A socket carries at most ${MOST_OPERATIONS} operations at once. Complete some, or open another`);
          await rateLimit(caller);
          const { schema, contextFactory, parse, validate } = enveloped({ scope: makeScope(caller, request), params: payload });
          const document = parse(payload.query);
          const errors = validate(schema, document);
          if (errors.length > 0) return errors.map((error) => maskError(error, log, request.id));
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
      subscribe: createSharedSubscribe(log, sharedResult),
    },
    KEEP_ALIVE_MS,
  );

  return {
    handler,
    close() {
      for (const socket of open) socket.close(SERVICE_RESTART, 'Service restart');
    },
  };
}
