import { z } from 'zod';
import { badInput } from '../errors.ts';
import { isObject } from '../wire.ts';
import { MAX_DEPTH, TooDeepError, clean } from './clean.ts';
import type { Cleaned } from './clean.ts';

// Building blocks of the input schemas. null is accepted wherever a value may be left out, and means the same.

/** Ids are opaque; a bound keeps them within an index entry. */
export const Id = z.string().min(1).max(200);
/** So that an index entry can hold it. */
export const LONGEST_LABEL = 500;
/** Names that lists are filtered by. */
export const Label = z.string().min(1).max(LONGEST_LABEL);
export const Text = z.string();
export const Json = z.unknown();
/** Not z.record(), which drops a key named "__proto__". */
export const JsonObject = z
  .unknown()
  .refine(isObject, { error: (issue) => `must be an object, got ${shown(issue.input)}` })
  .meta({ type: 'object' });
/** A count of tokens. */
export const Tokens = z.number().int().min(0).max(2_147_483_647);
/** A number so small that it would be printed with more than 40 digits says nothing. */
const NEGLIGIBLE = 1e-20;
const Amount = z.number().min(0).overwrite((amount) => (amount < NEGLIGIBLE ? 0 : amount));
/** US dollars. */
export const Cost = Amount.max(1e9);
export const LONGEST_DURATION = 1e13;
/** Milliseconds. */
export const Duration = Amount.max(LONGEST_DURATION);
/** From 0 to 1. */
export const Confidence = Amount.max(1);

/** The end of the year 9999, in milliseconds since 1970. */
export const LATEST = 253_402_300_799_999;
const TIME = 'must be a time such as 2025-01-12T10:30:00Z, or milliseconds since 1970, not after the year 9999';
const IsoTime = z.iso.datetime({ offset: true, error: TIME });

/** ISO 8601 with Z or another offset (without one it would mean another time on another machine), between the years 1970 and 9999; undefined for any other text. */
export const parseTime = (text: string): Date | undefined => (IsoTime.safeParse(text).success ? storableTime(text) : undefined);

/** As parseTime; a day such as 2025-01-12 is its beginning in UTC. */
export const parseTimeOrDay = (text: string): Date | undefined => parseTime(text) ?? parseTime(`${text}T00:00:00Z`);

function storableTime(value: string | number): Date | undefined {
  const time = new Date(value);
  return time.getTime() >= 0 && time.getTime() <= LATEST ? time : undefined;
}

/** As parseTime, or milliseconds since 1970. */
export const Timestamp = z.union([IsoTime, z.number({ error: TIME })], { error: TIME }).transform((value, context) => {
  const time = storableTime(value);
  if (time) return time.toISOString();
  context.addIssue({ code: 'custom', message: TIME, input: value });
  return z.NEVER;
});

/** Parses and cleans. Throws BAD_USER_INPUT that names every fault. */
export function validate<T>(schema: z.ZodType<T>, input: unknown, what: string): Cleaned<T> {
  const parsed = schema.safeParse(input, { error: fault });
  if (!parsed.success) {
    const issues = parsed.error.issues.map((issue) => ({ path: issue.path.join('.'), message: `${issue.path.join('.') || what} ${issue.message}` }));
    const list = issues.slice(0, 5).map((issue) => issue.message);
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

const KINDS: { readonly [expected: string]: string } = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'an array',
  object: 'an object',
  date: 'a time',
};

/** What is wrong with a field, as the rest of a sentence that begins with its name. */
function fault(issue: z.core.$ZodRawIssue): string {
  if (issue.input === undefined || issue.input === null) return 'is required';
  if (issue.code === 'invalid_type') return `must be ${KINDS[issue.expected] ?? issue.expected}, got ${shown(issue.input)}`;
  if (issue.code === 'invalid_value') return `must be one of ${issue.values.map(String).join(', ')}, got ${shown(issue.input)}`;
  if (issue.code === 'too_small') {
    if (issue.origin === 'string') return 'must not be empty';
    return issue.origin === 'array' ? `must hold at least ${issue.minimum}` : `must be at least ${issue.minimum}, got ${shown(issue.input)}`;
  }
  if (issue.code === 'too_big') {
    if (issue.origin === 'string') return `must be at most ${issue.maximum} characters long`;
    return issue.origin === 'array' ? `must hold at most ${issue.maximum}` : `must be at most ${issue.maximum}, got ${shown(issue.input)}`;
  }
  return issue.message ?? 'is not valid';
}

const LONGEST_SHOWN = 40;

/** A value as an error names it: short, and never a whole document. */
function shown(value: unknown): string {
  if (typeof value === 'string') return value.length > LONGEST_SHOWN ? `"${value.slice(0, LONGEST_SHOWN)}…"` : `"${value}"`;
  if (Array.isArray(value)) return 'an array';
  if (value !== null && typeof value === 'object') return 'an object';
  return String(value);
}
