import { Alarm } from './alarm.ts';
import { LONGEST_TIMER_MS } from './clock.ts';
import { deliver } from './delivery.ts';
import { Drops } from './drops.ts';
import { SentrialError, asError } from './errors.ts';
import type { ErrorCode } from './errors.ts';
import { itemFrom, lineOf, memoryOf, rewrite } from './item.ts';
import type { Item } from './item.ts';
import { Queue, countOf, memoryOfAll } from './queue.ts';
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
  /** Does not throw. */
  onError: (error: Error) => void;
};

/** Refusals of one batch that are told one by one. */
const MOST_TOLD = 10;
/** Refusals of an item for what it is: the session is there, and lacks it. */
const AT_FAULT: readonly ErrorCode[] = ['BAD_USER_INPUT', 'TOO_LARGE', 'CONFLICT', 'INTERNAL_SERVER_ERROR'];

/**
 * What waits to be delivered, in memory, bounded by bytes; and the one worker that delivers it, in order, a batch at a
 * time. While the server is away, the worker moves it to the spool, whose content is always older than what is in
 * memory; once the server is back, the spool goes first.
 */
export class Outbox {
  readonly #options: OutboxOptions;
  readonly #queue = new Queue();
  readonly #drops: Drops;
  #inFlight: readonly Item[] = [];
  #inFlightBytes = 0;
  /** On its way to the spool because memory is filling up, while the worker does something else. */
  #relieving: readonly Item[] | undefined;
  #relievingBytes = 0;
  #relief: Promise<void> = Promise.resolve();
  #running: Promise<void> | undefined;
  readonly #alarm: Alarm;
  /** When the server was not reached: how often in a row, and when to try again. */
  #away: { failures: number; until: number; error: SentrialError } | undefined;
  #attempts = 0;
  #mayHaveSpooled: boolean;
  /** The texts of items that the spool holds though the server has them, or refused them. */
  readonly #settledInSpool = new Set<string>();
  #spoolFull = false;
  #counts = { delivered: 0, spooled: 0, dropped: 0 };
  #closed = false;
  /** Ends the requests under way; renewed each time, since a process may go on after all. */
  #requests = new AbortController();

  constructor(options: OutboxOptions) {
    this.#options = options;
    this.#alarm = new Alarm(options.clock, () => void this.#run(false));
    this.#drops = new Drops(options.clock, options.onError);
    this.#mayHaveSpooled = options.spool !== undefined;
    if (options.spool) this.#schedule();
  }

  /** Takes an item to deliver; or drops it, where there is no room. */
  add(item: Item): void {
    if (this.#closed) return this.#drop([item], 'the client is closed');
    if (this.#queue.bytes + this.#inFlightBytes + this.#relievingBytes + memoryOf(item) > this.#options.batching.maxQueueBytes) {
      return this.#drop([item], 'what waits in memory is at its bound (batching.maxQueueBytes)');
    }
    this.#queue.push(item);
    this.#schedule();
    if (this.#isCrowded && !this.#relieving) {
      this.#relieving = [];
      this.#options.clock.setTimer(() => void this.#relieve(), 0);
    }
  }

  get #isCrowded(): boolean {
    return this.#queue.bytes > this.#options.batching.maxQueueBytes / 2 && this.#options.spool !== undefined && !this.#spoolFull && !this.#closed;
  }

  get pending(): number {
    return this.#queue.length + this.#inFlight.length + (this.#relieving?.length ?? 0);
  }

