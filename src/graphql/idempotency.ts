import type { GraphQLResolveInfo } from 'graphql';
import type { Scope } from '../scope.ts';
import type { Context } from './context.ts';

/** The scope of one mutation field: each field of an operation has its own part of the request's Idempotency-Key. */
export function scopeOf({ scope }: Context, info: GraphQLResolveInfo): Scope {
  return scope.idempotencyKey === undefined ? scope : { ...scope, idempotencyKey: `${scope.idempotencyKey}/${info.path.key}` };
}
