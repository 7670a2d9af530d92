import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fieldsToJson, toJson } from '../src/json.ts';

const anything = fc.anything({ withBigInt: true, withBoxedValues: true, withDate: true, withMap: true, withSet: true, withTypedArray: true, withNullPrototype: true, withObjectString: true, withSparseArray: true });

const parsed = (value: unknown): unknown => JSON.parse(toJson(value));

describe('any value', () => {
  it('that is JSON comes out as JSON.stringify has it', () => {
    fc.assert(fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => void expect(toJson(value)).toBe(JSON.stringify(value))), { numRuns: 500 });
  });

  it('becomes valid JSON, without throwing', () => {
    fc.assert(fc.property(anything, (value) => void parsed(value)), { numRuns: 1_000 });
  });

  it('comes out the same from the walk as from the short cut for plain values', () => {
    const around = (value: unknown) => ({ plain: value, special: 1n });
    fc.assert(fc.property(fc.jsonValue(), (value) => void expect(JSON.parse(toJson(around(value)))).toEqual({ plain: JSON.parse(JSON.stringify(value)) as unknown, special: '1' })), { numRuns: 500 });
  });

  it('stays within the bound on characters, give or take its marks, and is still JSON', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), fc.integer({ min: 0, max: 200 }), (value, bound) => {
        const text = toJson([value, 1n], bound);
        JSON.parse(text);
        const strings = toJson(['x'.repeat(100_000), 'y'.repeat(100_000), 1n], bound);
        expect(strings.length).toBeLessThan(bound + 500);
      }),
      { numRuns: 300 },
    );
  });

  it('leaves every field of an input in its place, however little room there is', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/), fc.jsonValue()), fc.integer({ min: 0, max: 50 }), (input, bound) => {
        const fields = JSON.parse(fieldsToJson({ ...input, last: 1n }, bound)) as object;
        expect(Object.keys(fields).sort()).toEqual([...new Set([...Object.keys(input), 'last'])].sort());
      }),
    );
  });
});

describe('what JSON does not know', () => {
  it.each<[string, unknown, unknown]>([
    ['BigInt', 12345678901234567890n, '12345678901234567890'],
    ['infinities', [NaN, Infinity, -Infinity], ['NaN', 'Infinity', '-Infinity']],
    ['Date', new Date(1_700_000_000_000), '2023-11-14T22:13:20.000Z'],
    ['an invalid Date', new Date(NaN), 'Invalid Date'],
    ['Map of text', new Map<unknown, unknown>([['a', 1], [2, 'b']]), { a: 1, 2: 'b' }],
    ['Map of objects', new Map([[{ k: 1 }, 'v']]), [[{ k: 1 }, 'v']]],
    ['Set', new Set(['a', new Set([1])]), ['a', [1]]],
    ['functions and symbols', [function named() {}, () => 1, Symbol('s')], ['[Function named]', '[Function anonymous]', 'Symbol(s)']],
    ['undefined', { gone: undefined, list: [undefined] }, { list: [null] }],
    ['RegExp', /a+/gi, '/a+/gi'],
    ['URL', new URL('https://example.com/x'), 'https://example.com/x'],
    ['a promise', [Promise.resolve(1), new WeakMap()], ['[Promise]', '[WeakMap]']],
    ['boxed values', [Object('text'), Object(1), Object(true)], ['text', 1, true]],
    ['a class', new (class Point { x = 1; #secret = 2; get sum() { return this.x + this.#secret; } })(), { x: 1 }],
    ['toJSON', { toJSON: () => ({ shown: 1n }) }, { shown: '1' }],
    ['a key named __proto__', JSON.parse('{"__proto__":{"a":1}}'), JSON.parse('{"__proto__":{"a":1}}')],
    ['binary', new Uint8Array([1, 2, 255]), { type: 'Uint8Array', byteLength: 3, base64: 'AQL/' }],
    ['large binary', new ArrayBuffer(10_000), { type: 'ArrayBuffer', byteLength: 10_000, base64: expect.stringMatching(/^A+=*$/) as unknown }],
  ])('%s', (_name, value, expected) => expect(parsed(value)).toEqual(expected));

  it('an error keeps its name, message, stack, cause and own fields', () => {
    const error = Object.assign(new TypeError('outer', { cause: new AggregateError([new Error('a')], 'inner') }), { code: 'E_X' });
    expect(parsed(error)).toMatchObject({ name: 'TypeError', message: 'outer', code: 'E_X', stack: expect.stringContaining('outer') as unknown, cause: { message: 'inner', errors: [{ message: 'a' }] } });
  });

  it('a cycle ends, and the same object in two places is shown in both', () => {
    const shared = { a: 1 };
    const circle: unknown[] = [shared, shared];
    circle.push(circle);
    expect(parsed(circle)).toEqual([{ a: 1 }, { a: 1 }, '[Circular]']);
  });

  it('what throws when it is looked at costs its own value only', () => {
    const hostile = new Proxy({}, { ownKeys: () => { throw new Error('no keys'); } });
    class Getters { get bad(): unknown { throw new Error('bad getter'); } }
    const own = Object.defineProperty({ good: 1 }, 'bad', { enumerable: true, get() { throw new Error('own getter'); } });
    expect(parsed({ hostile, own, unprintable: { toJSON() { throw Object.create(null); } }, getters: new Getters() })).toEqual({
      hostile: '[Thrown: no keys]', own: { good: 1, bad: '[Thrown: own getter]' }, unprintable: '[Thrown: something that cannot be shown]', getters: {},
    });
  });

  it('nesting ends at a hundred levels', () => {
    let deep: unknown = 1n;
    for (let level = 0; level < 10_000; level += 1) deep = { deep };
    expect(toJson(deep)).toMatch(/^(\{"deep":){100}"\[Object\]"\}{100}$/);
  });

  it('a web of objects that would grow without end is cut', () => {
    let web: unknown = [1n];
    for (let level = 0; level < 60; level += 1) web = [web, web];
    expect(toJson(web, 10_000).length).toBeLessThan(100_000);
  });
});
