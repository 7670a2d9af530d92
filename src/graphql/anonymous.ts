import { BREAK, Kind, OperationTypeNode, visit } from 'graphql';
import type { DocumentNode, ExecutionArgs, SelectionNode, execute } from 'graphql';
import type { Plugin } from 'graphql-yoga';
import { unauthenticated } from '../errors.ts';
import type { Context } from './context.ts';

/** The longest document without a key, in characters; twice what GraphiQL and code generators send. */
const LONGEST_DOCUMENT = 4_096;

/**
 * Without a key only the schema is answered (where introspection is on), asked for as GraphiQL and code generators do.
 * Anything else is refused before it is validated.
 */
export function anonymousPlugin(): Plugin<Context> {
  let earlier: Promise<unknown> = Promise.resolve();

  /** Runs one at a time, and lets what has come in meanwhile go first: the schema takes some ten milliseconds each time. */
  function inTurn<T>(run: () => T | Promise<T>): Promise<T> {
    const mine = earlier.then(() => new Promise((resolve) => setImmediate(resolve))).then(run);
    earlier = mine.catch(() => undefined);
    return mine;
  }

  return {
    onParse({ context, params: { source } }) {
      if (context.scope.caller.kind !== 'anonymous') return undefined;
      if (String(source).length > LONGEST_DOCUMENT) throw unauthenticated();
      return ({ result }) => {
        if (isDocument(result) && !asksForSchema(result)) throw unauthenticated();
      };
    },
    onExecute({ args, executeFn, setExecuteFn }) {
      if (args.contextValue.scope.caller.kind !== 'anonymous') return;
      const run = executeFn as typeof execute;
      setExecuteFn((given: ExecutionArgs) => inTurn(() => run(given)));
    },
  };
}

const isDocument = (result: unknown): result is DocumentNode => typeof result === 'object' && result !== null && 'kind' in result && result.kind === Kind.DOCUMENT;

/** One field of the root that asks for the schema, beside `__typename`; without aliases, each of which would be executed anew. */
function asksForSchema(document: DocumentNode): boolean {
  let aliased = false;
  visit(document, {
    Field({ alias }) {
      if (!alias) return undefined;
      aliased = true;
      return BREAK;
    },
  });
  return !aliased && document.definitions.every((node) => node.kind !== Kind.OPERATION_DEFINITION || (node.operation === OperationTypeNode.QUERY && isIntrospection(node.selectionSet.selections)));
}

function isIntrospection(selections: readonly SelectionNode[]): boolean {
  const names = new Set(selections.map((node) => (node.kind === Kind.FIELD ? node.name.value : '')));
  names.delete('__typename');
  return names.size === 0 || (names.size === 1 && (names.has('__schema') || names.has('__type')));
}
