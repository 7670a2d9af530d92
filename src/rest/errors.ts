import type { AppError } from '../errors.ts';
import { answerErrors } from '../http/errors.ts';

/** The envelope of every REST error: `error` is the title of the status, `message` a sentence. */
export const errorBody = (error: AppError) => ({
  error: error.title,
  message: error.message,
  ...(error.issues.length > 0 && { issues: error.issues }),
});

/** Answers with the envelope of /api/sdk. */
export const handleError = answerErrors(errorBody);
