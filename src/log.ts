import { pino } from 'pino';
import type { Logger } from 'pino';

export type { Logger };

/** Structured log on standard output. Keys and payloads never reach it. */
export function createLogger(level: string): Logger {
  return pino({
    level,
    base: undefined,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    redact: {
      paths: ['*.authorization', '*.cookie', '*["x-sentrial-api-key"]', '*.apiKey', '*.body', '*.variables', 'apiKey', 'body', 'variables'],
      censor: '[redacted]',
    },
    serializers: { err: describeError },
  });
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
