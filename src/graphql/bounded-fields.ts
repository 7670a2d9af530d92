import SchemaBuilder, { BasePlugin } from '@pothos/core';
import type { PothosOutputFieldConfig, PothosOutputFieldType, SchemaTypes } from '@pothos/core';
import { OperationTypeNode, getNullableType, isListType, isNonNullType } from 'graphql';
import type { GraphQLFieldResolver, GraphQLResolveInfo } from 'graphql';
import { fieldLeftOut, leftOut } from '../errors.ts';
import { JsonText } from '../json-text.ts';
import type { Read } from '../store/bounded.ts';
import type { Context } from './context.ts';

declare global {
  // eslint-disable-next-line @typescript-eslint/no-namespace -- how Pothos is told of a plugin
  export namespace PothosSchemaTypes {
    interface Plugins<Types extends SchemaTypes> {
      boundedFields: BoundedFieldsPlugin<Types>;
    }
  }
}

type Resolver = GraphQLFieldResolver<unknown, Context, object>;
type Row = Read<{ id: string; sessionId?: string; bytes: number }>;

/**
 * Keeps an answer within its budget, whatever is asked for how often: counts text and JSON as they are printed. What
 * was left out of a row, or has no room, is an error at its path. The answer to a write is given in any case: where a
 * field may not be null, it is counted only.
 */
class BoundedFieldsPlugin<Types extends SchemaTypes> extends BasePlugin<Types> {
  override wrapResolve(resolver: GraphQLFieldResolver<unknown, Types['Context'], object>, fieldConfig: PothosOutputFieldConfig<Types>): GraphQLFieldResolver<unknown, Types['Context'], object> {
    if (!this.#isOfText(fieldConfig.type)) return resolver;
    const select: unknown = fieldConfig.extensions?.['pothosPrismaSelect'];
    const fields = select !== null && typeof select === 'object' ? Object.keys(select) : [];
    const bounded: Resolver = (row, args, context, info) => {
      if (fields.length > 0) assertGiven(row as Row, fields);
      const value = resolver(row, args, context, info);
      return value instanceof Promise ? value.then((value) => counted(value, context, info)) : counted(value, context, info);
    };
    return bounded as GraphQLFieldResolver<unknown, Types['Context'], object>;
  }

  /** Whether its values may be long. */
  #isOfText(type: PothosOutputFieldType<Types>): boolean {
    if (type.kind === 'List') return this.#isOfText(type.type);
    return type.kind === 'Scalar' && OF_TEXT.includes(this.buildCache.getTypeConfig(type.ref).name);
  }
}

const OF_TEXT: readonly string[] = ['String', 'ID', 'Cursor', 'JSON'];

function assertGiven({ id, sessionId, bytes, withheld }: Row, fields: readonly string[]) {
  if (withheld && fields.some((field) => withheld.fields.includes(field))) throw leftOut(sessionId === undefined ? 'Session' : 'Event', id, bytes, withheld.room);
}

/** What an item of a list takes beside its text. */
const ITEM = 64;

function counted(value: unknown, { scope: { budget } }: Context, info: GraphQLResolveInfo): unknown {
  if (value === null || value === undefined) return value;
  const printed: unknown = Array.isArray(value) && isListType(getNullableType(info.returnType)) ? value.map(asPrinted) : asPrinted(value);
  const bytes = Array.isArray(printed) ? printed.reduce<number>((sum, item) => sum + ITEM + sizeOf(item), 0) : sizeOf(printed);
  if (budget.prints(bytes) || (info.operation.operation === OperationTypeNode.MUTATION && isNonNullType(info.returnType))) return printed;
  throw fieldLeftOut(`${info.parentType.name}.${info.fieldName}`, bytes);
}

/** Written once, whoever asks how long it is. */
const asPrinted = (value: unknown): unknown => (value !== null && typeof value === 'object' ? JsonText.of(value) : value);
const sizeOf = (value: unknown): number => (value instanceof JsonText ? value.bytes : Buffer.byteLength(JSON.stringify(value)));

export const BOUNDED_FIELDS = 'boundedFields';
SchemaBuilder.registerPlugin(BOUNDED_FIELDS, BoundedFieldsPlugin);
