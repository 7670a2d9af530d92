import type { Clock } from './types.ts';

/** The longest that a timer can wait, in milliseconds (24 days): asked for more, it would fire at once. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** The runtime's own. Its timers do not keep a Node process alive. */
export const systemClock: Clock = {
  now: () => Date.now(),
  setTimer(callback, ms) {
    const timer: unknown = setTimeout(callback, Math.min(ms, LONGEST_TIMER_MS));
    if (typeof timer === 'object' && timer !== null && 'unref' in timer) (timer as { unref(): void }).unref();
    return () => clearTimeout(timer as Parameters<typeof clearTimeout>[0]);
  },
};

/** Resolves after so many milliseconds, or as soon as the signal is aborted. */
export function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = () => {
      cancel();
      signal.removeEventListener('abort', done);
      resolve();
    };
    const cancel = clock.setTimer(done, ms);
    signal.addEventListener('abort', done);
  });
}

/** Keeps the process alive until the promise has settled: for what a caller awaits. */
export async function held<T>(promise: Promise<T>): Promise<T> {
  const timer = setInterval(() => undefined, 2 ** 30);
  try {
    return await promise;
  } finally {
    clearInterval(timer);
  }
}
