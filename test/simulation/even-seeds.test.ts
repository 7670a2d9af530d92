import { describe, it } from 'vitest';
import { runHalf } from './schedules.ts';

describe('a simulated schedule of an even seed', () => {
  it('keeps the promises P1 to P5', { timeout: 3_600_000 }, () => runHalf('even'));
});
