import type { Event } from '../generated/prisma/client.ts';
import { formatCursor } from './cursor.ts';

/** What a subscription to events yields. One object for each event, shared by every reader of the ring. */
export type EventUpdate = { readonly position: number; readonly cursor: string; readonly event: Event };

export const toUpdate = (event: Event): EventUpdate => ({ position: Number(event.position), cursor: formatCursor(event.position), event });

type Segment = { from: number; to: number; updates: readonly EventUpdate[]; bytes: number };

/** The newest stretch of one project's log: every event in (`start`, `end`], bounded in rows and bytes, and in segments: one of session changes alone has neither. */
export class Ring {
  start: number;
  end: number;
  #segments: Segment[] = [];
  #rows = 0;
  #bytes = 0;
  readonly #maxRows: number;
  readonly #maxBytes: number;

  constructor(at: number, maxRows: number, maxBytes: number) {
    this.start = at;
    this.end = at;
    this.#maxRows = maxRows;
    this.#maxBytes = maxBytes;
  }

  /** Adds the events of (`end`, `to`]. */
  append(to: number, updates: readonly EventUpdate[], bytes: number): void {
    this.#segments.push({ from: this.end + 1, to, updates, bytes });
    this.end = to;
    this.#rows += updates.length;
    this.#bytes += bytes;
    while (this.#segments.length > 1 && (this.#rows > this.#maxRows || this.#bytes > this.#maxBytes || this.#segments.length > this.#maxRows)) {
      const dropped = this.#segments.shift()!;
      this.#rows -= dropped.updates.length;
      this.#bytes -= dropped.bytes;
      this.start = dropped.to;
    }
  }

  /** Whether it still holds all that comes after this position. */
  covers(position: number): boolean {
    return position >= this.start;
  }

  /** The next segment after a position that it covers, less what the reader has already seen. */
  after(position: number): { to: number; updates: readonly EventUpdate[] } | undefined {
    if (position >= this.end) return undefined;
    let low = 0;
    let high = this.#segments.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#segments[middle]!.to > position) high = middle;
      else low = middle + 1;
    }
    const { from, to, updates } = this.#segments[low]!;
    return { to, updates: position < from ? updates : updates.filter((update) => update.position > position) };
  }
}
