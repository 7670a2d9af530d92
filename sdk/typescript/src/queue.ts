import { memoryOf } from './item.ts';
import type { Item } from './item.ts';

/** Items in their order, with the memory that they take. */
export class Queue {
  #items: Item[] = [];
  /** What the items take in memory. */
  bytes = 0;

  get length(): number {
    return this.#items.length;
  }

  push(item: Item): void {
    this.#items.push(item);
    this.bytes += memoryOf(item);
  }

  /** Takes out the oldest: one, and as many more as make one request. */
  take(most: { maxEvents: number; maxBytes: number }): Item[] {
    let count = 0;
    let bytes = 0;
    while (count < most.maxEvents && count < this.#items.length) {
      bytes += this.#items[count]!.bytes;
      if (count > 0 && bytes > most.maxBytes) break;
      count += 1;
    }
    const taken = this.#items.splice(0, count);
    this.bytes -= memoryOfAll(taken);
    return taken;
  }

  /** Puts items back to the front. */
  putBack(items: readonly Item[]): void {
    this.#items = items.concat(this.#items);
    this.bytes += memoryOfAll(items);
  }

  takeAll(): Item[] {
    const all = this.#items;
    this.#items = [];
    this.bytes = 0;
    return all;
  }

  [Symbol.iterator](): Iterator<Item> {
    return this.#items.values();
  }
}

export const memoryOfAll = (items: readonly Item[]) => items.reduce((bytes, item) => bytes + memoryOf(item), 0);

/** How many of the items a report counts. */
export const countOf = (items: readonly Item[]) => items.filter(({ quiet }) => !quiet).length;
