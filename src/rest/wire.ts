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

/**
 * The parameters of a query string by their own names, as text that could have been stored; an empty one is absent.
 * Throws BAD_USER_INPUT for one that is not known, or is given twice: to ignore it would answer another question.
 */
export function queryParameters(query: WireObject, known: ReadonlyMap<string, string>): { readonly [name: string]: string | undefined } {
  const parameters = new Map<string, string>();
  for (const [key, value] of Object.entries(query)) {
    const name = known.get(key);
    if (name === undefined) throw badInput(`Unknown query parameter "${key.slice(0, 40)}". Known here: ${[...new Set(known.values())].join(', ')}`);
    if (typeof value !== 'string' || parameters.has(name)) throw badInput(`${name}: expected once in the query string, got it several times`);
    if (value !== '') parameters.set(name, clean(value).value);
  }
  return Object.fromEntries(parameters);
}

/** A query parameter that counts: within 1 and `max`, or the default. Throws BAD_USER_INPUT. */
export function countParameter(value: string | undefined, name: string, fallback: number, max: number, min = 1): number {
  if (value === undefined) return fallback;
  const count = /^\d+$/.test(value) ? Number(value) : NaN;
  if (!(count >= min && count <= max)) throw badInput(`${name}: expected a whole number from ${min} to ${max}, got ${JSON.stringify(value).slice(0, 40)}`);
  return count;
}
