// Anything as JSON text, without ever throwing. A walk of our own, because JSON.stringify throws on a BigInt or a
// cycle, loses Map, Set, Error and Infinity, and a replacer makes it several times slower.

/** How deep a value may nest; the server takes 200. */
const MAX_DEPTH = 100;

/** How much of a binary value is kept, in bytes. */
const MAX_BINARY = 4_096;

/** Texts up to this length are never cut. */
const SHORT = 64;

/** How many characters one value may become; what comes after is cut and says so. */
export const MAX_CHARACTERS = 1_048_576;

/**
 * `value` as JSON text; `undefined` at the top is `null`.
 *
 * What JSON knows comes out as JSON.stringify has it (`toJSON` is used, `undefined` left out). Besides: BigInt, NaN
 * and the infinities as text; Map as an object, or as pairs where a key is no text; Set as an array; Error as
 * `{ name, message, stack, cause, … }`; binary data as `{ type, byteLength, base64 }` of its first 4 KiB; functions,
 * symbols and promises as `[Function name]` and the like; a cycle as `[Circular]`; a getter that throws as
 * `[Thrown: …]`. Beyond 100 levels or `maxCharacters` the rest is cut and marked.
 */
export function toJson(value: unknown, maxCharacters = MAX_CHARACTERS): string {
  const plain = plainJson(value, maxCharacters);
  if (plain !== undefined) return plain;
  const walk = new Walk(maxCharacters);
  return walk.text(value, 0) ?? 'null';
}

/**
 * The fields of an input of the server as JSON text. They share the bound on characters, and none is left out or
 * renamed because of it, so that the server takes what is left.
 */
export function fieldsToJson(input: object, maxCharacters = MAX_CHARACTERS): string {
  const plain = plainJson(input, maxCharacters);
  if (plain !== undefined) return plain;
  const walk = new Walk(maxCharacters);
  let text = '';
  for (const [name, value] of Object.entries(input)) {
    const inner = walk.text(value, 0);
    if (inner !== undefined) text += `${text === '' ? '{' : ','}"${name}":${inner}`;
  }
  return text === '' ? '{}' : `${text}}`;
}

/**
 * The text of a value that holds nothing but what JSON knows and is small enough, which is nearly every value; else
 * undefined. Looking first and then leaving it to JSON.stringify is several times faster than our own walk.
 */
function plainJson(value: unknown, maxCharacters: number): string | undefined {
  room = maxCharacters;
  try {
    return isPlain(value, 0) ? JSON.stringify(value) : undefined;
  } catch {
    return undefined;
  }
}

let room = 0;

/** A cycle runs out of depth or room. */
function isPlain(value: unknown, depth: number): boolean {
  switch (typeof value) {
    case 'string':
      return (room -= value.length) >= 0;
    case 'number':
      return (room -= 8) >= 0 && Number.isFinite(value);
    case 'boolean':
    case 'undefined':
      return (room -= 5) >= 0;
    case 'object':
      return value === null || (depth < MAX_DEPTH && (Array.isArray(value) ? areItemsPlain(value, depth + 1) : isObjectPlain(value, depth + 1)));
    case 'bigint':
    case 'symbol':
    case 'function':
      return false;
  }
}

function areItemsPlain(values: readonly unknown[], depth: number): boolean {
  for (let index = 0; index < values.length; index += 1) if (!isPlain(values[index], depth)) return false;
  return true;
}

function isObjectPlain(value: object, depth: number): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return false;
  for (const key in value) if ((room -= key.length + 4) < 0 || !isPlain((value as Record<string, unknown>)[key], depth)) return false;
  return true;
}

/** JSON text that stands for itself within a value. */
export class Json {
  readonly text: string;

  private constructor(text: string) {
    this.text = text;
  }

  static of = (value: unknown): Json => new Json(toJson(value));
  static object = (entries: Map<string, Json>): Json => new Json(`{${[...entries].map(([key, { text }]) => `${JSON.stringify(key)}:${text}`).join(',')}}`);
}

class Walk {
  #left: number;
  /** The objects around the one at hand. */
  readonly #ancestors: object[] = [];

  constructor(maxCharacters: number) {
    this.#left = maxCharacters;
  }

  /** `undefined` where JSON leaves a value out. */
  text(value: unknown, depth: number): string | undefined {
    switch (typeof value) {
      case 'string':
        return this.#string(value);
      case 'number':
        this.#left -= 8;
        return Number.isFinite(value) ? String(value) : `"${value}"`;
      case 'boolean':
        this.#left -= 5;
        return value ? 'true' : 'false';
      case 'object':
        if (value === null) {
          this.#left -= 4;
          return 'null';
        }
        try {
          return this.#object(value, depth);
        } catch (thrown) {
          return thrownText(thrown);
        }
      case 'undefined':
        return undefined;
      case 'bigint':
        return `"${value}"`;
      case 'symbol':
        return this.#string(value.toString());
      case 'function':
        return this.#string(functionName(value));
    }
  }

