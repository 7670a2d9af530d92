import type { Logger } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import { toEvent } from '../store/records.ts';
import type { Bus, LogMessage, Unsubscribe } from './bus.ts';
import type { LogReader } from './hub.ts';
import { Ring, toUpdate } from './ring.ts';

/** One subscriber. `wake` ends its wait for the feed, so that one who leaves does not wait for the next event to do so. */
export type Reader = { stopped: boolean; wake: () => void };

/** A ring holds the newest rows of one project; readers further behind than this read the database. */
const RING_ROWS = 2_048;
const RING_BYTES = 8 * 1024 * 1024;
const RETRY_MS = 250;
/** Readers that are near one another share reads; one that replays a long history must not leave all of it here. */
const SHARED_READS = 16;

/**
 * One project's live end on this server.
 *
 *            announced ────────────────►┐
 *   bus ──►  in order, rows in message  ├─► ring ─► head moves ─► readers wake
 *            hole, or rows not sent ──► read (head, target] ─┘
 *
 * `target` is the newest position known to be committed, `head` the newest the ring holds: readers go up to `head`.
 */
export class Feed {
  readonly projectId: string;
  readers = 0;
  closed = false;
  ring = new Ring(0, RING_ROWS, RING_BYTES);
  #target = 0;
  #live: Promise<void> | undefined;
  #started = false;
  #filling = false;
  #unsubscribe: Unsubscribe | undefined;
  #waiting = new Set<() => void>();
  #reads = new Map<string, Promise<unknown>>();
  readonly #with: { bus: Bus; reader: LogReader; log: Logger; metrics: Metrics };

  constructor(projectId: string, using: { bus: Bus; reader: LogReader; log: Logger; metrics: Metrics }) {
    this.projectId = projectId;
    this.#with = using;
  }

  get head(): number {
    return this.ring.end;
  }

  /** The newest position known to be committed: who subscribes now wants what comes after it. */
  get newest(): number {
    return Math.max(this.head, this.#target);
  }

  /** Resolves when every later commit will be seen: listening first, then the head as the database has it. */
  live(): Promise<void> {
    this.#live ??= (async () => {
      const unsubscribe = await this.#with.bus.subscribeLog(this.projectId, (message) => this.#announced(message));
      if (this.closed) return unsubscribe();
      this.#unsubscribe = unsubscribe;
      const head = (await this.#with.reader.heads([this.projectId])).get(this.projectId) ?? 0;
      this.ring = new Ring(head, RING_ROWS, RING_BYTES);
      this.#started = true;
      this.#reach(Math.max(head, this.#target));
    })();
    return this.#live;
  }

  /** Resolves when the head is past a position, the feed closes, or the reader is told to stop. */
  moved(position: number, reader: Reader): Promise<void> {
    if (this.head > position || this.closed || reader.stopped) return Promise.resolve();
    return new Promise((resolve) => {
      reader.wake = () => {
        this.#waiting.delete(reader.wake);
        resolve();
      };
      this.#waiting.add(reader.wake);
    });
  }

  /** One read for all who ask the same before the head moves. */
  shared<T>(key: string, read: () => Promise<T>): Promise<T> {
    let promise = this.#reads.get(key) as Promise<T> | undefined;
    if (!promise) {
      promise = read();
      this.#reads.set(key, promise);
      if (this.#reads.size > SHARED_READS) this.#reads.delete(this.#reads.keys().next().value!);
      promise.catch(() => this.#reads.delete(key));
    }
    return promise;
  }

  /** How far the log is, as the database says. */
  reachesTo(head: number): void {
    if (this.#started && !this.closed) this.#reach(head);
  }

  close(): void {
    this.closed = true;
    this.#unsubscribe?.();
    this.#wake();
  }

  #announced(message: LogMessage) {
    if (!this.#started) {
      this.#target = Math.max(this.#target, message.to);
      return;
    }
    if (message.to <= this.head) return;
    if (message.rows && message.from === this.head + 1 && !this.#filling) {
      this.ring.append(message.to, message.rows.map((row) => toUpdate(toEvent(row))), message.bytes ?? 0);
      this.#target = Math.max(this.#target, message.to);
      this.#wake();
    } else {
      this.#reach(message.to);
    }
  }

  #reach(target: number) {
    this.#target = Math.max(this.#target, target);
    if (this.head < this.#target && !this.#filling) void this.#fill();
  }

  /** Reads what is missing between the head and the target, page by page, for all readers at once. */
  async #fill() {
    this.#filling = true;
    while (this.head < this.#target && !this.closed) {
      try {
        this.#with.metrics.hubReads.inc({ why: 'hole' });
        const page = await this.#with.reader.events(this.projectId, this.head, this.#target, {});
        this.ring.append(page.reached, page.events.map(toUpdate), page.events.reduce((sum, { bytes }) => sum + bytes, 0));
        this.#wake();
      } catch (error) {
        this.#with.log.warn({ err: error }, 'the live hub could not read the log; it tries again');
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
    this.#filling = false;
  }

  #wake() {
    this.#reads = new Map();
    for (const wake of this.#waiting) wake();
  }
}
