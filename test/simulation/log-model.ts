import { DatabaseError } from 'pg';
import { printedBytes } from '../../src/store/clean.ts';
import { EVENT_COLUMNS, SESSION_COLUMNS } from '../../src/store/records.ts';
import type { Columns, JsonRow } from '../../src/store/records.ts';

/**
 * What append_to_log (prisma/migrations/0004_bounds) and the hub's reads do, once the locks are held: without SQL, and
 * a thousand times faster. model.test.ts holds that they answer alike.
 */
export class LogModel {
  readonly projects = new Map<string, ProjectLog>();

  addProject(id: string): void {
    this.projects.set(id, { head: 0, events: [], eventsById: new Map(), sessions: new Map(), updates: new Map(), versions: new Map() });
  }

  /** One call that has its locks. Writes all of it or, where it throws, nothing. */
  append(call: AppendCall): ResultRow[] {
    const results: ResultRow[] = [];
    const created = new Map<string, JsonRow>();
    const heads = new Map<string, number>();
    const positionIn = (projectId: string) => {
      const position = (heads.get(projectId) ?? this.projects.get(projectId)!.head) + 1;
      heads.set(projectId, position);
      return position;
    };
    const findSession = (projectId: string, id: string) => created.get(keyOf(projectId, id)) ?? this.projects.get(projectId)?.sessions.get(id);

    call.sessions.forEach((sent, i) => {
      const { project_id: projectId, id } = sent;
      assertNumbers(sent);
      const was = findSession(projectId, id);
      if (was) results.push(['session', projectId, String(i + 1), same(was, sent) ? 'duplicate' : 'conflict', String(was['position']), shown(was)]);
      else if (!this.projects.has(projectId)) results.push(['session', projectId, String(i + 1), 'no_project', null, null]);
      else {
        const position = positionIn(projectId);
        created.set(keyOf(projectId, id), { ...sent, position, bytes: sessionBytes(sent) });
        results.push(['session', projectId, String(i + 1), 'stored', String(position), null]);
      }
    });

    if (call.events.length > 0) {
      const inTheWay: ResultRow[] = [];
      for (const { project_id: projectId, session_id: sessionId } of call.rollups) {
        if (!findSession(projectId, sessionId)) inTheWay.push(['no_session', projectId, sessionId, null, null, null]);
      }
      for (const { project_id: projectId, id } of call.named) {
        const there = this.projects.get(projectId)?.eventsById.get(id);
        if (there) inTheWay.push(['taken', projectId, id, null, String(there.position), { fingerprint: there.fingerprint ?? null, created_at: there.created_at }]);
      }
      if (inTheWay.length > 0) {
        this.#commit(created, heads, []);
        return [...results, ...inTheWay];
      }
    }

    const bases = new Map<string, number>();
    for (const { project_id: projectId, events } of call.projects) {
      const project = this.projects.get(projectId);
      if (!project || events === 0) continue;
      const base = heads.get(projectId) ?? project.head;
      bases.set(projectId, base);
      heads.set(projectId, base + events);
      results.push(['events', projectId, null, 'stored', String(base), null]);
    }
    const events = call.events.map((sent) => {
      assertNumbers(sent);
      return { ...sent, position: bases.get(sent.project_id)! + sent.position };
    });
    const ids = new Set<string>();
    for (const { project_id: projectId, id } of events) {
      if (this.projects.get(projectId)!.eventsById.has(id) || ids.has(keyOf(projectId, id))) throw databaseError('23505', 'duplicate key value violates unique constraint "event_project_id_id_key"');
      ids.add(keyOf(projectId, id));
    }

    // Every change of a session from here on, by position; an earlier one of the same statement is the base of a later one.
    const changed: SessionVersion[] = [];
    const current = new Map<string, JsonRow>();
    const sessionNow = (projectId: string, id: string) => current.get(keyOf(projectId, id)) ?? findSession(projectId, id);
    const change = (projectId: string, id: string, session: JsonRow, update?: SentUpdate) => {
      current.set(keyOf(projectId, id), session);
      changed.push({ projectId, id, session, update });
    };
    for (const rollup of call.rollups) {
      const { project_id: projectId, session_id: id } = rollup;
      change(projectId, id, withEvents(sessionNow(projectId, id)!, rollup, bases.get(projectId)! + rollup.position));
    }
    const applied = new Map<string, string>();
    call.updates.forEach((sent, i) => {
      const { project_id: projectId, session_id: id, key, fingerprint } = sent;
      const was = sessionNow(projectId, id);
      const answer = (outcome: string, position: number | null, found: JsonRow | null) => results.push(['update', projectId, String(i + 1), outcome, position === null ? null : String(position), found]);
      if (!was) return answer('no_session', null, null);
      const before = key && (applied.get(keyOf(projectId, key)) ?? this.projects.get(projectId)!.updates.get(key));
      if (before) return answer(before === fingerprint ? 'duplicate' : 'conflict', Number(was['position']), shown(was));
      const grown = updated(was, sent, call.limits);
      if ('tooLarge' in grown) return answer('too_large', Number(was['position']), grown.tooLarge);
      if (key) applied.set(keyOf(projectId, key), fingerprint!);
      const session = { ...grown.session, position: positionIn(projectId) };
      change(projectId, id, session, sent);
      answer('stored', session.position, shown(session));
    });

    this.#commit(created, heads, changed);
    for (const event of events) {
      const project = this.projects.get(event.project_id)!;
      project.events.push(event);
      project.eventsById.set(event.id, event);
    }
    for (const sent of call.updates) {
      const fingerprint = sent.key && applied.get(keyOf(sent.project_id, sent.key));
      if (fingerprint) this.projects.get(sent.project_id)!.updates.set(sent.key!, fingerprint);
    }
    return results;
  }