  #string(value: string): string {
    if (value.length <= this.#left || value.length <= SHORT) {
      this.#left -= value.length;
      return JSON.stringify(value);
    }
    const kept = Math.max(0, this.#left);
    this.#left = 0;
    return JSON.stringify(`${value.slice(0, kept)}[${value.length - kept} characters cut]`);
  }

  #object(value: object, depth: number): string | undefined {
    if (this.#ancestors.includes(value)) return '"[Circular]"';
    if (depth >= MAX_DEPTH) return Array.isArray(value) ? '"[Array]"' : '"[Object]"';
    this.#ancestors.push(value);
    try {
      if (Array.isArray(value)) return this.#items(value, depth);
      const prototype: unknown = Object.getPrototypeOf(value);
      if (prototype === Object.prototype && !('toJSON' in value)) return this.#entries(ownEntries(value), depth);
      return this.#instance(value, depth);
    } finally {
      this.#ancestors.pop();
    }
  }

  #items(values: Iterable<unknown>, depth: number): string {
    let text = '[';
    for (const item of values) {
      if (this.#left <= 0) return `${text}${text === '[' ? '' : ','}"[cut]"]`;
      if (text !== '[') text += ',';
      text += this.text(item, depth + 1) ?? 'null';
      this.#left -= 1;
    }
    return `${text}]`;
  }

  #entries(entries: Iterable<readonly [string, unknown]>, depth: number): string {
    let text = '{';
    for (const [key, value] of entries) {
      if (this.#left <= 0) return `${text}${text === '{' ? '' : ','}"[cut]":true}`;
      const inner = this.text(value, depth + 1);
      if (inner === undefined) continue;
      if (text !== '{') text += ',';
      text += `${this.#string(key)}:${inner}`;
      this.#left -= 4;
    }
    return `${text}}`;
  }

  #instance(value: object, depth: number): string | undefined {
    if (value instanceof Json) return value.text;
    if (value instanceof Date) return Number.isNaN(value.getTime()) ? '"Invalid Date"' : `"${value.toISOString()}"`;
    if (value instanceof Error) return this.#entries(errorEntries(value), depth);
    if (value instanceof Map) return this.#map(value, depth);
    if (value instanceof Set) return this.#items(value, depth);
    if (ArrayBuffer.isView(value)) return this.#binary(value, depth);
    if (value instanceof ArrayBuffer) return this.#binary(new Uint8Array(value), depth, 'ArrayBuffer');
    if ('toJSON' in value && typeof value.toJSON === 'function') return this.text((value.toJSON as () => unknown)(), depth);
    if (value instanceof String || value instanceof Number || value instanceof Boolean) return this.text(value.valueOf(), depth);
    if (value instanceof RegExp) return this.#string(String(value));
    if (value instanceof Promise || value instanceof WeakMap || value instanceof WeakSet || value instanceof WeakRef) {
      return `"[${value[Symbol.toStringTag]}]"`;
    }
    return this.#entries(ownEntries(value), depth);
  }

  #map(value: Map<unknown, unknown>, depth: number): string {
    for (const key of value.keys()) if (typeof key !== 'string' && typeof key !== 'number') return this.#items(value, depth);
    return this.#entries([...value].map(([key, item]) => [String(key), item] as const), depth);
  }

  #binary(value: ArrayBufferView, depth: number, type = value.constructor.name): string {
    const bytes = new Uint8Array(value.buffer, value.byteOffset, Math.min(value.byteLength, MAX_BINARY));
    let binary = '';
    for (const byte of bytes) binary += String.fromCharCode(byte);
    return this.#entries([['type', type], ['byteLength', value.byteLength], ['base64', btoa(binary)]], depth);
  }
}

/** One by one, so that a getter that throws costs its own value only. */
function* ownEntries(value: object): Generator<[string, unknown]> {
  for (const key of Object.keys(value)) {
    let item: unknown;
    try {
      item = (value as Record<string, unknown>)[key];
    } catch (thrown) {
      item = `[Thrown: ${messageOf(thrown)}]`;
    }
    yield [key, item];
  }
}

function* errorEntries(error: Error): Generator<[string, unknown]> {
  yield ['name', error.name];
  yield ['message', error.message];
  yield ['stack', error.stack];
  if (error.cause !== undefined) yield ['cause', error.cause];
  if (error instanceof AggregateError) yield ['errors', error.errors];
  for (const entry of ownEntries(error)) if (!['name', 'message', 'stack', 'cause', 'errors'].includes(entry[0])) yield entry;
}

/** Whatever was thrown: it may be an object that throws when it is looked at. */
function messageOf(thrown: unknown): string {
  try {
    return thrown instanceof Error ? String(thrown.message) : String(thrown);
  } catch {
    return 'something that cannot be shown';
  }
}

const thrownText = (thrown: unknown) => JSON.stringify(`[Thrown: ${messageOf(thrown)}]`);

function functionName(value: object): string {
  try {
    const name = (value as { name?: unknown }).name;
    return `[Function ${typeof name === 'string' && name ? name : 'anonymous'}]`;
  } catch {
    return '[Function]';
  }
}
