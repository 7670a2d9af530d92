import type { Pool } from 'pg';
import type { Breaches } from './breaches.ts';
import { digestOf, digestOfPoison } from './content.ts';
import type { Fields } from './content.ts';
import type { Model, Project, Write } from './model.ts';
import { stateOf } from './readers.ts';
import type { Delivery, Reader } from './readers.ts';

// What was promised against what is there: every write with the tables, every delivery with the log.

/** How much of the table is read at once, in bytes as the rows say of themselves. */
const PAGE_BYTES = 16 * 1024 * 1024;
const PAGE_ROWS = 2_000;

/** An event as the table has it. */
type Row = Delivery & { eventType: string; sessionId: string; marker: string; poison: string };

export async function compare(pool: Pool, { model, readers, projects, ends }: { model: Model; readers: readonly Reader[]; projects: readonly Project[]; ends: ReadonlyMap<string, number> }): Promise<{ events: number; sessions: number }> {
  const found = { events: 0, sessions: 0 };
  const { breaches } = model;
  for (const project of projects) {
    const writes = [...model.writes.values()].filter((write) => write.project === project);
    const log = await readLog(pool, project, (marker) => model.writes.get(marker)?.poisonous ?? false, breaches);
    const sessions = await readSessions(pool, project);
    found.events += log.length;
    found.sessions += sessions.length;

    compareEvents(writes.filter(({ kind }) => kind === 'event'), log, breaches);
    compareSessions(writes.filter(({ kind }) => kind === 'session'), sessions, breaches);
    compareUpdates(writes.filter(({ kind }) => kind !== 'event'), sessions, breaches);
    compareOrder(writes, log, breaches);
    await comparePositions(pool, project, { writes, events: log.length, sessions: sessions.length }, breaches);
    await compareRollups(pool, project, breaches);

    const end = ends.get(project.id) ?? 0;
    for (const reader of readers.filter((each) => each.project === project)) {
      if (reader.stream.name === 'sessionUpdates') compareStates(reader, sessions.filter(({ position }) => position <= end), breaches);
      else compareDeliveries(reader, log.filter(({ position, eventType }) => position <= end && (reader.stream.type ?? eventType) === eventType), end, breaches);
    }
  }
  return found;
}

async function readLog(pool: Pool, { id }: Project, isPoisonous: (marker: string) => boolean, breaches: Breaches): Promise<Row[]> {
  const { rows: heads } = await pool.query<{ position: string; bytes: number; id: string }>('SELECT position, bytes, id FROM event WHERE project_id = $1 ORDER BY position', [id]);
  const log: Row[] = [];
  for (let from = 0; from < heads.length; ) {
    let [to, bytes] = [from, 0];
    while (to < heads.length && to - from < PAGE_ROWS && (to === from || bytes + heads[to]!.bytes <= PAGE_BYTES)) bytes += heads[to++]!.bytes;
    try {
      const { rows } = await pool.query<Fields>('SELECT * FROM event WHERE project_id = $1 AND position BETWEEN $2 AND $3 ORDER BY position', [id, heads[from]!.position, heads[to - 1]!.position]);
      log.push(...rows.map((row) => rowOf(row, isPoisonous)));
    } catch (error) {
      breaches.add('stale read', `no read of the events from ${heads[from]!.id} to ${heads[to - 1]!.id} succeeds: ${String(error)}`);
    }
    from = to;
  }
  return log;
}

function rowOf(row: Fields, isPoisonous: (marker: string) => boolean): Row {
  const event = Object.fromEntries(Object.entries(row).map(([column, value]) => [column.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()), value]));
  const marker = String((event['metadata'] as Fields | null)?.['marker']);
  return {
    position: Number(event['position']),
    id: String(event['id']),
    eventType: String(event['eventType']),
    sessionId: String(event['sessionId']),
    marker,
    said: digestOf(event),
    poison: isPoisonous(marker) ? digestOfPoison(event) : '',
  };
}

/** The promises about one thing that was written: there, once, where it was acknowledged; not there where it was refused. */
function compareCount(write: Write, count: number, where: string, breaches: Breaches): void {
  const what = `${write.kind} ${write.id ?? 'without an id'} (${write.marker})`;
  if (write.state === 'acknowledged' && count === 0) breaches.add('lost', `${what} ${where}`);
  if (write.state === 'refused' && count > 0) breaches.add('stored though refused', `${what} ${where}`);
  if (count > 1) breaches.add('duplicated', `${what} is there ${count} times ${where}`);
}