  #commit(created: ReadonlyMap<string, JsonRow>, heads: ReadonlyMap<string, number>, changed: readonly SessionVersion[]) {
    for (const session of created.values()) this.#version({ projectId: String(session['project_id']), id: String(session['id']), session, update: undefined });
    changed.forEach((version) => this.#version(version));
    for (const [projectId, head] of heads) this.projects.get(projectId)!.head = head;
  }

  #version(version: SessionVersion) {
    const project = this.projects.get(version.projectId)!;
    project.sessions.set(version.id, version.session);
    project.versions.set(Number(version.session['position']), version);
  }

  /** What a read answers: of the heads of logs, or a page (src/store/bounded.ts) of whole events or whole sessions. */
  read({ name, text, values }: Statement): unknown[] {
    if (name === 'log_heads') return this.#heads(values[0] as string[]);
    const [[projectId], limit] = values as [[string], number];
    const [row, total] = values.slice(-2) as [number, number];
    if (name === 'log_page' || name === 'log_page_of_session') {
      const [after, upTo, types, sessionId] = values.slice(2) as [number, number, string[] | null, string | null];
      return boundedPage(EVENT_COLUMNS, this.#events(projectId, { after, upTo, types, sessionId, most: limit + 1 }), limit, { row, total });
    }
    if (!text.includes('FROM session s')) throw new Error(`The simulated PostgreSQL does not know this statement: ${text}`);
    const [after, statuses] = values.slice(2, -2) as [number, string[] | undefined];
    return boundedPage(SESSION_COLUMNS, this.#sessions(projectId, { after, statuses, most: limit + 1 }), limit, { row, total });
  }

  #heads(projectIds: readonly string[]) {
    return projectIds.flatMap((id) => {
      const project = this.projects.get(id);
      return project ? [{ id, log_position: String(project.head) }] : [];
    });
  }

  #events(projectId: string, { after, upTo, types, sessionId, most }: { after: number; upTo: number; types: string[] | null; sessionId: string | null; most: number }): EventRow[] {
    const events = this.projects.get(projectId)?.events ?? [];
    const found: EventRow[] = [];
    for (let at = firstAfter(events, after); at < events.length && events[at]!.position <= upTo && found.length < most; at++) {
      const event = events[at]!;
      if ((!types || types.includes(event.event_type)) && (sessionId === null || event.session_id === sessionId)) found.push(event);
    }
    return found;
  }

  #sessions(projectId: string, { after, statuses, most }: { after: number; statuses: string[] | undefined; most: number }): JsonRow[] {
    const sessions = [...(this.projects.get(projectId)?.sessions.values() ?? [])];
    return sessions
      .filter((session) => Number(session['position']) > after && (!statuses || statuses.includes(String(session['status']))))
      .sort((a, b) => Number(a['position']) - Number(b['position']))
      .slice(0, most);
  }
}

