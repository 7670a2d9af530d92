import { configOf } from './config.ts';
import { explain } from './explain.ts';
import { runSchedule } from './schedule.ts';
import { installTimers } from './timers.ts';

// SEED runs that one alone; SCHEDULES is their number, FIRST_SEED where they begin.
const { SEED, SCHEDULES = '100000', FIRST_SEED = '1' } = process.env;

/** Runs the schedules of the odd seeds, or of the even ones: two halves for two workers. Throws the story of the first that breaks a promise. */
export async function runHalf(half: 'odd' | 'even'): Promise<void> {
  const [first, count] = SEED === undefined ? [Number(FIRST_SEED), Number(SCHEDULES)] : [Number(SEED), 1];
  const restore = installTimers();
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0; // errors are many, and most of their cost is their stack
  try {
    for (let seed = first; seed < first + count; seed++) {
      if ((seed % 2 === 1) !== (half === 'odd')) continue;
      const { violation } = await runSchedule(configOf(seed));
      if (violation !== undefined) throw new Error(await explain(seed));
    }
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
    restore();
  }
}
