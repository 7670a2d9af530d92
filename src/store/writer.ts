import type { Pool } from 'pg';
import { AppError, databaseUnavailable, overloaded } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import type { Change } from './change.ts';
import { classify, isLockTimeout } from './database-error.ts';
import { flush } from './flush.ts';
import type { MergedLimits, Sent, Written } from './flush.ts';
import type { JsonRow } from './records.ts';

export type Outcome = Written | { outcome: 'failed'; error: AppError };

/** What was committed for one project: the positions `from` to `to`, and the events among them where all are at hand. */
export type Committed = { projectId: string; from: number; to: number; rows?: JsonRow[]; bytes?: number };

export type Writer = {
  /**
   * Resolves after the transaction that holds the changes has committed, with one outcome for each, in order; after
   * 5 seconds at the latest with `failed` for those that have not. Throws OVERLOADED at once, and takes none, when more
   * is waiting than the queue may hold.
   */
  write(changes: readonly Change[]): Promise<Outcome[]>;
  /** Rows and bytes that wait. */
  waiting(): { rows: number; bytes: number };
  /** Writes what was accepted, and takes no more. */
  close(): Promise<void>;
};

type Item = Sent & {
  /** When its caller is told that the database is away, on the clock of performance.now(). */
  deadline: number;
  settle: (outcome: Outcome) => void;
};

/** One flush holds at most this much, so that one transaction stays short; a larger single change goes alone. */
const FLUSH_ROWS = 1_000;
const FLUSH_BYTES = 8 * 1024 * 1024;
/** How long a change waits, whatever stands before it: the database may be away, or its project locked. */
const PATIENCE_MS = 5_000;
/** How long one flush of a project that is locked waits for it, before the next such project has its turn. */
const LOCK_WAIT_MS = 250;
const FIRST_PAUSE_MS = 25;
const LONGEST_PAUSE_MS = 500;

/**
 * Group commit. While a flush is on its way, what arrives waits; the next flush takes all of it. An idle
 * writer flushes at once: there is no timer, batches form by themselves when it is busy.
 *
 * A project that another transaction has locked (another server's flush, or whatever holds the row) leaves this queue:
 * its changes wait for the lock on a connection of their own, one project at a time, until all of them are written.
 */
