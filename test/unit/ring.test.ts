import { describe, expect, it } from 'vitest';
import { Ring } from '../../src/live/ring.ts';
import type { EventUpdate } from '../../src/live/ring.ts';

const update = (position: number) => ({ position, cursor: String(position) }) as EventUpdate;
const at = (updates: readonly EventUpdate[] | undefined) => updates?.map(({ position }) => position);

describe('the ring of a live feed', () => {
  it('gives what comes after a position, segment by segment', () => {
    const ring = new Ring(10, 100, 1_000);
    ring.append(12, [update(11), update(12)], 20);
    ring.append(15, [update(14)], 10); // 13 and 15 changed sessions
    expect([ring.start, ring.end]).toEqual([10, 15]);
    expect(at(ring.after(10)?.updates)).toEqual([11, 12]);
    expect(at(ring.after(11)?.updates)).toEqual([12]);
    expect(ring.after(12)).toMatchObject({ to: 15, updates: [update(14)] });
    expect(ring.after(15)).toBeUndefined();
  });

  it.each([
    ['rows', (ring: Ring, n: number) => ring.append(n, [update(n)], 0)],
    ['bytes', (ring: Ring, n: number) => ring.append(n, [update(n)], 100)],
    ['segments, where they hold no event', (ring: Ring, n: number) => ring.append(n, [], 0)],
  ])('is bounded in %s, and says how far back it goes', (_what, append) => {
    const ring = new Ring(0, 10, 1_000);
    for (let n = 1; n <= 50; n += 1) append(ring, n);
    expect(ring.start).toBe(40);
    expect([ring.covers(39), ring.covers(40)]).toEqual([false, true]);
    expect(ring.after(40)?.to).toBe(41);
  });
});
