import type { Pool } from 'pg';
import { Prisma } from '../generated/prisma/client.ts';
import type { Change } from './change.ts';
import type { JsonRow } from './records.ts';

/** A change on its way to the database. */
export type Sent = Change & {
  /** An earlier attempt failed, and nobody knows whether it committed: the event is looked for before it is written. */
  recheck?: boolean;
  /** It was in a transaction that committed, or got no answer: what fails later does not say that it is not stored. */
  perhapsStored?: boolean;
};

export type Written = {
  outcome: 'stored' | 'duplicate' | 'conflict' | 'no_session' | 'no_project' | 'too_large';
  /** Where the change stands in the project's log; null where nothing was found. */
  position: number | null;
  /** The row as the database has it, where the caller cannot know it and it is small; of too_large, what is too large. */
  found: JsonRow | null;
};

/** Bounds of what append_to_log merges, in bytes. */
export type MergedLimits = { sessionBytes: number; metadataBytes: number };

export type Flushed<Item> = {
  written: Map<Item, Written>;
  /** What was sent in each transaction: the positions of a project are contiguous within one, not from one to the next. */
  transactions: Item[][];
  /** Projects that another transaction has locked: nothing of theirs is written. */
  busy: Set<string>;
};

const APPEND = {
  name: 'append_to_log',
  text: 'SELECT kind, project_id, key, outcome, "position", found FROM append_to_log($1::json, $2::json, $3::json, $4::json, $5::json, $6::json, $7, $8, $9, $10)',
  rowMode: 'array' as const,
};
/** A session of more bytes is not given back: a thousand of them are the answer to one flush. Whoever wants it reads it. */
const LARGEST_FOUND = 16 * 1024;
type ResultRow = [kind: 'busy' | 'session' | 'no_session' | 'taken' | 'events' | 'update', projectId: string, key: string, outcome: Written['outcome'] | null, position: string | null, found: JsonRow | null];

/**
 * Writes changes by append_to_log (which see): sessions first, then events, then updates, each in the order given.
 * Returns what became of each. Rejects when the statement failed; whether it committed is then unknown.
 * `wait` is how long it waits for a project that is locked, in milliseconds; without it such a project is left out,
 * and is in `busy`.
 *
 * What an event cannot be written for (no such session, an id that is taken) is rare: the database is told to write
 * all or say what is in the way, and the rest is sent once more.
 */
export async function flush<Item extends Sent>(pool: Pool, items: readonly Item[], options: { limits: MergedLimits; wait?: number | undefined }): Promise<Flushed<Item>> {
  const { limits, wait } = options;
  const written = new Map<Item, Written>();
  const transactions: Item[][] = [];
  const busy = new Set<string>();
  let sessions = items.filter((item) => item.kind === 'session');
  let updates = items.filter((item) => item.kind === 'update');
  const { first, repeats } = withoutRepeats(items.filter((item) => item.kind === 'event'));
  let events = first;

  while (sessions.length + events.length + updates.length > 0) {
    const batch = batchOf(events);
    const named = events.filter((item) => item.recheck || item.row['fingerprint'] !== undefined);
    const { rows } = await pool.query<ResultRow>({
      ...APPEND,
      values: [
        JSON.stringify(projectsOf([...sessions, ...updates], batch)),
        array(sessions.map((item) => item.json)),
        array(batch.jsons),
        events.length > 0 ? JSON.stringify(batch.rollups) : null,
        named.length > 0 ? JSON.stringify(named.map((item) => ({ project_id: item.projectId, id: item.row['id'] }))) : null,
        array(updates.map((item) => item.json)),
        wait ?? null,
        limits.sessionBytes,
        limits.metadataBytes,
        LARGEST_FOUND,
      ],
    });
    const missing = new Set<string>();
    const taken = new Map<string, { position: number; found: JsonRow }>();
    const locked = new Set<string>();
    for (const [kind, projectId, key, outcome, place, found] of rows) {
      const position = place === null ? null : Number(place);
      switch (kind) {
        case 'busy':
          locked.add(projectId);
          break;
        case 'session':
          written.set(sessions[Number(key) - 1]!, { outcome: outcome!, position, found });
          break;
        case 'update':
          written.set(updates[Number(key) - 1]!, { outcome: outcome!, position, found });
          break;
        case 'events':
          for (const { item, step } of batch.steps.get(projectId)!) written.set(item, { outcome: 'stored', position: position! + step, found: null });
          break;
        case 'no_session':
          missing.add(keyOf(projectId, key));
          break;
        case 'taken':
          taken.set(keyOf(projectId, key), { position: position!, found: found! });
          break;
      }
    }
    if (locked.size > 0) {
      for (const projectId of locked) busy.add(projectId);
      const isFree = (item: Item) => !locked.has(item.projectId);
      [sessions, events, updates] = [sessions.filter(isFree), events.filter(isFree), updates.filter(isFree)];
      continue;
    }
    const blocked = missing.size + taken.size > 0;
    const committed = blocked ? sessions : [...sessions, ...events, ...updates];
    for (const item of committed) item.perhapsStored = true;
    transactions.push(committed);
    if (!blocked) break;
    sessions = [];
    events = events.filter((item) => {
      const there = taken.get(keyOf(item.projectId, item.row['id']));
      if (there) written.set(item, duplicateOf(item, there.found['fingerprint'], there.position, { created_at: there.found['created_at'] }));
      else if (missing.has(keyOf(item.projectId, item.row['session_id']))) written.set(item, { outcome: 'no_session', position: null, found: null });
      else return true;
      return false;
    });
  }

  const unsettled: Item[] = [];
  for (const [item, original] of repeats) {
    const earlier = written.get(original);
    if (!earlier) continue; // its project is busy
    const { outcome, position, found } = earlier;
    if (outcome === 'stored' || outcome === 'duplicate') written.set(item, duplicateOf(item, original.row['fingerprint'], position, found ?? { created_at: original.row['created_at'] }));
    else unsettled.push(item); // what was wrong with the earlier one need not be wrong with this
  }
  if (unsettled.length > 0) {
    const rest = await flush(pool, unsettled, options);
    for (const [item, result] of rest.written) written.set(item, result);
    for (const projectId of rest.busy) busy.add(projectId);
    transactions.push(...rest.transactions);
  }
  return { written, transactions, busy };
}

