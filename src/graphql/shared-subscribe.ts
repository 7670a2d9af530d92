import { Kind, createSourceEventStream, execute, getOperationAST, visit } from 'graphql';
import type { DocumentNode, ExecutionArgs, ExecutionResult, GraphQLError } from 'graphql';
import type { Budget } from '../budget.ts';
import type { Logger } from '../log.ts';
import { createContext } from './context.ts';
import { asText } from './delivery.ts';
import type { Context } from './context.ts';
import { maskResult } from './errors.ts';
import { excessOf } from './limits.ts';

type Group = { readers: number; results: Map<object, Remembered> };
type Remembered = { result: Promise<ExecutionResult>; budget: Budget };

/** What a group remembers: its readers are near one another, and one that is not may have its own. */
const SHARED_RESULTS = 128;
const SHARED_BYTES = 8 * 1024 * 1024;

/**
 * Subscribes; subscribers whose results can't differ share one execution and one result, the same object. They are
 * those with the same document, operation, project and scopes, and the same variables but for the ones that
 * only decide where the stream starts or what passes: the hub gives each of them the very same payload object,
 * and the result is remembered by it. Each payload gets loaders of its own, so none is answered from an earlier one.
 */
export function createSharedSubscribe(log: Logger) {
  const groups = new Map<string, Group>();

  return async function sharedSubscribe(args: ExecutionArgs): Promise<AsyncIterable<ExecutionResult> | ExecutionResult> {
    const { scope } = args.contextValue as Context;
    const excess = excessOf(args);
    if (excess.length > 0) return maskResult({ errors: excess }, log, scope.requestId);
    const stream = await createSourceEventStream(args);
    if (!(Symbol.asyncIterator in stream)) return maskResult(stream, log, scope.requestId);
    const source = stream[Symbol.asyncIterator]() as AsyncIterator<object, void>;
    const key = groupKey(args);
    const group: Group = groups.get(key) ?? { readers: 0, results: new Map() };
    groups.set(key, group);
    group.readers++;

    function resultOf(payload: object): Promise<ExecutionResult> {
      let known = group.results.get(payload);
      if (!known) {
        const budget = scope.budget.renewed();
        const executed = Promise.resolve(execute({ ...args, rootValue: payload, contextValue: createContext({ ...scope, budget }) }));
        known = { budget, result: executed.then((unmasked) => asText(maskResult(unmasked, log, scope.requestId))).finally(() => budget.close()) };
        group.results.set(payload, known);
        trim(group.results);
      }
      return known.result;
    }

    let left = false;
    async function leave() {
      if (left) return;
      left = true;
      if (--group.readers === 0 && groups.get(key) === group) groups.delete(key);
      await source.return?.();
    }

    // With a `return` of its own: that is what graphql-ws calls when the client completes or is gone.
    const results: AsyncGenerator<ExecutionResult, void> = {
      async next() {
        try {
          const step = await source.next();
          if (!step.done) return { done: false, value: await resultOf(step.value) };
        } catch (error) {
          await leave(); // the reason is the last that the reader gets
          return { done: false, value: maskResult({ errors: [error as GraphQLError] }, log, scope.requestId) };
        }
        await leave();
        return { done: true, value: undefined };
      },
      async return() {
        await leave();
        return { done: true, value: undefined };
      },
      async throw(error) {
        await leave();
        throw error;
      },
      [Symbol.asyncIterator]: () => results,
      [Symbol.asyncDispose]: leave,
    };
    return results;
  };
}

/** Forgets the oldest results until the rest is within its bounds; never the newest. */
function trim(results: Map<object, Remembered>) {
  let bytes = Array.from(results.values()).reduce((sum, { budget }) => sum + budget.printed, 0);
  for (const [payload, { budget }] of results) {
    if (results.size === 1 || (results.size <= SHARED_RESULTS && bytes <= SHARED_BYTES)) return;
    results.delete(payload);
    bytes -= budget.printed;
  }
}

const documentIds = new WeakMap<DocumentNode, number>();
let lastId = 0;

/** Documents come from the parser's cache: the same text is the same object. */
function documentId(document: DocumentNode): number {
  let id = documentIds.get(document);
  if (id === undefined) documentIds.set(document, (id = ++lastId));
  return id;
}

function groupKey(args: ExecutionArgs): string {
  const { caller } = (args.contextValue as Context).scope;
  const who = caller.kind === 'key' ? [caller.projectId, ...[...caller.scopes].sort()] : [];
  const variables = resultVariables(args.document, args.operationName).map((name) => [name, args.variableValues?.[name]]);
  return JSON.stringify([who, documentId(args.document), args.operationName, variables]);
}

const resultVariablesOf = new WeakMap<DocumentNode, Map<string, string[]>>();

/** The variables that a result depends on: those used anywhere but in the arguments of the subscription field itself. */
function resultVariables(document: DocumentNode, operationName: string | null | undefined): string[] {
  const known = resultVariablesOf.get(document) ?? new Map<string, string[]>();
  resultVariablesOf.set(document, known);
  const cached = known.get(operationName ?? '');
  if (cached) return cached;
  const rootFields = new Set<unknown>(getOperationAST(document, operationName)?.selectionSet.selections ?? []);
  const names = new Set<string>();
  visit(document, {
    VariableDefinition: () => false,
    Variable: (node) => void names.add(node.name.value),
    Argument: (_node, _key, _parent, _path, ancestors) => (belongsTo(rootFields, ancestors) ? false : undefined),
  });
  const found = [...names].sort();
  known.set(operationName ?? '', found);
  return found;
}

/** An argument's nearest node is its field; the list of arguments stands between them. */
function belongsTo(fields: ReadonlySet<unknown>, ancestors: readonly unknown[]): boolean {
  const field = ancestors.findLast((ancestor) => typeof ancestor === 'object' && ancestor !== null && 'kind' in ancestor && ancestor.kind === Kind.FIELD);
  return fields.has(field);
}
