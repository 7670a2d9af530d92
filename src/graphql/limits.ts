import { maxAliasesPlugin } from '@escape.tech/graphql-armor-max-aliases';
import { maxTokensPlugin } from '@escape.tech/graphql-armor-max-tokens';
import { createComplexityRule } from '@pothos/plugin-complexity';
import { GraphQLError, NoSchemaIntrospectionCustomRule, validate } from 'graphql';
import type { ExecutionArgs, SelectionNode, ValidationRule } from 'graphql';
import type { Plugin } from 'graphql-yoga';

/**
 * What one operation may cost. A field costs 1, times the size of the pages it stands in; every page is bounded
 * (connection.ts). Batches are bounded by the event door, bodies by MAX_BODY_BYTES.
 */
export const COMPLEXITY = {
  defaultComplexity: 1,
  // Pages multiply (pageComplexity); the lists in them are not counted again, and other lists are short.
  defaultListMultiplier: 1,
  limit: { complexity: 100_000, depth: 12, breadth: 250 },
};

/**
 * What is too large about a subscription, before it starts. Queries and mutations are measured by the complexity
 * plugin as they begin; of a subscription it would measure each event, and refuse each.
 */
export function excessOf({ schema, document, operationName, variableValues, contextValue }: ExecutionArgs): readonly GraphQLError[] {
  const { complexity, depth, breadth } = COMPLEXITY.limit;
  const rule = createComplexityRule({
    context: contextValue as object,
    variableValues: { ...variableValues },
    ...(operationName != null && { operationName }),
    maxComplexity: complexity,
    maxDepth: depth,
    maxBreadth: breadth,
  });
  return validate(schema, document, [rule]);
}

const MAX_TOKENS = 5_000;
const MAX_ALIASES = 50;
/** The name of a field is printed with each of its values. */
const LONGEST_ALIAS = 100;

/** Limits that are checked before anything runs. */
export function limitPlugins(introspection: boolean): Plugin[] {
  return [
    maxTokensPlugin({ n: MAX_TOKENS }),
    maxAliasesPlugin({ n: MAX_ALIASES, allowList: [] }),
    validationRules(unconditionalSubscription, shortAliases, ...(introspection ? [] : [NoSchemaIntrospectionCustomRule])),
  ];
}

const shortAliases: ValidationRule = (context) => ({
  Field({ alias }) {
    const length = alias?.value.length ?? 0;
    if (length > LONGEST_ALIAS) context.reportError(new GraphQLError(`An alias has at most ${LONGEST_ALIAS} characters, got one of ${length}`));
  },
});

const validationRules = (...rules: readonly ValidationRule[]): Plugin => ({
  onValidate({ addValidationRule }) {
    for (const rule of rules) addValidationRule(rule);
  },
});

/** A subscription has one field, always, as the GraphQL specification has it since 2025: graphql-js would subscribe to none, and throw. */
const unconditionalSubscription: ValidationRule = (context) => {
  function check(node: SelectionNode) {
    const condition = node.directives?.find(({ name }) => name.value === 'skip' || name.value === 'include');
    if (!condition || context.getParentType() !== context.getSchema().getSubscriptionType()) return;
    context.reportError(new GraphQLError(`A subscription cannot leave out its field: take @${condition.name.value} off it`, { nodes: condition }));
  }
  return { Field: check, InlineFragment: check, FragmentSpread: check };
};
