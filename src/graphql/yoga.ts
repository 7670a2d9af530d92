import { OperationTypeNode, getOperationAST } from 'graphql';
import type { ExecutionArgs, ExecutionResult, GraphQLError, GraphQLSchema, execute } from 'graphql';
import { createYoga, isAsyncIterable } from 'graphql-yoga';
import type { Plugin } from 'graphql-yoga';
import type { Logger } from '../log.ts';
import { ownTurn } from '../own-turn.ts';
import type { Scope } from '../scope.ts';
import { anonymousPlugin } from './anonymous.ts';
import { createContext } from './context.ts';
import type { Context } from './context.ts';
import { asText } from './delivery.ts';
import { maskError, maskResult } from './errors.ts';
import { limitPlugins } from './limits.ts';
import { createSharedSubscribe } from './shared-subscribe.ts';
import { withUnfitEventsAsJson } from './unfit-events.ts';

type ServerContext = { scope: Scope };
export type Yoga = ReturnType<typeof createGraphqlYoga>;

/** GraphQL over HTTP and SSE; the WebSocket door uses its parsing, validation and execution as well. */
export function createGraphqlYoga(options: { schema: GraphQLSchema; introspection: boolean; log: Logger }) {
  const { schema, introspection, log } = options;
  return createYoga<ServerContext, Context>({
    schema,
    graphqlEndpoint: '/graphql',
    landingPage: false,
    // Yoga answers every URL that ends with this. Not its default, /health, with which a query in a URL may end.
    healthCheckEndpoint: '/graphql/health',
    batching: false,
    multipart: false,
    cors: false,
    logging: false,
    context: ({ scope }) => createContext(scope),
    plugins: [...limitPlugins(introspection), anonymousPlugin(), execution(log)],
    // What fails before anything runs; the results were masked with their request's id.
    maskedErrors: {
      maskError: (error) => maskError(error, log, undefined),
    },
    graphiql: false, // graphiql.ts
  });
}

/** Gives validation errors their code, masks results, and subscribes as the WebSocket door does. */
function execution(log: Logger): Plugin<Context> {
  const subscribe = createSharedSubscribe(log);
  return {
    onValidate: () => ({ valid, result }) => {
      if (!valid) for (const error of result as readonly GraphQLError[]) error.extensions['code'] ??= 'BAD_USER_INPUT';
    },
    onExecute({ args, executeFn, setExecuteFn }) {
      const run = executeFn as typeof execute;
      setExecuteFn(async (given: ExecutionArgs) => {
        if (getOperationAST(given.document, given.operationName)?.operation === OperationTypeNode.QUERY) await ownTurn();
        try {
          const result = await run(given);
          const again = neverBegan(result) ? withUnfitEventsAsJson(given) : undefined;
          return await (again ? run(again) : result);
        } finally {
          args.contextValue.scope.budget.close();
        }
      });
      return {
        onExecuteDone({ result, setResult }) {
          if (!isAsyncIterable(result)) setResult(asText(maskResult(result, log, args.contextValue.scope.requestId)));
        },
      };
    },
    onSubscribe({ setSubscribeFn }) {
      setSubscribeFn(subscribe);
    },
  };
}

/** Its variables did not fit: of what has begun there is data, be it null. */
const neverBegan = (result: ExecutionResult) => result.data === undefined && result.errors !== undefined;