export type EventRow = JsonRow & { project_id: string; position: number; id: string; session_id: string; event_type: string; created_at: string; bytes: number; fingerprint?: string };
/** A state that a session has had, and the update that made it, if one did. */
export type SessionVersion = { projectId: string; id: string; session: JsonRow; update: SentUpdate | undefined };

export type ProjectLog = {
  head: number;
  /** In the order of the log. */
  events: EventRow[];
  eventsById: Map<string, EventRow>;
  sessions: Map<string, JsonRow>;
  /** The fingerprint of each update that had a key. */
  updates: Map<string, string>;
  /** Every state that a session has had, by its position. */
  versions: Map<number, SessionVersion>;
};

type Rollup = { project_id: string; session_id: string; position: number; last_at: string } & { readonly [count in Count]: number };
type SentUpdate = { project_id: string; session_id: string; at: string; patch: JsonRow; key?: string; fingerprint?: string };
type SentSession = JsonRow & { project_id: string; id: string };
type Limits = { sessionBytes: number; metadataBytes: number };

/** The parameters of append_to_log, but for `p_wait`. */
export type AppendCall = {
  projects: readonly { project_id: string; events: number }[];
  sessions: readonly SentSession[];
  events: readonly EventRow[];
  rollups: readonly Rollup[];
  named: readonly { project_id: string; id: string }[];
  updates: readonly SentUpdate[];
  limits: Limits;
};

export type ResultRow = [kind: string, projectId: string, key: string | null, outcome: string | null, position: string | null, found: JsonRow | null];

export type Statement = { name?: string; text: string; values: unknown[] };

/** The parameters as src/store/flush.ts sends them. */
export function readAppendCall(values: readonly unknown[]): AppendCall {
  const [projects, sessions, events, rollups, named, updates, , sessionBytes, metadataBytes] = values;
  const rows = <T>(json: unknown) => (json === null ? [] : (JSON.parse(json as string) as T[]));
  return {
    projects: rows(projects),
    sessions: rows(sessions),
    events: rows(events),
    rollups: rows(rollups),
    named: rows(named),
    updates: rows(updates),
    limits: { sessionBytes: Number(sessionBytes), metadataBytes: Number(metadataBytes) },
  };
}

export const keyOf = (projectId: string, id: string) => `${projectId}\n${id}`;

/** Where the events after a position begin. */
export function firstAfter(events: readonly EventRow[], position: number): number {
  let low = 0;
  let high = events.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (events[middle]!.position > position) high = middle;
    else low = middle + 1;
  }
  return low;
}

export function databaseError(code: string, message: string): DatabaseError {
  const error = new DatabaseError(message, message.length, 'error');
  error.code = code;
  return error;
}

/** A number that is none is what PostgreSQL refuses here; what the domain lets through, it never is. */
function assertNumbers(row: JsonRow) {
  if (row['duration_ms'] != null && typeof row['duration_ms'] !== 'number') throw databaseError('22P02', 'invalid input syntax for type double precision');
}

const same = (one: JsonRow, other: JsonRow) => (one['fingerprint'] ?? null) === (other['fingerprint'] ?? null);
const LARGEST_SHOWN = 16_384;
const shown = (session: JsonRow) => (Number(session['bytes']) <= LARGEST_SHOWN ? session : null);

const TEXTS = ['id', 'name', 'agent_name', 'user_id', 'convo_id', 'parent_session_id', 'failure_reason', 'summary'];
const VALUES = ['user_input', 'assistant_output', 'metadata', 'custom_metrics'];
const bytesOf = (value: unknown) => (value == null ? 0 : printedBytes(value));
const sessionBytes = (session: JsonRow) =>
  TEXTS.reduce((sum, column) => sum + Buffer.byteLength((session[column] ?? '') as string), 0) + VALUES.reduce((sum, column) => sum + bytesOf(session[column]), 0);