export function createWriter(options: {
  /** Two connections, where the database has more than one session. */
  pool: Pool;
  maxQueueBytes: number;
  limits: MergedLimits;
  log: Logger;
  metrics: Metrics;
  onCommit: (committed: Committed) => void;
}): Writer {
  const { pool, maxQueueBytes, limits, log, metrics, onCommit } = options;
  const queue: Item[] = [];
  /** Changes of projects that were found locked. */
  const locked = new Map<string, Item[]>();
  /** Whose callers wait, in the order of their deadlines. */
  const unsettled = new Set<Item>();
  let held = { rows: 0, bytes: 0 };
  let flushing: Promise<void> | undefined;
  let flushingLocked: Promise<void> | undefined;
  let expiry: NodeJS.Timeout | undefined;
  let closing = false;

  function settle(item: Item, outcome: Outcome) {
    if (unsettled.delete(item)) item.settle(outcome);
  }

  function release(item: Item) {
    held = { rows: held.rows - 1, bytes: held.bytes - item.json.length };
  }

  function awaitDeadline() {
    const [oldest] = unsettled;
    if (oldest) expiry ??= setTimeout(expire, Math.max(1, oldest.deadline - performance.now()));
  }

  function expire() {
    expiry = undefined;
    const now = performance.now();
    for (const item of unsettled) {
      if (item.deadline > now) break;
      settle(item, { outcome: 'failed', error: databaseUnavailable() });
    }
    awaitDeadline();
  }

  /** The next flush of what waits; without what has waited too long, and without projects that are locked. */
  function takeFlush(waiting: Item[]): Item[] {
    const taken: Item[] = [];
    let bytes = 0;
    let seen = 0;
    for (; seen < waiting.length && taken.length < FLUSH_ROWS; seen++) {
      const item = waiting[seen]!;
      const elsewhere = waiting === queue ? locked.get(item.projectId) : undefined;
      if (!unsettled.has(item)) release(item);
      else if (elsewhere) elsewhere.push(item);
      else if (taken.length > 0 && bytes + item.json.length > FLUSH_BYTES) break;
      else {
        taken.push(item);
        bytes += item.json.length;
      }
    }
    waiting.splice(0, seen);
    return taken;
  }

  async function drain() {
    while (queue.length > 0) {
      for (const item of await writeAll(takeFlush(queue))) {
        const waiting = locked.get(item.projectId);
        if (waiting) waiting.push(item);
        else locked.set(item.projectId, [item]);
      }
      if (locked.size > 0) flushingLocked ??= drainLocked();
    }
    flushing = undefined;
  }

  /** In turns: a project whose lock is held for long does not hold up one that only has two servers. */
  async function drainLocked() {
    for (let next = locked.entries().next(); !next.done; next = locked.entries().next()) {
      const [projectId, waiting] = next.value;
      const left = await writeAll(takeFlush(waiting), LOCK_WAIT_MS);
      locked.delete(projectId);
      if (left.length + waiting.length > 0) locked.set(projectId, [...left, ...waiting]);
    }
    flushingLocked = undefined;
  }

  /**
   * Writes the items, whatever it takes: retries while the database is away, splits around a change it refuses. Returns
   * those whose project is locked.
   */
  async function writeAll(items: Item[], wait?: number): Promise<Item[]> {
    let pause = FIRST_PAUSE_MS;
    for (let attempt = 1; items.length > 0; attempt++) {
      try {
        return await append(items, wait);
      } catch (error) {
        for (const item of items) item.recheck = true;
        // Not the row of a project, which is not waited for here: a row of a session, say. Each project then waits for its own.
        if (isLockTimeout(error)) return items;
        const fault = classify(error);
        if (fault === 'refused' && items.length > 1) return [...(await writeAll(items.slice(0, items.length >> 1), wait)), ...(await writeAll(items.slice(items.length >> 1), wait))];
        if (fault === 'refused') return refuse(items[0]!, error);
        for (const item of items) item.perhapsStored = true;
        metrics.databaseUp.set(0);
        items.filter((item) => !unsettled.has(item)).forEach(release);
        items = items.filter((item) => unsettled.has(item));
        log.warn({ err: error, attempt, waiting: items.length }, 'the database did not take a flush');
        if (items.length === 0) break;
        metrics.flushRetries.inc();
        await new Promise((resolve) => setTimeout(resolve, pause));
        pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
      }
    }
    return [];
  }

  function refuse(item: Item, error: unknown): [] {
    log.error({ err: error, kind: item.kind }, 'the database refused a change');
    const told = item.perhapsStored ? databaseUnavailable() : new AppError('INTERNAL_SERVER_ERROR', 'This item could not be stored', { cause: error });
    settle(item, { outcome: 'failed', error: told });
    release(item);
    return [];
  }

  async function append(items: readonly Item[], wait: number | undefined): Promise<Item[]> {
    const endTimer = metrics.flushSeconds.startTimer();
    const { written, transactions } = await flush(pool, items, { limits, wait });
    endTimer();
    metrics.flushRows.observe(items.length);
    metrics.databaseUp.set(1);
    // Readers are woken before the callers are answered: who subscribes after an answer finds the feed at least there.
    for (const sent of transactions) {
      const committed = new Map<string, Required<Committed>>();
      for (const item of sent) {
        const result = written.get(item);
        if (result?.outcome === 'stored') include(committed, item, result.position!);
      }
      for (const range of committed.values()) onCommit(range);
    }
    const left: Item[] = [];
    for (const item of items) {
      const result = written.get(item);
      if (!result) {
        left.push(item);
        continue;
      }
      // Perhaps the work of the attempt before, whose answer was lost: then nobody has announced it yet.
      if (item.recheck && result.outcome === 'duplicate') onCommit({ projectId: item.projectId, from: result.position!, to: result.position! });
      metrics.outcomes.inc({ kind: item.kind, outcome: result.outcome });
      settle(item, result);
      release(item);
    }
    return left;
  }

  function include(committed: Map<string, Required<Committed>>, item: Item, position: number) {
    let range = committed.get(item.projectId);
    if (!range) committed.set(item.projectId, (range = { projectId: item.projectId, from: position, to: position, rows: [], bytes: 0 }));
    range.from = Math.min(range.from, position);
    range.to = Math.max(range.to, position);
    if (item.kind === 'event') {
      range.rows.push({ ...item.row, position });
      range.bytes += Number(item.row['bytes']);
    }
  }

  return {
    async write(changes) {
      if (closing) throw overloaded('The server is stopping');
      const bytes = changes.reduce((sum, { json }) => sum + json.length, 0);
      // An empty queue takes anything: a single large batch must not be refused for ever.
      if (held.bytes > 0 && held.bytes + bytes > maxQueueBytes) throw overloaded('The write queue is full');
      held = { rows: held.rows + changes.length, bytes: held.bytes + bytes };
      const deadline = performance.now() + PATIENCE_MS;
      const outcomes = changes.map(
        (change) =>
          new Promise<Outcome>((settle) => {
            const item = { ...change, deadline, settle };
            unsettled.add(item);
            queue.push(item);
          }),
      );
      awaitDeadline();
      flushing ??= drain();
      return Promise.all(outcomes);
    },
    waiting: () => held,
    async close() {
      closing = true;
      while (flushing ?? flushingLocked) await Promise.all([flushing, flushingLocked]);
      clearTimeout(expiry);
    },
  };
}
