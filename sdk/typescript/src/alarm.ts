import type { Clock } from './types.ts';

/** One timer, which goes off at the earliest time that it was set to. */
export class Alarm {
  readonly #clock: Clock;
  readonly #ring: () => void;
  #cancel: (() => void) | undefined;
  #at = Infinity;

  constructor(clock: Clock, ring: () => void) {
    this.#clock = clock;
    this.#ring = ring;
  }

  /** In so many milliseconds, unless it goes off before that. */
  set(inMs: number): void {
    const at = inMs === 0 ? 0 : this.#clock.now() + inMs;
    if (at >= this.#at) return;
    this.off();
    this.#at = at;
    this.#cancel = this.#clock.setTimer(() => {
      this.off();
      this.#ring();
    }, inMs);
  }

  off(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#at = Infinity;
  }
}