  /** Delivers, trying the server even when it was away. Returns by the deadline. */
  async flush(timeout: number, signal?: AbortSignal): Promise<FlushReport> {
    const deadline = new AbortController();
    const end = () => deadline.abort();
    // Unlike the timers of the clock, this one holds the process until the flush is over.
    const hold = setTimeout(end, Math.min(timeout, LONGEST_TIMER_MS));
    signal?.addEventListener('abort', end);
    if (signal?.aborted) end();
    try {
      await Promise.race([this.#settle(), new Promise((resolve) => (deadline.signal.aborted ? resolve(null) : deadline.signal.addEventListener('abort', resolve)))]);
    } finally {
      clearTimeout(hold);
      signal?.removeEventListener('abort', end);
    }
    this.#drops.tell();
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
    this.#alarm.off();
    await this.#spill();
    this.#drop(this.#queue.takeAll(), 'the client is closed, and there is no room to keep it');
    this.#drops.tell();
    await this.#options.spool?.close().catch((error: unknown) => this.#options.onError(asError(error)));
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
    if (this.pending === 0) return this.#drops.tell();
    const items = this.#prepared([...this.#inFlight, ...(this.#relieving ?? []), ...this.#queue.takeAll()]).filter(({ isSpooled }) => !isSpooled);
    this.#inFlight = [];
    if (this.#relieving) this.#relieving = [];
    this.#requests.abort();
    this.#requests = new AbortController();
    let taken = 0;
    try {
      taken = this.#options.spool?.appendSync?.(items.map(lineOf)) ?? 0;
    } catch (error) {
      this.#options.onError(spoolError(error));
    }
    this.#counts.spooled += countOf(items.slice(0, taken));
    this.#drop(items.slice(taken), 'the process ended before the server took it');
    this.#drops.tell();
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
    const isFull = this.#queue.length >= maxEvents || this.#queue.bytes >= maxBytes;
    // Never within the call that adds: that would be the caller's time.
    this.#alarm.set(isFull ? 0 : intervalMs);
  }

  #run(probe: boolean): Promise<void> {
    if (this.#running) return this.#running;
    this.#alarm.off();
    this.#running = this.#work(probe)
      .catch((error: unknown) => this.#options.onError(asError(error)))
      .finally(() => {
        this.#running = undefined;
        if (this.#closed) return;
        if (this.#away) this.#alarm.set(Math.max(1, this.#away.until - this.#options.clock.now()));
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
      if (!(await this.#emptySpool())) continue;
      if (this.#queue.length === 0) return;
      const batch = this.#take();
      const later = await this.#attempt(batch);
      await this.#relief;
      this.#forgetCopies(batch, later);
      if (later.length > 0) await this.#keep(later);
    }
  }

  /** The next batch, redacted. */
  #take(): Item[] {
    return this.#prepared(this.#queue.take(this.#options.batching));
  }

  /** The items, redacted. One that cannot be is dropped: as it is, it must go nowhere. */
  #prepared(items: readonly Item[]): Item[] {
    const { redact } = this.#options;
    return items.filter((item) => {
      if (item.ready) return true;
      try {
        if (redact) rewrite(item, redact(item));
        return (item.ready = true);
      } catch {
        this.#drop([item], 'its redaction failed');
        return false;
      }
    });
  }

  /** Delivers and settles what is certain; returns what was not, which the server has to be asked for again. */
  async #attempt(items: readonly Item[]): Promise<Item[]> {
    if (items.length === 0) return [];
    const { transport, batching, clock } = this.#options;
    this.#attempts += 1;
    this.#inFlight = items;
    this.#inFlightBytes = memoryOfAll(items);
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
      if (error && !item.quiet) {
        refusals.push(error);
        if (AT_FAULT.includes(error.code)) this.#drops.note(item);
      } else if (!item.quiet) this.#counts.delivered += 1;
      settle(item, error);
    }
    this.#refused(refusals);
    const error = outcomes.away;
    if (error) {
      const failures = (this.#away?.failures ?? 0) + 1;
      if (failures === 1 && error.code !== 'ABORTED') this.#options.onError(error);
      // There may be room on the disk by now.
      this.#spoolFull = false;
      this.#away = { failures, until: clock.now() + Math.max(backoff(failures + 1), waitFor(error, failures)), error };
    } else {
      this.#away = undefined;
      for (const note of this.#drops.takeNotes()) this.#queue.push(note);
    }
    return later;
  }

  /** A wrong key refuses every item: a few are told one by one, the others together. */
  #refused(errors: readonly SentrialError[]): void {
    this.#counts.dropped += errors.length;
    for (const error of errors.slice(0, MOST_TOLD)) this.#options.onError(error);
    const rest = errors.slice(MOST_TOLD);
    if (rest.length > 0) this.#options.onError(new SentrialError('DROPPED', `${rest.length} more were refused, the last because: ${rest.at(-1)!.message}`));
  }

  /** Sends what the spool holds, and what is put there meanwhile. Whether the server was there. */
  async #emptySpool(): Promise<boolean> {
    await this.#relief;
    while (this.#mayHaveSpooled) {
      if (!(await this.#replay())) return false;
      await this.#relief;
    }
    this.#settledInSpool.clear();
    return true;
  }

  /** Sends what the spool holds, oldest first. Whether the server was there. */
  async #replay(): Promise<boolean> {
    const { spool, onError } = this.#options;
    const { signal } = this.#requests;
    this.#mayHaveSpooled = false;
    if (!spool) return true;
    try {
      for await (const batch of spool.replay()) {
        const items = batch.lines.map(itemFrom);
        const torn = items.filter((item) => item === undefined).length;
        const whole = items.filter((item): item is Item => item !== undefined && !this.#settledInSpool.delete(item.text));
        const later = await this.#attempt(whole);
        if (later.length > 0 || signal.aborted) {
          this.#mayHaveSpooled = true;
          return false;
        }
        if (torn > 0) {
          this.#counts.dropped += torn;
          onError(new SentrialError('SPOOL', `${torn} torn lines of the spool were left out`));
        }
        await batch.done();
        this.#spoolFull = false;
      }
    } catch (error) {
      onError(spoolError(error));
    }
    return true;
  }

  /**
   * A server that is there, and slower than what is tracked: what waits longest goes to the spool, and not the newest
   * lost. What is in flight is older still: should it fail, its place is before what goes there now, so a copy goes first.
   */
  #relieve(): Promise<void> {
    this.#relief = (async () => {
      await this.#append(this.#inFlight.filter(({ isSpooled }) => !isSpooled));
      while (this.#isCrowded) {
        const items = this.#take();
        this.#relieving = items;
        this.#relievingBytes = memoryOfAll(items);
        const taken = await this.#append(items);
        this.#relievingBytes = 0;
        if (this.#relieving !== items) return; // leaveNow() took them
        this.#queue.putBack(items.slice(taken));
      }
    })().finally(() => (this.#relieving = undefined));
    return this.#relief;
  }

  /** Of a batch that went to the spool while it was in flight, what is settled need not be sent again. */
  #forgetCopies(batch: readonly Item[], later: readonly Item[]): void {
    const unsettled = new Set(later);
    for (const item of batch) if (item.isSpooled && !unsettled.has(item)) this.#settledInSpool.add(item.text);
  }

  /** While the server is away: moves what waits to the spool, so that it outlives the process. */
  async #spill(): Promise<void> {
    while (this.#queue.length > 0 && this.#options.spool && !this.#spoolFull) await this.#keep(this.#take());
    if (this.#away) for (const item of this.#queue) settle(item, this.#away.error);
  }

  /** Spools what the spool has not got; what finds no room there goes back to the front. */
  async #keep(items: readonly Item[]): Promise<void> {
    const { spool } = this.#options;
    const error = this.#away?.error ?? new SentrialError('ABORTED', 'The client was closed before the server took it', { retryable: true });
    const left = items.filter(({ isSpooled }) => !isSpooled);
    let taken = 0;
    if (spool) {
      this.#inFlight = left;
      this.#inFlightBytes = memoryOfAll(left);
      taken = await this.#append(left);
      const isGone = this.#inFlight !== left;
      this.#inFlight = [];
      this.#inFlightBytes = 0;
      if (isGone) return;
    }
    for (const item of items) settle(item, error);
    this.#queue.putBack(left.slice(taken));
  }

  /** How many the spool took. */
  async #append(items: readonly Item[]): Promise<number> {
    if (items.length === 0) return 0;
    try {
      const taken = await this.#options.spool!.append(items.map(lineOf));
      this.#counts.spooled += countOf(items.slice(0, taken));
      this.#mayHaveSpooled ||= taken > 0;
      this.#spoolFull = taken < items.length;
      for (const item of items.slice(0, taken)) item.isSpooled = true;
      return taken;
    } catch (error) {
      this.#options.onError(spoolError(error));
      this.#spoolFull = true;
      return 0;
    }
  }

  #drop(items: readonly Item[], why: string): void {
    this.#counts.dropped += countOf(items);
    this.#drops.add(items.filter(({ quiet }) => !quiet), why);
    for (const item of items) settle(item, new SentrialError('DROPPED', `Not recorded: ${why}`));
  }
}

function settle(item: Item, error?: Error): void {
  item.settle?.(error);
  item.settle = undefined;
}

const spoolError = (thrown: unknown) => new SentrialError('SPOOL', `The spool failed: ${asError(thrown).message}`, { cause: thrown });
