import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { AppError, badInput, bodyTooLarge, internalError, notDeclaredJson } from '../errors.ts';
import { toldOfDatabase } from '../store/database-error.ts';
import { linger } from './linger.ts';

/** An error handler that answers in the form of its door. What is not in the catalogue is masked, and logged once with the request id. */
export function answerErrors(body: (error: AppError) => object) {
  return function handle(thrown: FastifyError | AppError, request: FastifyRequest, reply: FastifyReply): FastifyReply {
    const error = toAppError(thrown);
    if (thrown.code === 'FST_ERR_CTP_BODY_TOO_LARGE') linger(request, reply);
    if (error.code === 'INTERNAL_SERVER_ERROR') request.log.error({ err: thrown, requestId: request.id }, 'a request failed');
    if (error.retryAfter !== undefined) reply.header('retry-after', String(error.retryAfter));
    if (error.code === 'UNAUTHENTICATED') reply.header('www-authenticate', 'Bearer');
    return reply.code(error.status).send(body(error));
  };
}

/** The line of the catalogue that says what was thrown. */
function toAppError(thrown: FastifyError | AppError): AppError {
  if (thrown instanceof AppError) return thrown;
  switch (thrown.code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return bodyTooLarge();
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
    case 'FST_ERR_CTP_EMPTY_TYPE':
      return notDeclaredJson();
    default:
      break;
  }
  if (thrown.statusCode !== undefined && thrown.statusCode >= 400 && thrown.statusCode < 500) return badInput(thrown.message);
  return toldOfDatabase(thrown) ?? internalError(thrown);
}
