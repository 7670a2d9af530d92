import { Kind, coerceInputValue, getOperationAST, isInputType } from 'graphql';
import type { ExecutionArgs, GraphQLInputType, TypeNode } from 'graphql';
import { EVENT_KINDS } from '../event/graphql/inputs.ts';
import { isObject } from '../wire.ts';

/**
 * GraphQL refuses all variables for a fault in one of them; in a batch of events one bad item fails alone. The same
 * operation, with each event that its type does not take given as `json`, which the domain judges; undefined where
 * there is none.
 */
export function withUnfitEventsAsJson(args: ExecutionArgs): ExecutionArgs | undefined {
  const type = args.schema.getType('EventInput');
  const definitions = getOperationAST(args.document, args.operationName)?.variableDefinitions ?? [];
  if (!isInputType(type)) return undefined;
  const variables = { ...args.variableValues };
  let unfit = 0;
  const judge = (item: unknown) => {
    if (fits(item, type)) return item;
    unfit += 1;
    return { json: asJson(item) };
  };
  for (const definition of definitions) {
    const name = definition.variable.name.value;
    const value = variables[name];
    if (namedType(definition.type) !== 'EventInput' || value === undefined || value === null) continue;
    variables[name] = Array.isArray(value) ? value.map(judge) : judge(value);
  }
  return unfit === 0 ? undefined : { ...args, variableValues: variables };
}

function fits(item: unknown, type: GraphQLInputType): boolean {
  let fits = item !== null;
  if (fits) coerceInputValue(item, type, () => (fits = false));
  return fits;
}

function asJson(item: unknown): unknown {
  if (!isObject(item)) return item ?? {};
  const [[member, fields] = []] = Object.entries(item);
  const eventType = Object.entries(EVENT_KINDS).find(([kind]) => kind === member)?.[1];
  return eventType !== undefined && Object.keys(item).length === 1 && isObject(fields) ? { ...fields, eventType } : item;
}

function namedType(node: TypeNode): string {
  return node.kind === Kind.NAMED_TYPE ? node.name.value : namedType(node.type);
}
