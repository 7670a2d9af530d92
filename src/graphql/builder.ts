import SchemaBuilder from '@pothos/core';
import ComplexityPlugin from '@pothos/plugin-complexity';
import PrismaPlugin from '@pothos/plugin-prisma';
import RelayPlugin from '@pothos/plugin-relay';
import type PrismaTypes from '../generated/pothos.ts';
import { getDatamodel } from '../generated/pothos.ts';
import { BOUNDED_FIELDS } from './bounded-fields.ts';
import type { Context } from './context.ts';
import { COMPLEXITY } from './limits.ts';
import { LOADED_ROWS } from './loaded-rows.ts';

/** The schema builder; it has no types of its own. Each noun's graphql.ts adds its types, schema.ts collects them. */
export const builder = new SchemaBuilder<{
  PrismaTypes: PrismaTypes;
  Context: Context;
  DefaultFieldNullability: false;
  Scalars: {
    DateTime: { Input: Date; Output: Date };
    JSON: { Input: unknown; Output: unknown };
    Cursor: { Input: string; Output: string };
  };
}>({
  // The first stands outermost.
  plugins: [BOUNDED_FIELDS, LOADED_ROWS, ComplexityPlugin, RelayPlugin, PrismaPlugin],
  defaultFieldNullability: false,
  prisma: {
    client: (context) => context.scope.services.store,
    dmmf: getDatamodel(),
    exposeDescriptions: true,
    // A resolver that forgets to spread `query` would read whole rows.
    onUnusedQuery: 'error',
  },
  relay: {
    edgesFieldOptions: { description: 'What is on the page, each with its place.' },
    pageInfoFieldOptions: { description: 'Whether there is more, and where to go on.' },
    nodeFieldOptions: { description: 'What stands here.' },
    cursorFieldOptions: { description: 'Its place in this list: ask for what comes after or before it.' },
    pageInfoTypeOptions: { description: 'Where a page stands in its list.' },
    hasNextPageFieldOptions: { description: 'Whether more comes after this page.' },
    hasPreviousPageFieldOptions: { description: 'Whether more comes before this page.' },
    startCursorFieldOptions: { description: 'Place of the first item; null on an empty page.' },
    endCursorFieldOptions: { description: 'Place of the last item; null on an empty page.' },
  },
  complexity: COMPLEXITY,
});

builder.queryType({});
builder.mutationType({});
builder.subscriptionType({});
