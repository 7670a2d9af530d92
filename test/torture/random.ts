import { createHash } from 'node:crypto';

/** Decisions by a seed: the same seed gives the same ones, in the same order. */
export class Random {
  readonly #seed: string;
  readonly #state: Uint32Array;

  constructor(seed: string) {
    this.#seed = seed;
    this.#state = new Uint32Array(createHash('sha256').update(seed).digest().buffer.slice(0, 16));
    this.#state[3] = 1;
    for (let round = 0; round < 12; round++) this.next();
  }

  /** A stream of its own, so that what one actor decides does not depend on how often another one asks. */
  fork(name: string | number): Random {
    return new Random(`${this.#seed}/${name}`);
  }

  /** From 0 to below 1 (sfc32). */
  next(): number {
    const s = this.#state;
    const sum = s[0]! + s[1]! + s[3]!;
    s[3] = s[3]! + 1;
    s[0] = s[1]! ^ (s[1]! >>> 9);
    s[1] = s[2]! + (s[2]! << 3);
    s[2] = ((s[2]! << 21) | (s[2]! >>> 11)) + sum;
    return (sum >>> 0) / 2 ** 32;
  }

  /** A whole number from `from` to `to`, both included. */
  int(from: number, to: number): number {
    return from + Math.floor(this.next() * (to - from + 1));
  }

  /** Between the two, small ones as often as large ones: half of them below the geometric mean. */
  size(from: number, to: number): number {
    return Math.round(from * (to / from) ** this.next());
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.int(0, list.length - 1)]!;
  }

  /** One of the choices, each as often as its weight says. */
  weighted<T extends { weight: number }>(choices: readonly T[]): T {
    let left = this.next() * choices.reduce((sum, { weight }) => sum + weight, 0);
    return choices.find(({ weight }) => (left -= weight) < 0) ?? choices.at(-1)!;
  }
}
