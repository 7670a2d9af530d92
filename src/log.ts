import { pino } from 'pino';
import type { DestinationStream, Logger } from 'pino';

export type { Logger };

/** Not logged, be it at the top of a line or in an object one or two levels down, such as the headers of a request. */
const SECRET = ['authorization', 'cookie', 'set-cookie', 'x-sentrial-api-key', 'apiKey', 'body', 'variables'];

/** Structured log, on standard output unless told. Keys and payloads never reach it. */
export function createLogger(level: string, to?: DestinationStream): Logger {
  const options = {
    level,
    base: undefined,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    redact: { paths: SECRET.flatMap((name) => [`["${name}"]`, `*["${name}"]`, `*.*["${name}"]`]), censor: '[redacted]' },
    serializers: { err: describeError },
  };
  return to ? pino(options, to) : pino(options);
}

/**
 * What a log line says of an error. A database error also carries the row it is about, a connection error the whole
 * connection: those stay out.
 */
function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { name, message, stack, cause } = error;
  const code = 'code' in error ? error.code : undefined;
  return { type: name, message, stack, ...(code !== undefined && { code }), ...(cause !== undefined && { cause: describeError(cause) }) };
}
