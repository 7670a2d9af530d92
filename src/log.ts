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
  });
}
