import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { AppError, databaseUnavailable } from '../errors.ts';
import { isDatabaseAway } from '../store/database-error.ts';

/** The envelope of every REST error: `error` is the title of the status, `message` a sentence. */
export const errorBody = (error: AppError) => ({
  error: error.title,
  message: error.message,
  ...(error.issues.length > 0 && { issues: error.issues }),
});

/** Answers with the envelope of /api/sdk. */
export const handleError = answerErrors(errorBody);

/** An error handler that answers with an envelope. What is not in the catalogue is masked, and logged once with the request id. */
export function answerErrors(envelope: (error: AppError) => object) {
  return function handle(thrown: FastifyError | AppError, request: FastifyRequest, reply: FastifyReply): FastifyReply {
    const error = toAppError(thrown);
    if (error.code === 'INTERNAL_SERVER_ERROR') request.log.error({ err: thrown, requestId: request.id }, 'a request failed');
    if (error.retryAfter !== undefined) reply.header('retry-after', String(error.retryAfter));
    if (error.code === 'UNAUTHENTICATED') reply.header('www-authenticate', 'Bearer');
    return reply.code(error.status).send(envelope(error));
  };
}

function toAppError(thrown: FastifyError | AppError): AppError {
  if (thrown instanceof AppError) return thrown;
  switch (thrown.code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new AppError('PAYLOAD_TOO_LARGE', 'The body is larger than this server takes (MAX_BODY_BYTES). Send less, or a batch in parts');
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
    case 'FST_ERR_CTP_EMPTY_TYPE':
      return new AppError('UNSUPPORTED_MEDIA_TYPE', 'Expected a JSON body with the header Content-Type: application/json');
    default:
      break;
  }
  if (thrown.statusCode !== undefined && thrown.statusCode >= 400 && thrown.statusCode < 500) return new AppError('BAD_USER_INPUT', thrown.message);
  if (isDatabaseAway(thrown)) return databaseUnavailable();
  return new AppError('INTERNAL_SERVER_ERROR', 'Something went wrong on the server; the request id finds it in the log. Try again', { cause: thrown });
}
