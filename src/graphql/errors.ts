import { GraphQLError } from 'graphql';
import type { ExecutionResult } from 'graphql';
import { AppError, internalError } from '../errors.ts';
import type { ErrorCode } from '../errors.ts';
import type { Logger } from '../log.ts';
import { toldOfDatabase } from '../store/database-error.ts';

/** The codes this door knows; the others are said in these. */
const CODES: { readonly [code in ErrorCode]: string } = {
  BAD_USER_INPUT: 'BAD_USER_INPUT',
  TOO_LARGE: 'TOO_LARGE',
  UNSUPPORTED_MEDIA_TYPE: 'BAD_USER_INPUT',
  UNAUTHENTICATED: 'UNAUTHENTICATED',
  FORBIDDEN: 'FORBIDDEN',
  NOT_FOUND: 'NOT_FOUND',
  METHOD_NOT_ALLOWED: 'BAD_USER_INPUT',
  CONFLICT: 'CONFLICT',
  UPGRADE_REQUIRED: 'BAD_USER_INPUT',
  RATE_LIMITED: 'OVERLOADED',
  OVERLOADED: 'OVERLOADED',
  INTERNAL_SERVER_ERROR: 'INTERNAL_SERVER_ERROR',
};

/** Of these the whole request failed, so the HTTP status says it too; the others stand beside data. */
const WHOLE_REQUEST: readonly ErrorCode[] = ['UNAUTHENTICATED', 'RATE_LIMITED', 'OVERLOADED'];

export const graphqlCode = (error: AppError): string => CODES[error.code];

function toGraphQLError(error: AppError, from?: GraphQLError): GraphQLError {
  return new GraphQLError(error.message, {
    nodes: from?.nodes,
    source: from?.source,
    positions: from?.positions,
    path: from?.path,
    extensions: {
      code: graphqlCode(error),
      ...(error.issues.length > 0 && { issues: error.issues }),
      ...(error.retryAfter !== undefined && { retryAfter: error.retryAfter }),
      ...(WHOLE_REQUEST.includes(error.code) && {
        http: { status: error.status, headers: error.retryAfter === undefined ? {} : { 'retry-after': String(error.retryAfter) } },
      }),
    },
  });
}

/** The answer to a request that failed before there was an operation. */
export function errorBody(error: AppError) {
  const { message, extensions } = toGraphQLError(error);
  const { http: _, ...said } = extensions;
  return { errors: [{ message, extensions: said }] };
}

/**
 * What a client is told. Faults of the request (syntax, validation, coercion) and lines of the catalogue pass;
 * anything else is masked, and logged once with the request id.
 */
export function maskError(thrown: unknown, log: Logger, requestId: string | undefined): GraphQLError {
  const original = thrown instanceof GraphQLError ? thrown.originalError : thrown;
  const from = thrown instanceof GraphQLError ? thrown : undefined;
  if (original instanceof AppError) return toGraphQLError(original, from);
  if (from && (!original || original instanceof GraphQLError)) {
    if (typeof from.extensions['code'] === 'string' && Object.values(CODES).includes(from.extensions['code'])) return from;
    return new GraphQLError(from.message, {
      nodes: from.nodes,
      source: from.source,
      positions: from.positions,
      path: from.path,
      extensions: { ...from.extensions, code: 'BAD_USER_INPUT' },
    });
  }
  const told = toldOfDatabase(original) ?? internalError();
  if (told.code === 'INTERNAL_SERVER_ERROR') log.error({ err: original, requestId }, 'a GraphQL operation failed');
  return toGraphQLError(told, from);
}

export function maskResult(result: ExecutionResult, log: Logger, requestId: string): ExecutionResult {
  return result.errors ? { ...result, errors: result.errors.map((error) => maskError(error, log, requestId)) } : result;
}
