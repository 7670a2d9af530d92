import SchemaBuilder from '@pothos/core';
import ComplexityPlugin from '@pothos/plugin-complexity';
import PrismaPlugin from '@pothos/plugin-prisma';
import RelayPlugin from '@pothos/plugin-relay';
import type PrismaTypes from '../generated/pothos.ts';
import { getDatamodel } from '../generated/pothos.ts';
import type { Context } from './context.ts';
import { COMPLEXITY } from './limits.ts';

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
  plugins: [ComplexityPlugin, RelayPlugin, PrismaPlugin],
  defaultFieldNullability: false,
  prisma: {
    client: (context) => context.scope.services.store,
    dmmf: getDatamodel(),
    exposeDescriptions: true,
    // A resolver that forgets to spread `query` would read whole rows.
    onUnusedQuery: 'error',
  },
  relay: {},
  complexity: COMPLEXITY,
});

builder.queryType({});
builder.mutationType({});
builder.subscriptionType({});
