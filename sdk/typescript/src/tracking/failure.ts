import type { ToolError } from '../types.ts';
import { fields, text } from './value.ts';

/** What was thrown, as events carry it. */
export function toolError(thrown: unknown): ToolError {
  const type = text(fields(thrown)['name']) ?? (thrown instanceof Error ? thrown.constructor.name : undefined);
  const stack = text(fields(thrown)['stack']);
  return { message: messageOf(thrown), ...(type ? { type } : {}), ...(stack ? { stack_trace: stack } : {}) };
}

/** The text of what was thrown, which is not always an error. */
export function messageOf(thrown: unknown): string {
  const message = text(fields(thrown)['message']);
  if (message) return message;
  if (typeof thrown === 'string' && thrown) return thrown;
  return text(fields(thrown)['name']) ?? String(thrown);
}
