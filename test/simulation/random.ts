/**
 * Random numbers from a seed (the generator is sfc32): the same on every machine, every time. Each part of a schedule
 * has a stream of its own, so that what one part draws does not shift what the others get.
 */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(seed: number, stream: string) {
    this.#a = seed | 0;
    this.#b = Math.trunc(seed / 2 ** 32);
    this.#c = 0;
    for (let i = 0; i < stream.length; i++) this.#c = Math.imul(this.#c ^ stream.charCodeAt(i), 0x01000193);
    for (let i = 0; i < 12; i++) this.#bits();
  }

  #bits(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }

  /** At least 0, less than 1. */
  next(): number {
    return this.#bits() / 2 ** 32;
  }

  chance(probability: number): boolean {
    return probability > 0 && this.next() < probability;
  }

  /** A whole number; both ends are possible. */
  between(low: number, high: number): number {
    return low + Math.floor(this.next() * (high - low + 1));
  }

  /** Mostly near `low`, now and then as much as `high`: what times are like. */
  skewed(low: number, high: number): number {
    return low + (high - low) * this.next() ** 4;
  }

  pick<T>(from: readonly T[]): T {
    return from[this.between(0, from.length - 1)]!;
  }
}
