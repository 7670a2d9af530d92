import { deliver } from './delivery.ts';
import { SentrialError, asError } from './errors.ts';
import { toJson } from './json.ts';
import { itemFrom, itemOf, lineOf } from './item.ts';
import type { Item } from './item.ts';
import { backoff, waitFor } from './transport.ts';
import type { Transport } from './transport.ts';
import type { BatchingConfig, Clock, FlushReport, Spool } from './types.ts';

export type OutboxOptions = {
  transport: Transport;
  clock: Clock;
  batching: Required<BatchingConfig>;
  spool: Spool | undefined;
  /** Redacts the text of an item; runs before it is sent or spooled. */
  redact: ((item: Item) => string) | undefined;
  onError: (error: Error) => void;
};

/** How long the news of drops are gathered before `onError` hears of them, in milliseconds. */
const NEWS_MS = 100;
/** Refusals of one batch that are told one by one. */
const MOST_TOLD = 10;
/** Sessions whose drops are remembered, so that the server can be told. */
const MOST_SESSIONS = 1_000;

/**
 * What waits to be delivered, in memory, bounded by bytes; and the one worker that delivers it, in order, a batch at a
 * time. While the server is away, the worker moves it to the spool, whose content is always older than what is in
 * memory; once the server is back, the spool goes first.
 */
export class Outbox {
  readonly #options: OutboxOptions;
  #queue: Item[] = [];
  #queuedBytes = 0;
  #inFlight: readonly Item[] = [];
  #inFlightBytes = 0;
  /** On its way to the spool because memory is filling up, while the worker does something else. */
  #relieving: readonly Item[] | undefined;
  #relief: Promise<void> = Promise.resolve();
  #running: Promise<void> | undefined;
  #cancelTimer: (() => void) | undefined;
  #timerAt = Infinity;
  /** When the server was not reached: how often in a row, and when to try again. */
  #away: { failures: number; until: number; error: SentrialError } | undefined;
  #attempts = 0;
  #mayHaveSpooled: boolean;
  #spoolFull = false;
  #counts = { delivered: 0, spooled: 0, dropped: 0 };
  #news = new Map<string, number>();
  #cancelNews: (() => void) | undefined;
  #dropsBySession = new Map<string, number>();
  #untold = new Set<string>();
  #closed = false;
  /** Ends the requests under way; renewed each time, since a process may go on after all. */
  #requests = new AbortController();

  constructor(options: OutboxOptions) {
    this.#options = options;
    this.#mayHaveSpooled = options.spool !== undefined;
    if (options.spool) this.#schedule();
  }

  /** Takes an item to deliver; or drops it, where there is no room. */
  add(item: Item): void {
    if (this.#closed) return this.#drop([item], 'the client is closed');
    if (this.#queuedBytes + this.#inFlightBytes + item.bytes > this.#options.batching.maxQueueBytes) {
      return this.#drop([item], 'what waits in memory is at its bound (batching.maxQueueBytes)');
    }
    this.#queue.push(item);
    this.#queuedBytes += item.bytes;
    this.#schedule();
    if (this.#isCrowded && !this.#relieving) {
      this.#relieving = [];
      this.#options.clock.setTimer(() => void this.#relieve(), 0);
    }
  }

  get #isCrowded(): boolean {
    return this.#queuedBytes > this.#options.batching.maxQueueBytes / 2 && this.#options.spool !== undefined && !this.#spoolFull && !this.#closed;
  }

  get pending(): number {
    return this.#queue.length + this.#inFlight.length + (this.#relieving?.length ?? 0);
  }

