import type { Pool } from 'pg';
import { AppError, databaseUnavailable, overloaded } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import { classify } from './database-error.ts';
import { flush } from './flush.ts';
import type { Change, Encoded, Written } from './flush.ts';
import type { JsonRow } from './records.ts';

export type { Change } from './flush.ts';

export type Outcome = Written | { outcome: 'failed'; error: AppError };

/** What was committed for one project: the positions `from` to `to`, and the events among them where all are at hand. */
export type Committed = { projectId: string; from: number; to: number; rows?: JsonRow[]; bytes?: number };

export type Writer = {
  /**
   * Resolves after the transaction that holds the changes has committed, with one outcome for each, in order.
   * Throws OVERLOADED at once, and takes none, when more is waiting than the queue may hold.
   */
  write(changes: readonly Change[]): Promise<Outcome[]>;
  /** Rows and bytes that wait. */
  waiting(): { rows: number; bytes: number };
  /** Writes what was accepted, and takes no more. */
  close(): Promise<void>;
};

type Item = Encoded & {
  /** After this moment (ms) the caller is told that the database is away. */
  deadline: number;
  settle: (outcome: Outcome) => void;
};

/** One flush holds at most this much, so that one transaction stays short; a larger single change goes alone. */
const FLUSH_ROWS = 1_000;
const FLUSH_BYTES = 8 * 1024 * 1024;
/** How long a change waits for a database that does not answer. */
const PATIENCE_MS = 5_000;
const FIRST_PAUSE_MS = 25;
const LONGEST_PAUSE_MS = 500;

/**
 * Group commit. While a flush is on its way, what arrives waits; the next flush takes all of it. An idle
 * writer flushes at once: there is no timer, batches form by themselves when it is busy.
 */
export function createWriter(options: {
  pool: Pool;
  maxQueueBytes: number;
  log: Logger;
  metrics: Metrics;
  onCommit: (committed: Committed) => void;
}): Writer {
  const { pool, maxQueueBytes, log, metrics, onCommit } = options;
  let queue: Item[] = [];
  let queuedBytes = 0;
  let running: Promise<void> | undefined;
  let closing = false;

  function takeFlush(): Item[] {
    let bytes = 0;
    let rows = 0;
    while (rows < queue.length && rows < FLUSH_ROWS && (rows === 0 || bytes + queue[rows]!.json.length <= FLUSH_BYTES)) {
      bytes += queue[rows]!.json.length;
      rows++;
    }
    const taken = rows === queue.length ? queue : queue.slice(0, rows);
    queue = rows === queue.length ? [] : queue.slice(rows);
    return taken;
  }

  async function drain() {
    while (queue.length > 0) {
      const taken = takeFlush();
      await settleFlush(taken);
      for (const item of taken) queuedBytes -= item.json.length;
    }
    running = undefined;
  }

  /** Writes the items, whatever it takes: retries while the database is away, splits around a change it refuses. */
  async function settleFlush(items: Item[]): Promise<void> {
    let pause = FIRST_PAUSE_MS;
    for (let attempt = 1; ; attempt++) {
      try {
        // After a failed attempt nobody knows whether it committed: look for every id before writing it again.
        return await append(items, attempt > 1);
      } catch (error) {
        const fault = classify(error);
        if (fault === 'refused') return items.length === 1 ? refuse(items[0]!, error) : await split(items);
        metrics.databaseUp.set(0);
        const now = Date.now();
        const [late, early] = [items.filter((item) => item.deadline <= now), items.filter((item) => item.deadline > now)];
        for (const item of late) item.settle({ outcome: 'failed', error: databaseUnavailable() });
        log.warn({ err: error, attempt, waiting: early.length, gaveUp: late.length }, 'the database did not take a flush');
        if (early.length === 0) return;
        items = early;
        metrics.flushRetries.inc();
        await new Promise((resolve) => setTimeout(resolve, pause));
        pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
      }
    }
  }

  async function split(items: Item[]) {
    const middle = items.length >> 1;
    await settleFlush(items.slice(0, middle));
    await settleFlush(items.slice(middle));
  }

  function refuse(item: Item, error: unknown) {
    log.error({ err: error, kind: item.kind }, 'the database refused a change');
    item.settle({ outcome: 'failed', error: new AppError('INTERNAL_SERVER_ERROR', 'This item could not be stored', { cause: error }) });
  }

  async function append(items: Item[], recheck: boolean) {
    const endTimer = metrics.flushSeconds.startTimer();
    const { written, transactions } = await flush(pool, items, recheck);
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
    for (const item of items) {
      const result = written.get(item)!;
      // Perhaps the work of the attempt before, whose answer was lost: then nobody has announced it yet.
      if (recheck && result.outcome === 'duplicate') onCommit({ projectId: item.projectId, from: result.position!, to: result.position! });
      metrics.outcomes.inc({ kind: item.kind, outcome: result.outcome });
      item.settle(result);
    }
  }

  function include(committed: Map<string, Required<Committed>>, item: Item, position: number) {
    let range = committed.get(item.projectId);
    if (!range) committed.set(item.projectId, (range = { projectId: item.projectId, from: position, to: position, rows: [], bytes: 0 }));
    range.from = Math.min(range.from, position);
    range.to = Math.max(range.to, position);
    if (item.kind === 'event') {
      range.rows.push({ ...item.row, position });
      range.bytes += item.json.length;
    }
  }

  return {
    async write(changes) {
      if (closing) throw overloaded('The server is stopping');
      const jsons = changes.map(encode);
      const bytes = jsons.reduce((sum, json) => sum + json.length, 0);
      // An empty queue takes anything: a single large batch must not be refused for ever.
      if (queuedBytes > 0 && queuedBytes + bytes > maxQueueBytes) throw overloaded('The write queue is full');
      queuedBytes += bytes;
      const deadline = Date.now() + PATIENCE_MS;
      const outcomes = changes.map(
        (change, i) => new Promise<Outcome>((settle) => queue.push({ ...change, json: jsons[i]!, deadline, settle })),
      );
      running ??= drain();
      return Promise.all(outcomes);
    },
    waiting: () => ({ rows: queue.length, bytes: queuedBytes }),
    async close() {
      closing = true;
      await running;
    },
  };
}

/** The row as append_to_log takes it. An event also gets its own size, which bounds what a read of events holds in memory. */
function encode(change: Change): string {
  const json = JSON.stringify(change.row);
  return change.kind === 'event' ? `${json.slice(0, -1)},"bytes":${Buffer.byteLength(json)}}` : json;
}
