import type { EventRow } from './documents.ts';

/** An event, and how deep it stands under those that it belongs to. */
export type EventLine = { kind: 'event'; event: EventRow; depth: number };

const DEEPEST = 8;

export const startOf = (event: EventRow) => endOf(event) - (event.durationMs ?? 0);
export const endOf = (event: EventRow) => Date.parse(event.clientTimestamp ?? event.createdAt);
export const hasFailed = (event: EventRow) => event.__typename === 'ErrorEvent' || ('status' in event && event.status === 'error') || ('toolError' in event && event.toolError != null);

/** Makes the lines of a timeline, in any order, and knows what time they span, in milliseconds since 1970. */
export class EventLines {
  from = Infinity;
  to = -Infinity;
  readonly #depths = new Map<string, number>();

  readonly lineOf = (event: EventRow): EventLine => {
    const parent = event.parentEventId === null ? undefined : this.#depths.get(event.parentEventId);
    const depth = parent === undefined ? 0 : Math.min(DEEPEST, parent + 1);
    this.#depths.set(event.id, depth);
    this.from = Math.min(this.from, startOf(event));
    this.to = Math.max(this.to, endOf(event));
    return { kind: 'event', event, depth };
  };
}
