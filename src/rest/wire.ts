import { badInput } from '../errors.ts';
import { clean } from '../store/clean.ts';
import { isObject } from '../wire.ts';
import type { WireObject } from '../wire.ts';

/** The request body as an object. Throws BAD_USER_INPUT that says what came instead. */
export function bodyObject(body: unknown): WireObject {
  if (isObject(body)) return body;
  const came = body === undefined ? 'nothing' : body === null ? 'null' : Array.isArray(body) ? 'an array' : `a ${typeof body}`;
  throw badInput(`Expected a JSON object as the body, got ${came}`);
}

/** What is there of a row, without what is null and what the wire does not show. One pass: pages hold thousands of fields. */
export function shown(row: WireObject, hidden: ReadonlySet<string>): Record<string, unknown> {
  const view: Record<string, unknown> = {};
  for (const field in row) {
    const value = row[field];
    if (value !== null && value !== undefined && !hidden.has(field)) view[field] = value;
  }
  return view;
}

/** A query parameter that counts: within 1 and `max`, or the default. Throws BAD_USER_INPUT. */
export function countParameter(value: unknown, name: string, fallback: number, max: number, min = 1): number {
  if (value === undefined || value === '') return fallback;
  const count = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : NaN;
  if (!(count >= min && count <= max)) throw badInput(`${name}: expected a whole number from ${min} to ${max}, got ${JSON.stringify(value).slice(0, 40)}`);
  return count;
}

/** A query parameter that is text, as it would have been stored, or nothing. */
export const textParameter = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? clean(value).value : undefined);
