import type { Pool } from 'pg';
import { AppError, databaseUnavailable, overloaded } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import { classify } from './database-error.ts';
import type { JsonRow } from './records.ts';

/** One thing to write: a new session, an event, or an update of a session (see append_to_log in the migration). */
export type Change = { kind: 'session' | 'event' | 'update'; projectId: string; row: JsonRow };

export type Outcome =
  | {
      outcome: 'stored' | 'duplicate' | 'conflict' | 'no_session' | 'no_project';
      /** Where the change stands in the project's log; null where nothing was found. */
      position: number | null;
      /** The row as the database has it, where the caller cannot know it. */
      found: JsonRow | null;
    }
  | { outcome: 'failed'; error: AppError };

/** What was committed for one project: the positions `from` to `to`, and the events among them. */
export type Committed = { projectId: string; from: number; to: number; rows: JsonRow[]; bytes: number };

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

type Item = Change & {
  json: string;
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

const APPEND = {
  name: 'append_to_log',
  text: 'SELECT kind, ord, outcome, "position", found FROM append_to_log($1::text[], $2::json, $3::json, $4::json, $5::boolean)',
  rowMode: 'array' as const,
};
type ResultRow = [kind: Change['kind'], ord: number, outcome: 'stored' | 'duplicate' | 'conflict' | 'no_session' | 'no_project', position: string | null, found: JsonRow | null];

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
      const flush = takeFlush();
      await settleFlush(flush);
      for (const item of flush) queuedBytes -= item.json.length;
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
    const byKind: Record<Change['kind'], Item[]> = { session: [], event: [], update: [] };
    const projects = new Set<string>();
    for (const item of items) {
      byKind[item.kind].push(item);
      projects.add(item.projectId);
    }
    const array = (list: Item[]) => (list.length === 0 ? null : `[${list.map((item) => item.json).join(',')}]`);
    const endTimer = metrics.flushSeconds.startTimer();
    const { rows } = await pool.query<ResultRow>({
      ...APPEND,
      values: [[...projects], array(byKind.session), array(byKind.event), array(byKind.update), recheck],
    });
    endTimer();
    metrics.flushRows.observe(items.length);
    metrics.databaseUp.set(1);
    const committed = new Map<string, Committed>();
    const settled: (() => void)[] = [];
    for (const [kind, ord, outcome, place, found] of rows) {
      const item = byKind[kind][ord - 1]!;
      const position = place === null ? null : Number(place);
      if (outcome === 'stored') include(committed, item, position!);
      metrics.outcomes.inc({ kind, outcome });
      settled.push(() => item.settle({ outcome, position, found }));
    }
    // Readers are woken before the callers are answered: who subscribes after an answer finds the feed at least there.
    for (const range of committed.values()) {
      range.rows.sort((a, b) => (a['position'] as number) - (b['position'] as number)); // the database answers in no order
      onCommit(range);
    }
    for (const settle of settled) settle();
  }

  function include(committed: Map<string, Committed>, item: Item, position: number) {
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
