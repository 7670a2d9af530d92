import { describe, expect, it } from 'vitest';
import { hashKey, newKey, sameHash, shownPrefix } from '../../src/auth/key-format.ts';
import { idFromKey, newId } from '../../src/store/ids.ts';
import { fingerprint } from '../../src/store/fingerprint.ts';

describe('a key', () => {
  it('is its prefix and 43 characters of base62, and never the same twice', () => {
    const keys = Array.from({ length: 200 }, newKey);
    for (const key of keys) expect(key).toMatch(/^sentrial_live_[0-9A-Za-z]{43}$/);
    expect(new Set(keys).size).toBe(200);
    expect(new Set(keys.flatMap((key) => [...key.slice(14)])).size).toBe(62);
  });

  it('is recognised by its first characters, which are never half of it', () => {
    expect(shownPrefix(`sentrial_live_${'a'.repeat(43)}`)).toBe('sentrial_live_aaaaaa');
    expect(shownPrefix('0123456789abcdef')).toBe('01234567');
    expect(shownPrefix('')).toBe('');
  });

  it('is compared by its hash', () => {
    expect(sameHash(hashKey('a'), hashKey('a'))).toBe(true);
    expect(sameHash(hashKey('a'), hashKey('b'))).toBe(false);
    expect(sameHash(hashKey('a'), new Uint8Array(3))).toBe(false);
  });
});

describe('an id', () => {
  it('has its prefix, and one made later sorts later', () => {
    const ids = Array.from({ length: 1_000 }, () => newId('evt'));
    for (const id of ids) expect(id).toMatch(/^evt_[0-9a-f]{32}$/);
    expect([...ids].sort()).toEqual(ids);
  });

  it('that an Idempotency-Key stands for is always the same, for each kind its own', () => {
    expect(idFromKey('evt', 'k')).toBe(idFromKey('evt', 'k'));
    expect(idFromKey('evt', 'k')).toMatch(/^evt_[0-9a-f]{32}$/);
    expect(new Set([idFromKey('evt', 'k'), idFromKey('evt', 'k '), idFromKey('sess', 'k').replace('sess', 'evt')]).size).toBe(3);
  });
});

describe('a fingerprint', () => {
  it('tells contents apart, not the order of their keys', () => {
    expect(fingerprint({ a: { x: 1, y: 2 }, b: [1, 2] })).toBe(fingerprint({ b: [1, 2], a: { y: 2, x: 1 } }));
    const different = [{ a: 1 }, { a: '1' }, { a: [1] }, { a: null }, {}, [], { b: 1 }, { a: 1, b: 1 }, JSON.parse('{"__proto__": 1}') as unknown, [1, 2], [2, 1]];
    expect(new Set(different.map(fingerprint)).size).toBe(different.length);
  });
});
