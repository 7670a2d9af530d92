/** A JSON object as it came; the wire's tolerance lives in the functions that read it. */
export type WireObject = { readonly [key: string]: unknown };

export const isObject = (value: unknown): value is WireObject => value !== null && typeof value === 'object' && !Array.isArray(value);

/** `toolName` as `tool_name`. */
export const snake = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** Every accepted spelling of each field: as named, in snake_case, and its aliases. */
export function spellings(fields: readonly string[], aliases: { readonly [alias: string]: string }): ReadonlyMap<string, string> {
  const known = new Map<string, string>();
  for (const [alias, field] of Object.entries(aliases)) known.set(alias, field).set(snake(alias), field);
  for (const field of fields) known.set(snake(field), field);
  for (const field of fields) known.set(field, field);
  return known;
}

/**
 * Sorts a body into known fields and the rest. null counts as absent. Where a field came under two spellings,
 * its own name wins, then the first in alphabetical order; the other is kept with the rest. Nothing is dropped,
 * and the order of the keys makes no difference: the same content twice has to be the same content.
 */
export function sortFields(body: WireObject, known: ReadonlyMap<string, string>): { fields: Record<string, unknown>; rest: [string, unknown][] } {
  const fields: Record<string, unknown> = {};
  const rest: [string, unknown][] = [];
  for (const key of Object.keys(body).sort()) {
    const value = body[key];
    if (value === null || value === undefined) continue;
    const field = known.get(key);
    if (field === undefined || (key !== field && (isGiven(body, field) || field in fields))) rest.push([key, value]);
    else fields[field] = value;
  }
  return { fields, rest };
}

const isGiven = (body: WireObject, field: string) => Object.hasOwn(body, field) && body[field] !== null && body[field] !== undefined;

/** Keeps what has no place of its own in `metadata`, beside what was sent there. */
export function keepRest(metadata: unknown, rest: readonly [string, unknown][]): unknown {
  if (rest.length === 0 || (metadata !== undefined && !isObject(metadata))) return metadata;
  const kept = new Map(Object.entries(metadata ?? {}));
  for (const [key, value] of rest) {
    let name = key;
    while (kept.has(name)) name = `_${name}`;
    kept.set(name, value);
  }
  return Object.fromEntries(kept);
}