function compareEvents(writes: readonly Write[], log: readonly Row[], breaches: Breaches): void {
  const rows = groupBy(log, ({ marker }) => marker);
  for (const write of writes) {
    const own = rows.get(write.marker) ?? [];
    rows.delete(write.marker);
    compareCount(write, own.length, `in the log, ${own.map(({ id, position }) => `${id} at ${position}`).join(', ')}`, breaches);
    for (const row of own) {
      const said = write.poisonous ? row.poison : row.said;
      if (write.digest !== '' && said !== write.digest) breaches.add('wrong content', `event ${row.id} (${write.marker}) at ${row.position}`);
      if (row.sessionId !== write.sessionId) breaches.add('wrong content', `event ${row.id} (${write.marker}) is in session ${row.sessionId}, not ${write.sessionId}`);
      if (write.state === 'acknowledged' && row.id !== write.id) breaches.add('wrong answer', `event ${write.marker} was answered as ${write.id} and is ${row.id}`);
      if (write.position !== undefined && row.position !== write.position) breaches.add('wrong answer', `event ${row.id} was answered at ${write.position} and is at ${row.position}`);
    }
  }
  for (const [marker, [row]] of rows) breaches.add('wrong content', `nobody sent ${row!.id} at ${row!.position} (${marker})`);
}

type Session = { id: string; position: number; name: string; status: string; eventCount: number; metadata: Fields; duration: number | null };

async function readSessions(pool: Pool, { id }: Project): Promise<Session[]> {
  const { rows } = await pool.query<Session>(
    'SELECT id, position::int, name, status, event_count AS "eventCount", metadata, duration_ms AS duration FROM session WHERE project_id = $1 ORDER BY position',
    [id],
  );
  return rows;
}

function compareSessions(writes: readonly Write[], sessions: readonly Session[], breaches: Breaches): void {
  const rows = groupBy(sessions, ({ metadata }) => String(metadata['marker']));
  for (const write of writes) compareCount(write, rows.get(write.marker)?.length ?? 0, 'among the sessions', breaches);
  for (const { id, duration } of sessions) if (duration !== null && duration < 0) breaches.add('wrong content', `session ${id} took ${duration} ms`);
}

/** Each update left its mark in metadata; and what the last one in the log set is what the session says. */
function compareUpdates(writes: readonly Write[], sessions: readonly Session[], breaches: Breaches): void {
  const ofSession = groupBy(writes, ({ kind, id, sessionId }) => (kind === 'session' ? id : sessionId) ?? '');
  for (const session of sessions) {
    const changes = ofSession.get(session.id) ?? [];
    for (const write of changes.filter(({ kind }) => kind === 'update')) {
      compareCount(write, write.marker in session.metadata ? 1 : 0, `of session ${session.id}`, breaches);
    }
    for (const field of ['name', 'status'] as const) {
      const setting = changes.filter(({ assigned, state }) => assigned[field] !== undefined && state !== 'refused');
      const newest = Math.max(...setting.map(({ position }) => position ?? 0));
      const possible = setting.filter(({ position }) => position === undefined || position === newest);
      if (possible.length > 0 && !possible.some(({ assigned }) => assigned[field] === session[field])) {
        breaches.add('wrong content', `session ${session.id} has ${field} ${session[field]}, and not ${possible.map(({ assigned }) => assigned[field]).join(' or ')}`);
      }
    }
  }
}

/** What was sent after something else had been acknowledged stands after it in the log. */
function compareOrder(writes: readonly Write[], log: readonly Row[], breaches: Breaches): void {
  const places = new Map(log.map(({ marker, position }) => [marker, position]));
  const placed = writes.flatMap((write) => {
    const position = write.kind === 'event' ? places.get(write.marker) : write.position;
    return position === undefined || write.state !== 'acknowledged' ? [] : [{ write, position }];
  });
  const byAnswer = placed.toSorted((a, b) => a.write.acknowledgedAt - b.write.acknowledgedAt);
  let answered = 0;
  let highest: (typeof placed)[number] | undefined;
  for (const each of placed.toSorted((a, b) => a.write.firstSentAt - b.write.firstSentAt)) {
    for (let next = byAnswer[answered]; next && next.write.acknowledgedAt < each.write.firstSentAt; next = byAnswer[++answered]) {
      if (!highest || next.position > highest.position) highest = next;
    }
    if (highest && each.position < highest.position) {
      breaches.add('out of order', `${each.write.marker} at ${each.position} was sent after ${highest.write.marker} at ${highest.position} had been acknowledged`);
    }
  }
}

