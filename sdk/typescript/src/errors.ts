/**
 * What went wrong. The codes of the server are as in its `extensions.code`; the others are the client's own.
 *
 * - `NETWORK`: no answer (refused, reset, no such host, cut off in the middle). `TIMEOUT`: not within `timeout`.
 * - `HTTP`: a status that is no success, from something that does not speak GraphQL; `status` says which.
 * - `MALFORMED`: an answer that is not what a Sentrial server says.
 * - `DROPPED`: something was not recorded, because there was no room for it, or the client was closed.
 * - `SPOOL`: the disk did not do what it should.
 * - `USAGE`: the SDK was called in a way that cannot work.
 */
export type ErrorCode =
  | 'BAD_USER_INPUT'
  | 'UNAUTHENTICATED'
  | 'FORBIDDEN'
  | 'NOT_FOUND'
  | 'CONFLICT'
  | 'OVERLOADED'
  | 'INTERNAL_SERVER_ERROR'
  | 'TOO_LARGE'
  | 'NETWORK'
  | 'TIMEOUT'
  | 'ABORTED'
  | 'HTTP'
  | 'MALFORMED'
  | 'DROPPED'
  | 'SPOOL'
  | 'USAGE';

type Details = { cause?: unknown; status?: number; retryAfterMs?: number; retryable?: boolean };

/** Every error of this SDK. */
export class SentrialError extends Error {
  override readonly name = 'SentrialError';
  readonly code: ErrorCode;
  /** The HTTP status, where there was one. */
  readonly status: number | undefined;
  /** How long the server asked to wait, in milliseconds. */
  readonly retryAfterMs: number | undefined;
  /** Whether the same request may succeed later. */
  readonly retryable: boolean;

  constructor(code: ErrorCode, message: string, { cause, status, retryAfterMs, retryable = false }: Details = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.status = status;
    this.retryAfterMs = retryAfterMs;
    this.retryable = retryable;
  }
}

export const asError = (thrown: unknown): Error => (thrown instanceof Error ? thrown : new Error(String(thrown)));

/** The same listener, of which no error comes: what listens to errors must not make more of them. */
export function withoutErrors(listener: (error: Error) => unknown): (error: Error) => void {
  return (error) => {
    try {
      const result = listener(error);
      if (result instanceof Promise) result.catch(() => undefined);
    } catch {
      // There is nobody left to tell.
    }
  };
}

const QUIET_MS = 10_000;

/** Writes to the console, at most once in ten seconds; what was left out is counted in the next line. */
export function consoleReporter(now: () => number): (error: Error) => void {
  let last = -Infinity;
  let unsaid = 0;
  return (error) => {
    if (now() - last < QUIET_MS) {
      unsaid += 1;
      return;
    }
    console.warn(`[sentrial] ${error.message}${unsaid > 0 ? ` (and ${unsaid} more)` : ''}`);
    last = now();
    unsaid = 0;
  };
}
