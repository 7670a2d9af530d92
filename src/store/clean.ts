/**
 * Makes a JSON value storable without losing the event. PostgreSQL refuses U+0000 and lone surrogates, and
 * JSON has no infinity (a body may say 1e400): the former become U+FFFD, the latter text. `replaced` says so.
 */
export type Cleaned<T> = { value: T; replaced: boolean };

/** How deep a value may nest; PostgreSQL and JSON.stringify recurse over it. */
export const MAX_DEPTH = 200;

export class TooDeepError extends Error {}

// A surrogate of either kind may be half of a good pair; isWellFormed() then decides.
const SUSPECT = /[\0\uD800-\uDFFF]/;

export function clean<T>(value: T): Cleaned<T> {
  let replaced = false;

  function text(input: string): string {
    if (!SUSPECT.test(input)) return input;
    if (input.isWellFormed() && !input.includes('\0')) return input;
    replaced = true;
    return input.toWellFormed().replaceAll('\0', '\uFFFD');
  }

  function walk(input: unknown, depth: number): unknown {
    if (typeof input === 'string') return text(input);
    if (typeof input === 'number') {
      if (Number.isFinite(input)) return input;
      replaced = true;
      return String(input);
    }
    if (input === null || typeof input !== 'object') return input;
    if (depth >= MAX_DEPTH) throw new TooDeepError();
    if (Array.isArray(input)) {
      let copy: unknown[] | undefined;
      for (let i = 0; i < input.length; i++) {
        const item: unknown = walk(input[i], depth + 1);
        if (item !== input[i]) (copy ??= input.slice())[i] = item;
      }
      return copy ?? input;
    }
    // Copied only where something changes; fromEntries defines own properties, so "__proto__" stays a plain key.
    let changed = false;
    const entries: [string, unknown][] = [];
    const renamed = new Map<string, number>();
    for (const [key, before] of Object.entries(input)) {
      const after = walk(before, depth + 1);
      const name = text(key);
      changed ||= after !== before || name !== key;
      entries.push([name === key ? key : apart(name, input, renamed), after]);
    }
    return changed ? Object.fromEntries(entries) : input;
  }

  return { value: walk(value, 0) as T, replaced };
}

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