  /** Delivers, trying the server even when it was away. Returns by the deadline. */
  async flush(timeout: number, signal?: AbortSignal): Promise<FlushReport> {
    const deadline = new AbortController();
    const end = () => deadline.abort();
    // Unlike the timers of the clock, this one holds the process until the flush is over.
    const hold = setTimeout(end, timeout);
    signal?.addEventListener('abort', end);
    if (signal?.aborted) end();
    try {
      await Promise.race([this.#settle(), new Promise((resolve) => (deadline.signal.aborted ? resolve(null) : deadline.signal.addEventListener('abort', resolve)))]);
    } finally {
      clearTimeout(hold);
      signal?.removeEventListener('abort', end);
    }
    this.#tellNews();
    return this.#report();
  }

  /** Flushes; what is left then is spooled, or dropped. Nothing is taken any more. */
  async close(timeout: number): Promise<FlushReport> {
    if (this.#closed) return this.#report();
    this.#closed = true;
    const { delivered, spooled, dropped } = await this.flush(timeout);
    this.#requests.abort();
    await this.#running;
    await this.#relief;
    this.#cancelTimer?.();
    await this.#spill();
    this.#drop(this.#queue.splice(0), 'the client is closed, and there is no room to keep it');
    this.#queuedBytes = 0;
    this.#tellNews();
    await this.#options.spool?.close().catch((error: unknown) => this.#tell(asError(error)));
    const rest = this.#report();
    return { delivered: delivered + rest.delivered, spooled: spooled + rest.spooled, dropped: dropped + rest.dropped, pending: 0 };
  }

  /** At the end of the process: delivers until the deadline, then spools the rest. */
  async leave(timeout: number): Promise<void> {
    if (this.pending === 0) return;
    await this.flush(timeout);
    if (this.pending > 0) this.leaveNow();
  }

  /** The last moment, when nothing asynchronous runs any more: spools what is left. */
  leaveNow(): void {
    const items = [...this.#inFlight, ...(this.#relieving ?? []), ...this.#queue];
    if (items.length === 0) return;
    let taken = 0;
    try {
      taken = this.#options.spool?.appendSync?.(items.map((item) => this.#line(item))) ?? 0;
    } catch (error) {
      this.#tell(spoolError(error));
    }
    this.#counts.spooled += taken;
    this.#inFlight = [];
    if (this.#relieving) this.#relieving = [];
    this.#requests.abort();
    this.#requests = new AbortController();
    this.#queue = [];
    this.#queuedBytes = 0;
    this.#drop(items.slice(taken), 'the process ended before the server took it');
    this.#tellNews();
  }

  #report(): FlushReport {
    const report = { ...this.#counts, pending: this.pending };
    this.#counts = { delivered: 0, spooled: 0, dropped: 0 };
    return report;
  }

  // ——— when the worker runs

  #schedule(): void {
    if (this.#running) return;
    const { maxEvents, maxBytes, intervalMs } = this.#options.batching;
    const isFull = this.#queue.length >= maxEvents || this.#queuedBytes >= maxBytes;
    // Never within the call that adds: that would be the caller's time.
    this.#wake(isFull ? 0 : intervalMs);
  }

  #wake(inMs: number): void {
    const { clock } = this.#options;
    if (this.#cancelTimer && inMs > 0) {
      const at = clock.now() + inMs;
      if (at >= this.#timerAt) return;
    } else if (this.#cancelTimer && this.#timerAt === 0) return;
    this.#cancelTimer?.();
    this.#timerAt = inMs === 0 ? 0 : clock.now() + inMs;
    this.#cancelTimer = clock.setTimer(() => void this.#run(false), inMs);
  }

  #run(probe: boolean): Promise<void> {
    if (this.#running) return this.#running;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#timerAt = Infinity;
    this.#running = this.#work(probe)
      .catch((error: unknown) => this.#tell(asError(error)))
      .finally(() => {
        this.#running = undefined;
        if (this.#closed) return;
        if (this.#away) this.#wake(Math.max(1, this.#away.until - this.#options.clock.now()));
        else if (this.#queue.length > 0 || this.#mayHaveSpooled) this.#schedule();
      });
    return this.#running;
  }

  /** Runs the worker until all that was there is settled, or the server proves to be away. */
  async #settle(): Promise<void> {
    await this.#relief;
    if (this.#running) {
      const before = this.#attempts;
      await this.#running;
      if (this.#away && this.#attempts > before) return;
    }
    if (this.#queue.length === 0 && !this.#mayHaveSpooled) return;
    do await this.#run(true);
    while ((this.#queue.length > 0 || this.#mayHaveSpooled) && !this.#away && !this.#requests.signal.aborted);
  }

  // ——— the worker

  async #work(probe: boolean): Promise<void> {
    const { clock } = this.#options;
    const { signal } = this.#requests;
    for (let mayTry = probe; !signal.aborted; mayTry = false) {
      if (this.#away && !mayTry && clock.now() < this.#away.until) return this.#spill();
      if (this.#mayHaveSpooled && !(await this.#replay())) continue;
      const batch = this.#take();
      if (batch.length === 0) return;
      const later = await this.#attempt(batch);
      if (later.length > 0) await this.#keep(later);
    }
  }

  #take(): Item[] {
    const { maxEvents, maxBytes } = this.#options.batching;
    let count = 0;
    let bytes = 0;
    while (count < maxEvents && count < this.#queue.length) {
      bytes += this.#queue[count]!.bytes;
      if (count > 0 && bytes > maxBytes) break;
      count += 1;
    }
    const batch = this.#queue.splice(0, count);
    for (const item of batch) this.#queuedBytes -= item.bytes;
    return batch;
  }

  /** Delivers and settles what is certain; returns what was not, which the server has to be asked for again. */
  async #attempt(items: readonly Item[]): Promise<Item[]> {
    const { transport, batching, clock } = this.#options;
    this.#attempts += 1;
    this.#inFlight = items;
    this.#inFlightBytes = sum(items);
    for (const item of items) this.#prepare(item);
    const outcomes = await deliver(items, { transport, signal: this.#requests.signal, maxEvents: batching.maxEvents, maxBytes: batching.maxBytes });
    const isGone = this.#inFlight !== items; // leaveNow() took them
    this.#inFlight = [];
    this.#inFlightBytes = 0;
    if (isGone) return [];
    const later: Item[] = [];
    const refusals: SentrialError[] = [];
    for (const item of items) {
      const error = outcomes.get(item);
      if (error?.retryable) {
        later.push(item);
        continue;
      }
      if (error && !item.quiet) refusals.push(error);
      else if (!item.quiet) this.#counts.delivered += 1;
      settle(item, error);
    }
    this.#refused(refusals);
    const error = outcomes.away;
    if (error) {
      const failures = (this.#away?.failures ?? 0) + 1;
      if (failures === 1 && error.code !== 'ABORTED') this.#tell(error);
      this.#away = { failures, until: clock.now() + Math.max(backoff(failures + 1), waitFor(error, failures)), error };
    } else {
      this.#away = undefined;
      this.#tellServer();
    }
    return later;
  }

  /** A wrong key refuses every item: a few are told one by one, the others together. */
  #refused(errors: readonly SentrialError[]): void {
    this.#counts.dropped += errors.length;
    for (const error of errors.slice(0, MOST_TOLD)) this.#tell(error);
    const rest = errors.slice(MOST_TOLD);
    if (rest.length > 0) this.#tell(new SentrialError('DROPPED', `${rest.length} more were refused, the last because: ${rest.at(-1)!.message}`));
  }

  /** Sends what the spool holds, oldest first. Whether the server was there. */
  async #replay(): Promise<boolean> {
    const { spool } = this.#options;
    if (!spool) return true;
    this.#mayHaveSpooled = false;
    try {
      for await (const batch of spool.replay()) {
        const items = batch.lines.map(itemFrom);
        const torn = items.filter((item) => item === undefined).length;
        const whole = items.filter((item) => item !== undefined);
        if (whole.length > 0 && (await this.#attempt(whole)).length > 0) {
          this.#mayHaveSpooled = true;
          return false;
        }
        if (torn > 0) {
          this.#counts.dropped += torn;
          this.#tell(new SentrialError('SPOOL', `${torn} torn lines of the spool were left out`));
        }
        await batch.done();
        this.#spoolFull = false;
      }
    } catch (error) {
      this.#tell(spoolError(error));
    }
    return true;
  }

  /** A server that is there, and slower than what is tracked: what waits longest goes to the spool, and not the newest lost. */
  #relieve(): Promise<void> {
    this.#relief = (async () => {
      while (this.#isCrowded) {
        const items = this.#take();
        this.#relieving = items;
        const taken = await this.#append(items);
        if (this.#relieving !== items) return; // leaveNow() took them
        this.#putBack(items.slice(taken));
      }
    })().finally(() => (this.#relieving = undefined));
    return this.#relief;
  }

  /** While the server is away: moves what waits to the spool, so that it outlives the process. */
  async #spill(): Promise<void> {
    while (this.#queue.length > 0 && this.#options.spool && !this.#spoolFull) await this.#keep(this.#take());
    if (this.#away) for (const item of this.#queue) settle(item, this.#away.error);
  }

  /** Spools; what finds no room there goes back to the front. */
  async #keep(items: readonly Item[]): Promise<void> {
    const { spool } = this.#options;
    const error = this.#away?.error ?? new SentrialError('ABORTED', 'The client was closed before the server took it', { retryable: true });
    let taken = 0;
    if (spool) {
      this.#inFlight = items;
      this.#inFlightBytes = sum(items);
      taken = await this.#append(items);
      const isGone = this.#inFlight !== items;
      this.#inFlight = [];
      this.#inFlightBytes = 0;
      if (isGone) return;
    }
    for (const item of items) settle(item, error);
    this.#putBack(items.slice(taken));
  }

  /** How many the spool took. */
  async #append(items: readonly Item[]): Promise<number> {
    try {
      const taken = await this.#options.spool!.append(items.map((item) => this.#line(item)));
      this.#counts.spooled += taken;
      this.#mayHaveSpooled ||= taken > 0;
      this.#spoolFull = taken < items.length;
      return taken;
    } catch (error) {
      this.#tell(spoolError(error));
      this.#spoolFull = true;
      return 0;
    }
  }

  #putBack(items: readonly Item[]): void {
    this.#queue = items.concat(this.#queue);
    this.#queuedBytes += sum(items);
  }

  #line(item: Item): string {
    this.#prepare(item);
    return lineOf(item);
  }

  #prepare(item: Item): void {
    if (item.ready) return;
    item.ready = true;
    if (this.#options.redact) item.text = this.#options.redact(item);
  }

  // ——— who hears of what

  #drop(items: readonly Item[], why: string): void {
    if (items.length === 0) return;
    this.#counts.dropped += items.length;
    this.#news.set(why, (this.#news.get(why) ?? 0) + items.length);
    this.#cancelNews ??= this.#options.clock.setTimer(() => this.#tellNews(), NEWS_MS);
    for (const item of items) {
      settle(item, new SentrialError('DROPPED', `Not recorded: ${why}`));
      const known = this.#dropsBySession.get(item.sessionId);
      if (item.quiet || item.kind === 'create' || (known === undefined && this.#dropsBySession.size >= MOST_SESSIONS)) continue;
      this.#dropsBySession.set(item.sessionId, (known ?? 0) + 1);
      this.#untold.add(item.sessionId);
    }
  }

  #tellNews(): void {
    this.#cancelNews?.();
    this.#cancelNews = undefined;
    for (const [why, count] of this.#news) this.#tell(new SentrialError('DROPPED', `${count} ${count === 1 ? 'item was' : 'items were'} not recorded: ${why}`));
    this.#news.clear();
  }

  /** So that a reader of the session sees that it is not whole. */
  #tellServer(): void {
    if (this.#untold.size === 0 || this.#closed) return;
    for (const sessionId of this.#untold) {
      const input = { id: sessionId, metadata: { sentrial_dropped: this.#dropsBySession.get(sessionId) } };
      const item: Item = { ...itemOf('update', sessionId, toJson(input)), ready: true, quiet: true };
      this.#queue.push(item);
      this.#queuedBytes += item.bytes;
    }
    this.#untold.clear();
  }

  #tell(error: Error): void {
    try {
      this.#options.onError(error);
    } catch {
      // What listens to errors must not make more of them.
    }
  }
}

function settle(item: Item, error?: Error): void {
  item.settle?.(error);
  item.settle = undefined;
}

const sum = (items: readonly Item[]) => items.reduce((bytes, item) => bytes + item.bytes, 0);

const spoolError = (thrown: unknown) => new SentrialError('SPOOL', `The spool failed: ${asError(thrown).message}`, { cause: thrown });
