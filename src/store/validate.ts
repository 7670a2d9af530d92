import { z } from 'zod';
import { badInput } from '../errors.ts';
import { MAX_DEPTH, TooDeepError, clean } from './clean.ts';
import type { Cleaned } from './clean.ts';

// Building blocks of the input schemas. null is accepted wherever a value may be left out, and means the same.

/** Ids are opaque; a bound keeps them within an index entry. */
export const Id = z.string().min(1).max(200);
/** Names that lists are filtered by: at most 500 characters, so that an index entry can hold them. */
export const Label = z.string().min(1).max(500);
export const Text = z.string();
export const Json = z.unknown();
export const JsonObject = z.record(z.string(), z.unknown());
/** A count of tokens. */
export const Tokens = z.number().int().min(0).max(2_147_483_647);
/** US dollars. */
export const Cost = z.number().min(0).max(1e9);
/** Milliseconds. */
export const Duration = z.number().min(0).max(1e13);
/** ISO 8601 or milliseconds since 1970; between the years 1970 and 9999. */
export const Timestamp = z
  .union([z.iso.datetime({ offset: true }), z.number().min(0).max(253_402_300_799_999)])
  .transform((value) => new Date(value).toISOString());

/** Parses and cleans. Throws BAD_USER_INPUT that names every fault. */
export function validate<T>(schema: z.ZodType<T>, input: unknown, what: string): Cleaned<T> {
  const parsed = schema.safeParse(input);
  if (!parsed.success) {
    const issues = parsed.error.issues.map((issue) => ({ path: issue.path.join('.'), message: issue.message }));
    const list = issues.slice(0, 5).map((issue) => (issue.path ? `${issue.path}: ${issue.message}` : issue.message));
    if (issues.length > 5) list.push(`and ${issues.length - 5} more`);
    throw badInput(`${what} is not valid: ${list.join('; ')}`, issues);
  }
  try {
    return clean(parsed.data);
  } catch (error) {
    if (error instanceof TooDeepError) throw badInput(`${what} is not valid: it nests deeper than ${MAX_DEPTH} levels`);
    throw error;
  }
}