/** Each count of a session, and what a rollup adds to it. */
const COUNTS = {
  events: 'event_count',
  tool_calls: 'tool_call_count',
  decisions: 'decision_count',
  llm_calls: 'llm_call_count',
  state_changes: 'state_change_count',
  errors: 'error_count',
  prompt_tokens: 'event_prompt_tokens',
  completion_tokens: 'event_completion_tokens',
  total_tokens: 'event_total_tokens',
  cost: 'event_cost',
} as const;
type Count = keyof typeof COUNTS;

const latest = (one: unknown, other: string) => (one != null && Date.parse(one as string) > Date.parse(other) ? one : other);

function withEvents(was: JsonRow, rollup: Rollup, position: number): JsonRow {
  const counted = Object.entries(COUNTS).map(([count, column]): [string, number] => [column, Number(was[column] ?? 0) + Number(rollup[count as Count])]);
  return { ...was, ...Object.fromEntries(counted), position, updated_at: latest(was['updated_at'], rollup.last_at), last_event_at: latest(was['last_event_at'], rollup.last_at) };
}

const HEAVY = ['user_input', 'assistant_output', 'metadata', 'custom_metrics', 'summary', 'failure_reason'];

function updated(was: JsonRow, { patch, at }: SentUpdate, { sessionBytes: largest, metadataBytes }: Limits): { session: JsonRow } | { tooLarge: JsonRow } {
  const wasTooLarge = Number(was['bytes']) > largest;
  if (wasTooLarge && HEAVY.some((column) => column in patch)) return { tooLarge: { what: 'session', bytes: was['bytes'], largest } };
  assertNumbers(patch);
  const session: Record<string, unknown> = { ...was, ...patch, replaced: was['replaced'] === true || patch['replaced'] === true };
  for (const column of ['metadata', 'custom_metrics']) {
    if (was[column] != null || column in patch) session[column] = { ...(was[column] as JsonRow | null), ...(patch[column] as JsonRow | null) };
  }
  session['updated_at'] = latest(was['updated_at'], at);
  if (session['status'] === 'active') session['completed_at'] = null;
  else {
    session['completed_at'] = was['completed_at'] ?? latest(was['created_at'], at);
    session['duration_ms'] ??= Date.parse(session['completed_at'] as string) - Date.parse(session['created_at'] as string);
  }
  if (wasTooLarge) return { session };
  const bytes = sessionBytes(session);
  const bounds = [['metadata', bytesOf(session['metadata']), metadataBytes], ['customMetrics', bytesOf(session['custom_metrics']), metadataBytes], ['session', bytes, largest]] as const;
  const beyond = bytes > metadataBytes ? bounds.find(([, size, bound]) => size > bound) : undefined;
  if (beyond) return { tooLarge: { what: beyond[0], bytes: beyond[1], largest: beyond[2] } };
  return { session: { ...session, bytes } };
}

/** What a row weighs beside its payloads, and up to which length text is not left out, in bytes. */
const ROW = 200;
const SHORT = 2_048;

/** At most `limit` of the rows, and those that there is room for; the first always, without its payloads where it is too heavy. */
function boundedPage<Model>(columns: Columns<Model>, rows: readonly JsonRow[], limit: number, room: { row: number; total: number }): unknown[] {
  const weightOf = (row: JsonRow) => Number(row['bytes']);
  const listed = rows.slice(0, limit);
  const wanted = listed.reduce((sum, row) => sum + ROW + weightOf(row), 0);
  let upTo = 0;
  return listed.flatMap((row, i) => {
    const size = ROW + (weightOf(row) <= room.row ? weightOf(row) : 0);
    upTo += size;
    if (upTo > room.total && i > 0) return [];
    const fits = weightOf(row) <= room.row && (upTo <= room.total || upTo === size);
    const left: string[] = [];
    const shown: Record<string, unknown> = {};
    for (const [field, [column, kind]] of Object.entries<readonly [string, string]>(columns)) {
      const value = row[column] ?? null;
      const isLong = value !== null && (kind === 'json' || (kind === 'text' && Buffer.byteLength(value as string) > SHORT));
      shown[field] = isLong && !fits ? null : value;
      if (isLong && !fits) left.push(field);
    }
    return [{ ...shown, found: rows.length, wanted, taken: fits ? size : ROW, withheld: fits ? null : left }];
  });
}
