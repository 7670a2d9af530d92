/**
 * Makes a JSON value storable without losing the event. PostgreSQL refuses U+0000 and lone surrogates, which become
 * U+FFFD. It prints a number with all its digits, so a number of more than 40 (1e308 has 309, and JSON has no infinity
 * for 1e400) becomes its text. `replaced` says that either happened.
 */
export type Cleaned<T> = {
  value: T;
  replaced: boolean;
  /**
   * How many bytes longer what is in the value is as PostgreSQL prints it than as JSON.stringify writes it: the fields of
   * an input, say, each of which is a column of its own.
   */
  growth: number;
};

/** How deep a value may nest; PostgreSQL and JSON.stringify recurse over it. */
export const MAX_DEPTH = 200;

/** How many digits a number may have when it is written without an exponent. */
const MAX_DIGITS = 40;

export class TooDeepError extends Error {}

// A surrogate of either kind may be half of a good pair; isWellFormed() then decides.
const SUSPECT = /[\0\uD800-\uDFFF]/;

/** JSON.stringify writes numbers from here on, and the inverse of those below, with an exponent. */
const LARGE = 1e21;
const SMALL = 1e-6;

export function clean<T>(value: T): Cleaned<T> {
  let replaced = false;
  let growth = 0;

  function text(input: string): string {
    if (!SUSPECT.test(input)) return input;
    if (input.isWellFormed() && !input.includes('\0')) return input;
    replaced = true;
    return input.toWellFormed().replaceAll('\0', '\uFFFD');
  }

  function number(input: number): number | string {
    const size = Math.abs(input);
    if ((size < LARGE && size >= SMALL) || size === 0) return input;
    const written = String(input);
    const printed = decimalLength(input);
    if (printed.digits > MAX_DIGITS) {
      replaced = true;
      return written;
    }
    growth += printed.length - written.length;
    return input;
  }

  function walk(input: unknown, depth: number): unknown {
    if (typeof input === 'string') return text(input);
    if (typeof input === 'number') return number(input);
    if (input === null || typeof input !== 'object') return input;
    if (depth >= MAX_DEPTH) throw new TooDeepError();
    if (Array.isArray(input)) {
      if (depth > 0) growth += Math.max(0, input.length - 1); // a space after each comma
      let copy: unknown[] | undefined;
      for (let i = 0; i < input.length; i++) {
        const item: unknown = walk(input[i], depth + 1);
        if (item !== input[i]) (copy ??= input.slice())[i] = item;
      }
      return copy ?? input;
    }
    return walkObject(input as Readonly<Record<string, unknown>>, depth);
  }

  function walkObject(input: Readonly<Record<string, unknown>>, depth: number): unknown {
    const keys = Object.keys(input);
    if (depth > 0) growth += Math.max(0, 2 * keys.length - 1); // a space after each colon and comma
    let changed: Map<string, unknown> | undefined;
    for (const key of keys) {
      const before = input[key];
      const after = walk(before, depth + 1);
      if (after !== before || SUSPECT.test(key)) (changed ??= new Map()).set(key, after);
    }
    if (!changed) return input;
    const renamed = new Map<string, number>();
    const entries = keys.map((key): [string, unknown] => {
      const name = text(key);
      return [name === key ? key : apart(name, input, renamed), changed.has(key) ? changed.get(key) : input[key]];
    });
    return Object.fromEntries(entries); // which defines own properties, so "__proto__" stays a plain key
  }

  return { value: walk(value, 0) as T, replaced, growth };
}

/** A number that String() writes with an exponent, as it is written without one: how many digits, how many characters. */
function decimalLength(input: number): { digits: number; length: number } {
  if (!Number.isFinite(input)) return { digits: Infinity, length: Infinity };
  const [mantissa, exponent] = String(Math.abs(input)).split('e') as [string, string];
  const significant = mantissa.replace('.', '').length;
  const power = Number(exponent);
  const digits = power < 0 ? significant - power : Math.max(significant, power + 1);
  return { digits, length: digits + (power < 0 ? 1 : 0) + (input < 0 ? 1 : 0) };
}

/** Bytes of a clean value as PostgreSQL prints it. */
export const printedBytes = (value: unknown): number => Buffer.byteLength(JSON.stringify(value) ?? '') + clean([value]).growth;

/** Once characters are replaced two keys may be the same: a replaced one is numbered then, so that no value is lost. */
function apart(name: string, input: object, renamed: Map<string, number>): string {
  for (let count = renamed.get(name) ?? 1; ; count++) {
    const free = count === 1 ? name : `${name}${count}`;
    if (Object.hasOwn(input, free) || (count > 1 && renamed.has(free))) continue;
    renamed.set(name, count + 1);
    if (free !== name) renamed.set(free, 2);
    return free;
  }
}
