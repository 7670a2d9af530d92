import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { JsonText, plain, stringify } from '../../src/json-text.ts';

describe('a JSON value as its text', () => {
  it('stands in what is written around it as it is, wherever that may be', () => {
    fc.assert(
      fc.property(fc.array(fc.record({ name: fc.string(), payload: fc.json() })), fc.jsonValue(), (rows, beside) => {
        const written = stringify({ rows: rows.map(({ name, payload }) => ({ name, payload: new JsonText(payload), list: [new JsonText(payload), name] })), beside });
        const said = rows.map(({ name, payload }) => ({ name, payload: JSON.parse(payload) as unknown, list: [JSON.parse(payload) as unknown, name] }));
        expect(JSON.parse(written)).toEqual(JSON.parse(JSON.stringify({ rows: said, beside })));
      }),
    );
    expect(stringify({ a: new JsonText('{"n": 1.0, "big": 12345678901234567890}') })).toBe('{"a":{"n": 1.0, "big": 12345678901234567890}}');
  });

  it('is parsed by whoever else writes JSON, or looks into it', () => {
    const text = new JsonText('{"a": [1, null]}');
    expect(JSON.stringify({ text })).toBe('{"text":{"a":[1,null]}}');
    expect(plain(text)).toEqual({ a: [1, null] });
    expect(plain(7)).toBe(7);
  });

  it('is written once for a value that is at hand, and says how long it is', () => {
    const value = { é: 1 };
    expect(JsonText.of(value)).toBe(JsonText.of(value));
    expect(JsonText.of(value)).toMatchObject({ text: '{"é":1}', bytes: 8 });
  });

  it('leaves everything else as JSON.stringify has it', () => {
    for (const value of [undefined, null, 1, 'text', [undefined], { a: undefined, at: new Date(0) }]) expect(stringify(value)).toBe(JSON.stringify(value));
    const circle: Record<string, unknown> = {};
    circle['self'] = circle;
    expect(() => stringify(circle)).toThrow(TypeError);
    expect(JSON.stringify(new JsonText('1'))).toBe('1');
  });
});
