import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_DEPTH, TooDeepError, clean } from '../../src/store/clean.ts';

const nested = (depth: number): unknown => (depth === 0 ? 1 : [nested(depth - 1)]);

describe('clean', () => {
  it('gives back the very same value where nothing has to change', () => {
    const value = { a: ['text', 1, null, true, { b: '😀' }], '': '' };
    expect(clean(value).value).toBe(value);
    expect(clean(value).replaced).toBe(false);
  });

  it.each([
    ['a\0b', 'a\ufffdb'],
    ['\ud800', '\ufffd'],
    ['\udfff\ud800', '\ufffd\ufffd'],
    ['\ud83d\ude00', '😀'],
    ['\ud83d', '\ufffd'],
  ])('replaces what PostgreSQL refuses in %j', (sent, kept) => {
    expect(clean(sent)).toMatchObject({ value: kept, replaced: sent !== kept });
    expect(clean({ [sent]: [sent] })).toMatchObject({ value: { [kept]: [kept] }, replaced: sent !== kept });
  });

  it.each([
    ['infinity', Infinity, 'Infinity'],
    ['what is below it', -Infinity, '-Infinity'],
    ['309 digits', 1e308, '1e+308'],
    ['41 digits', -1e40, '-1e+40'],
    ['41 digits behind the point', 1.5e-39, '1.5e-39'],
    ['the smallest number', 5e-324, '5e-324'],
  ])('writes a number of more than 40 digits as text: %s', (_what, sent, kept) => {
    expect(clean({ deep: [sent] })).toMatchObject({ value: { deep: [kept] }, replaced: true });
  });

  it.each([0, -0, 1, -1.5, 1e21, 1e39, -1.2345678901234567e39, 1e-7, 1e-39, 123456789012345680000, Number.MAX_SAFE_INTEGER])('leaves a number of at most 40 digits as it is: %d', (sent) => {
    expect(clean([sent])).toMatchObject({ value: [sent], replaced: false });
  });

  it('loses no value when keys become the same', () => {
    const { value } = clean({ 'a\0': 1, 'a\ud800': 2, 'a\ufffd': 3, 'a\ufffd2': 4, 'b\0': 5, 'b\udfff': 6 });
    expect(value).toEqual({ 'a\ufffd3': 1, 'a\ufffd4': 2, 'a\ufffd': 3, 'a\ufffd2': 4, 'b\ufffd': 5, 'b\ufffd2': 6 });
  });

  it('is linear in the number of keys that become the same', () => {
    const halves = ['\0', '\ud800', '\ud801', '\ud802', '\ud803', '\ud804', '\ud805', '\ud806', '\ud807', '\ud808'];
    const many = Object.fromEntries(Array.from({ length: 50_000 }, (_, n) => [[...String(n).padStart(5, '0')].map((digit) => halves[Number(digit)]).join(''), n]));
    const began = performance.now();
    expect(Object.values(clean(many).value).sort((a, b) => a - b)).toEqual(Object.values(many).sort((a, b) => a - b));
    expect(performance.now() - began).toBeLessThan(3_000);
  });

  it('keeps keys that mean something to JavaScript', () => {
    const { value } = clean(JSON.parse('{"__proto__": {"a": "\\u0000"}, "constructor": 1}') as object);
    expect(JSON.stringify(value)).toBe('{"__proto__":{"a":"\ufffd"},"constructor":1}');
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
  });

  it('refuses what nests too deep, and takes what just fits', () => {
    expect(clean(nested(MAX_DEPTH)).replaced).toBe(false);
    expect(() => clean(nested(MAX_DEPTH + 1))).toThrow(TooDeepError);
  });

  it('always gives what PostgreSQL takes, and needs no second time', () => {
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: 'binary' }), fc.constantFrom('\0', '\ud800', '\udc00', 'ok'), (value, text) => {
        const once = clean({ [text]: [value, text] });
        const written = JSON.stringify(once.value);
        expect(written.includes('\\u0000') || /\\ud[89a-f]/.test(written)).toBe(false);
        expect(clean(once.value)).toMatchObject({ value: once.value, replaced: false });
      }),
    );
  });
});
