import SchemaBuilder, { BasePlugin } from '@pothos/core';
import type { PothosOutputFieldConfig, SchemaTypes } from '@pothos/core';
import type { GraphQLFieldResolver } from 'graphql';

declare global {
  // eslint-disable-next-line @typescript-eslint/no-namespace -- how Pothos is told of a plugin
  export namespace PothosSchemaTypes {
    interface Plugins<Types extends SchemaTypes> {
      loadedRows: LoadedRowsPlugin<Types>;
    }
  }
}

type Row = { readonly [field: string]: unknown };

/**
 * The Prisma plugin trusts only the rows that it read itself, and reads every other row again, one statement for
 * each. Rows of the writer, the live hub and the loaders are whole: where a row has what a field selects, the
 * field is resolved with it.
 */
class LoadedRowsPlugin<Types extends SchemaTypes> extends BasePlugin<Types> {
  override wrapResolve(resolver: GraphQLFieldResolver<unknown, Types['Context'], object>, fieldConfig: PothosOutputFieldConfig<Types>): GraphQLFieldResolver<unknown, Types['Context'], object> {
    const select: unknown = fieldConfig.extensions?.['pothosPrismaSelect'];
    const direct = fieldConfig.resolve as GraphQLFieldResolver<unknown, Types['Context'], object> | undefined;
    if (!direct || select === null || typeof select !== 'object') return resolver;
    const fields = Object.keys(select);
    return (row, args, context, info) => {
      const loaded = fields.every((field) => (row as Row)[field] !== undefined);
      return (loaded ? direct : resolver)(row, args, context, info);
    };
  }
}

export const LOADED_ROWS = 'loadedRows';
SchemaBuilder.registerPlugin(LOADED_ROWS, LoadedRowsPlugin);