/** Each position was taken by one change: an event, a session, or an update, which may have been applied again after no answer. */
async function comparePositions(pool: Pool, { id }: Project, { writes, events, sessions }: { writes: readonly Write[]; events: number; sessions: number }, breaches: Breaches): Promise<void> {
  const { rows } = await pool.query<{ log_position: string }>('SELECT log_position FROM project WHERE id = $1', [id]);
  const taken = Number(rows[0]?.log_position);
  const updates = writes.filter(({ kind, state }) => kind === 'update' && state === 'acknowledged').length;
  if (taken < events + sessions + updates) breaches.add('lost', `the log is at ${taken}, with ${events} events, ${sessions} sessions and ${updates} acknowledged updates`);
}

const ROLLUPS = `
  WITH counted AS (
    SELECT session_id, count(*) AS events, max(position) AS position, max(created_at) AS last_at,
      count(*) FILTER (WHERE event_type = 'tool_call') AS tool_calls, count(*) FILTER (WHERE event_type = 'llm_decision') AS decisions,
      count(*) FILTER (WHERE event_type = 'llm_call') AS llm_calls, count(*) FILTER (WHERE event_type = 'state_change') AS state_changes,
      count(*) FILTER (WHERE event_type = 'error' OR status = 'error' OR tool_error IS NOT NULL) AS errors,
      sum(prompt_tokens) AS prompt_tokens, sum(completion_tokens) AS completion_tokens,
      sum(coalesce(total_tokens, coalesce(prompt_tokens, 0) + coalesce(completion_tokens, 0))) AS total_tokens, sum(estimated_cost) AS cost
    FROM event WHERE project_id = $1 GROUP BY session_id
  ), compared AS (
    SELECT s.id,
      to_json(ARRAY[s.event_count, s.tool_call_count, s.decision_count, s.llm_call_count, s.state_change_count, s.error_count, s.event_prompt_tokens, s.event_completion_tokens, s.event_total_tokens, trim_scale(s.event_cost)])::text AS kept,
      to_json(ARRAY[coalesce(c.events, 0), coalesce(c.tool_calls, 0), coalesce(c.decisions, 0), coalesce(c.llm_calls, 0), coalesce(c.state_changes, 0), coalesce(c.errors, 0), coalesce(c.prompt_tokens, 0), coalesce(c.completion_tokens, 0), coalesce(c.total_tokens, 0), trim_scale(coalesce(c.cost, 0))])::text AS counted,
      s.last_event_at IS NOT DISTINCT FROM c.last_at AND s.position >= coalesce(c.position, 0) AS placed
    FROM session s LEFT JOIN counted c ON c.session_id = s.id WHERE s.project_id = $1
  )
  SELECT id, kept, counted, placed FROM compared WHERE kept <> counted OR NOT placed`;

async function compareRollups(pool: Pool, { id }: Project, breaches: Breaches): Promise<void> {
  const { rows } = await pool.query<{ id: string; kept: string; counted: string; placed: boolean }>(ROLLUPS, [id]);
  for (const row of rows) breaches.add('wrong rollup', `session ${row.id} has ${row.kept}, its events ${row.counted}${row.placed ? '' : '; its position or last event is not theirs'}`);
}

function compareDeliveries(reader: Reader, log: readonly Row[], end: number, breaches: Breaches): void {
  const delivered = new Map(reader.delivered.filter(({ position }) => position <= end).map((delivery) => [delivery.position, delivery]));
  for (const row of log) {
    const delivery = delivered.get(row.position);
    delivered.delete(row.position);
    if (!delivery) breaches.add('gap', `${reader.name} was not given ${row.id} at ${row.position} (${row.marker})`);
    else if (delivery.id !== row.id || (delivery.said !== '' && delivery.said !== row.said)) breaches.add('wrong content', `${reader.name} was given ${delivery.id} at ${row.position} (${row.marker}), which is ${row.id} and says something else`);
  }
  for (const { id, position } of delivered.values()) breaches.add('wrong content', `${reader.name} was given ${id} at ${position}, which is not in the log`);
}

/** The stream is compacted: what counts is the last that it said of each session. */
function compareStates(reader: Reader, sessions: readonly Session[], breaches: Breaches): void {
  const newest = new Map(reader.delivered.map((delivery) => [delivery.id, delivery]));
  for (const session of sessions) {
    const delivery = newest.get(session.id);
    if (!delivery) breaches.add('gap', `${reader.name} was not given session ${session.id} at ${session.position}`);
    else if (delivery.position !== session.position || delivery.said !== stateOf(session)) {
      breaches.add('gap', `${reader.name} last heard of session ${session.id} at ${delivery.position} (${delivery.said}); it stands at ${session.position} (${stateOf(session)})`);
    }
  }
}

function groupBy<T>(list: readonly T[], keyOf: (each: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const each of list) {
    const key = keyOf(each);
    const group = groups.get(key);
    if (group) group.push(each);
    else groups.set(key, [each]);
  }
  return groups;
}
