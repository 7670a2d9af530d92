import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Budget, Places } from '../../src/budget.ts';
import type { Room } from '../../src/store/bounded.ts';

const MB = 1024 * 1024;
const LIMITS = { answerBytes: 16 * MB, eventBytes: 16 * MB, sessionBytes: 20 * MB, metadataBytes: MB };

/** What a read finds of so much: as much as there is room for. */
const finding = (wanted: number, rooms: Room[] = []) => (room: Room) => {
  rooms.push(room);
  return Promise.resolve({ rows: [], wanted, taken: Math.min(wanted, room.total) });
};

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('the budget of an answer', () => {
  it('gives each read what those before it left, one after the other', async () => {
    const budget = new Budget(LIMITS, new Places());
    const rooms: Room[] = [];
    await Promise.all([budget.read(finding(MB / 2, rooms)), budget.read(finding(12 * MB, rooms)), budget.read(finding(12 * MB, rooms)), budget.read(finding(100, rooms))]);
    expect(rooms).toEqual([
      { total: MB, row: MB },
      { total: MB, row: MB },
      { total: 15.5 * MB, row: 20 * MB },
      { total: MB, row: MB },
      { total: 3.5 * MB, row: 3.5 * MB },
      { total: 0, row: 0 },
    ]);
  });

  it('has room for the heaviest row of all as long as little was read', async () => {
    const budget = new Budget(LIMITS, new Places());
    const rooms: Room[] = [];
    await budget.read(finding(1_000));
    await budget.read(finding(18 * MB, rooms));
    expect(rooms[1]).toEqual({ total: 16 * MB - 1_000, row: 20 * MB });
  });

  it('goes on after a read that failed', async () => {
    const budget = new Budget(LIMITS, new Places());
    await expect(budget.read(() => Promise.reject(new Error('away')))).rejects.toThrow('away');
    await expect(budget.read(finding(1))).resolves.toMatchObject({ taken: 1 });
  });

  it('counts what is printed until there is no room', () => {
    const budget = new Budget(LIMITS, new Places());
    expect([budget.prints(15 * MB), budget.prints(7 * MB), budget.prints(5 * MB)]).toEqual([true, false, true]);
    expect(budget.printed).toBe(20 * MB);
    expect(budget.renewed().prints(20 * MB)).toBe(true);
  });
});

describe('large answers', () => {
  it('are read four at a time; small ones do not wait', async () => {
    const places = new Places();
    const budgets = Array.from({ length: 6 }, () => new Budget(LIMITS, places));
    const done: number[] = [];
    const reads = budgets.map((budget, n) => budget.read(finding(5 * MB)).then(() => done.push(n)));
    await vi.advanceTimersByTimeAsync(1);
    expect(done).toEqual([0, 1, 2, 3]);
    await new Budget(LIMITS, places).read(finding(MB));
    budgets[2]!.close();
    budgets[2]!.close();
    await vi.advanceTimersByTimeAsync(1);
    expect(done).toEqual([0, 1, 2, 3, 4]);
    budgets[0]!.close();
    await Promise.all(reads);
    expect(done).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it('that wait too long are refused, or do without, and take no place later', async () => {
    const places = new Places();
    const first = Array.from({ length: 4 }, () => new Budget(LIMITS, places));
    await Promise.all(first.map((budget) => budget.read(finding(5 * MB))));
    const refused = expect(new Budget(LIMITS, places).read(finding(5 * MB))).rejects.toMatchObject({ code: 'OVERLOADED', retryAfter: 5 });
    const without = expect(new Budget(LIMITS, places).read(finding(5 * MB), 'leave out')).resolves.toMatchObject({ taken: MB });
    await vi.advanceTimersByTimeAsync(10_000);
    await Promise.all([refused, without]);
    for (const budget of first) budget.close();
    await Promise.all(Array.from({ length: 4 }, () => new Budget(LIMITS, places).read(finding(5 * MB))));
  });
});
