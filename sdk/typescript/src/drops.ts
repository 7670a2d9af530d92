import { SentrialError } from './errors.ts';
import { itemOf } from './item.ts';
import type { Item } from './item.ts';
import { toJson } from './json.ts';
import type { Clock } from './types.ts';

/** How long the news of drops are gathered before `onError` hears of them, in milliseconds. */
const NEWS_MS = 100;
/** Sessions whose drops are remembered, so that the server can be told. */
const MOST_SESSIONS = 1_000;

/** What was not recorded: told to `onError`, many at once, and to the server on the sessions that lost it. */
export class Drops {
  readonly #clock: Clock;
  readonly #onError: (error: Error) => void;
  readonly #news = new Map<string, number>();
  #cancelTelling: (() => void) | undefined;
  readonly #bySession = new Map<string, number>();
  /** Sessions of which the server does not know the newest count. */
  readonly #untold = new Set<string>();

  constructor(clock: Clock, onError: (error: Error) => void) {
    this.#clock = clock;
    this.#onError = onError;
  }

  /** Items that were dropped for a reason, which `onError` will hear of. */
  add(items: readonly Item[], why: string): void {
    if (items.length === 0) return;
    this.#news.set(why, (this.#news.get(why) ?? 0) + items.length);
    this.#cancelTelling ??= this.#clock.setTimer(() => this.tell(), NEWS_MS);
    for (const item of items) this.note(item);
  }

  /** An item that the session of it lacks. */
  note({ quiet, kind, sessionId }: Item): void {
    if (quiet || kind === 'create') return;
    const known = this.#bySession.get(sessionId);
    if (known === undefined && this.#bySession.size >= MOST_SESSIONS && !this.#forgetOne()) return;
    this.#bySession.set(sessionId, (known ?? 0) + 1);
    this.#untold.add(sessionId);
  }

  /** Tells `onError` now. */
  tell(): void {
    this.#cancelTelling?.();
    this.#cancelTelling = undefined;
    for (const [why, count] of this.#news) this.#onError(new SentrialError('DROPPED', `${count} ${count === 1 ? 'item was' : 'items were'} not recorded: ${why}`));
    this.#news.clear();
  }

  /** What tells the server, so that a reader of a session sees that it is not whole. Each is given once. */
  takeNotes(): Item[] {
    const notes = [...this.#untold].map((sessionId): Item => {
      const input = { id: sessionId, metadata: { sentrial_dropped: this.#bySession.get(sessionId) } };
      return { ...itemOf('update', sessionId, toJson(input)), ready: true, quiet: true };
    });
    this.#untold.clear();
    return notes;
  }

  /** The oldest session that the server has been told of makes room. */
  #forgetOne(): boolean {
    for (const sessionId of this.#bySession.keys()) if (!this.#untold.has(sessionId)) return this.#bySession.delete(sessionId);
    return false;
  }
}
