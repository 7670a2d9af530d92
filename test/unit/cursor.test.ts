import { describe, expect, it } from 'vitest';
import { AppError } from '../../src/errors.ts';
import { formatCursor, parseCursor } from '../../src/live/cursor.ts';

describe('a cursor', () => {
  it.each([0, 1, 4_294_967_296, Number.MAX_SAFE_INTEGER])('is the position %d in decimal', (position) => {
    expect(parseCursor(formatCursor(position))).toBe(position);
    expect(formatCursor(BigInt(position))).toBe(String(position));
  });

  it.each(['', ' 1', '-1', '1.0', '1e3', '0x1', '9007199254740992', '99999999999999999', '１', 'abc', '\0'])('is not %j', (text) => {
    expect(() => parseCursor(text)).toThrow(AppError);
  });

  it('is named in its refusal, in short', () => {
    expect(() => parseCursor('x'.repeat(1_000))).toThrow(`"${'x'.repeat(40)}" is not a cursor`);
  });
});
