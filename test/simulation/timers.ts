import { syncBuiltinESMExports } from 'node:module';
import timers from 'node:timers';
import type { World } from './world.ts';

const real = { setTimeout, clearTimeout, setInterval: timers.setInterval, clearInterval, dateNow: Date.now, performanceNow: performance.now.bind(performance) };

let world: World | undefined;

/** Where timers and clocks belong now: the schedule that runs. Without one they are the real ones. */
export const inWorld = (running: World | undefined): void => void (world = running);

/** What setTimeout and setInterval give a simulated process. */
class Timer {
  #cancelled = false;

  /** Calls `run` after a time; again and again where it repeats. */
  constructor(home: World, delay: number, run: () => void, repeats: boolean) {
    const process = home.current!;
    const arm = () => {
      home.after(delay, process, () => {
        if (this.#cancelled) return;
        run();
        if (repeats) arm();
      }, 'timer');
    };
    arm();
  }

  cancel(): void {
    this.#cancelled = true;
  }

  unref(): this {
    return this;
  }
}

const timer = (repeats: boolean, otherwise: (...args: never[]) => unknown) =>
  function (run: (...args: unknown[]) => void, delay = 0, ...args: unknown[]): unknown {
    if (!world?.current) return (otherwise as (...all: unknown[]) => unknown)(run, delay, ...args);
    return new Timer(world, Math.max(1, delay), () => run(...args), repeats);
  };

const clear = (otherwise: (handle: never) => void) => (handle: unknown) => (handle instanceof Timer ? handle.cancel() : (otherwise as (handle: unknown) => void)(handle));

/**
 * Puts the clocks and timers of simulated processes in the place of the real ones. What is not a step of a simulated
 * process (the test runner, say) still gets the real ones. Returns what undoes it.
 */
export function installTimers(): () => void {
  const install = (functions: { [name in 'setTimeout' | 'setInterval' | 'clearTimeout' | 'clearInterval']: unknown }) => {
    Object.assign(globalThis, functions);
    Object.assign(timers, functions);
    syncBuiltinESMExports();
  };
  install({ setTimeout: timer(false, real.setTimeout), setInterval: timer(true, real.setInterval), clearTimeout: clear(real.clearTimeout), clearInterval: clear(real.clearInterval) });
  Date.now = () => (world?.current ? world.wallClock() : real.dateNow());
  performance.now = () => (world?.current ? world.now : real.performanceNow());
  return () => {
    install(real);
    Date.now = real.dateNow;
    performance.now = real.performanceNow;
  };
}