const keyOf = (projectId: string, id: unknown) => `${projectId}\n${String(id)}`;
const array = (jsons: readonly string[]) => (jsons.length === 0 ? null : `[${jsons.join(',')}]`);

function duplicateOf(item: Sent, fingerprint: unknown, position: number | null, found: JsonRow): Written {
  const same = (item.row['fingerprint'] ?? null) === (fingerprint ?? null);
  return { outcome: same ? 'duplicate' : 'conflict', position, found };
}

/** Events whose id came earlier in the same flush, each with that earlier one. */
function withoutRepeats<Item extends Sent>(events: readonly Item[]): { first: Item[]; repeats: Map<Item, Item> } {
  const seen = new Map<string, Item>();
  const repeats = new Map<Item, Item>();
  const first = events.filter((item) => {
    const key = keyOf(item.projectId, item.row['id']);
    const original = seen.get(key);
    if (original) repeats.set(item, original);
    else seen.set(key, item);
    return !original;
  });
  return { first, repeats };
}

type Batch<Item> = {
  /** Rows with their step: the position within the events of their project, from 1. */
  jsons: string[];
  steps: Map<string, { item: Item; step: number }[]>;
  rollups: JsonRow[];
};

function batchOf<Item extends Sent>(events: readonly Item[]): Batch<Item> {
  const steps = new Map<string, { item: Item; step: number }[]>();
  const sessions = new Map<string, { item: Item; step: number }[]>();
  const jsons = events.map((item) => {
    const inProject = steps.get(item.projectId) ?? [];
    steps.set(item.projectId, inProject);
    const placed = { item, step: inProject.length + 1 };
    inProject.push(placed);
    const sessionKey = keyOf(item.projectId, item.row['session_id']);
    const inSession = sessions.get(sessionKey);
    if (inSession) inSession.push(placed);
    else sessions.set(sessionKey, [placed]);
    return `${item.json.slice(0, -1)},"position":${placed.step}}`;
  });
  return { jsons, steps, rollups: Array.from(sessions.values(), rollupOf) };
}

function projectsOf<Item extends Sent>(others: readonly Item[], batch: Batch<Item>): JsonRow[] {
  const ids = new Set([...others.map((item) => item.projectId), ...batch.steps.keys()]);
  return Array.from(ids, (id) => ({ project_id: id, events: batch.steps.get(id)?.length ?? 0 }));
}

/** What the events of one session add to its counts. */
function rollupOf(placed: readonly { item: Sent; step: number }[]): JsonRow {
  const { item, step } = placed.at(-1)!;
  const sum = { tool_call: 0, llm_decision: 0, llm_call: 0, state_change: 0, error: 0 } as Record<string, number>;
  let errors = 0;
  let [promptTokens, completionTokens, totalTokens] = [0, 0, 0];
  let cost = new Prisma.Decimal(0); // money is added as decimals, never as floats
  let lastAt = '';
  for (const { row } of placed.map((each) => each.item)) {
    const type = String(row['event_type']);
    sum[type] = (sum[type] ?? 0) + 1;
    if (type === 'error' || row['status'] === 'error' || row['tool_error'] !== undefined) errors++;
    const prompt = Number(row['prompt_tokens'] ?? 0);
    const completion = Number(row['completion_tokens'] ?? 0);
    promptTokens += prompt;
    completionTokens += completion;
    totalTokens += Number(row['total_tokens'] ?? prompt + completion);
    if (row['estimated_cost']) cost = cost.plus(Number(row['estimated_cost']));
    const at = String(row['created_at']);
    if (at > lastAt) lastAt = at;
  }
  return {
    project_id: item.projectId,
    session_id: item.row['session_id'],
    position: step,
    last_at: lastAt,
    events: placed.length,
    tool_calls: sum['tool_call'],
    decisions: sum['llm_decision'],
    llm_calls: sum['llm_call'],
    state_changes: sum['state_change'],
    errors,
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: totalTokens,
    cost: cost.toFixed(),
  };
}
