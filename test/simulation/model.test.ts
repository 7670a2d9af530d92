import type { Pool } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Limits } from '../../src/config.ts';
import { createLogReader } from '../../src/event/access.ts';
import type { Event, Session } from '../../src/generated/prisma/client.ts';
import { JsonText } from '../../src/json-text.ts';
import { watchSessions } from '../../src/session/access.ts';
import type { SessionField } from '../../src/session/access.ts';
import type { Scope } from '../../src/scope.ts';
import { eventChange, sessionChange, updateChange } from '../../src/store/change.ts';
import { flush } from '../../src/store/flush.ts';
import type { Sent } from '../../src/store/flush.ts';
import { migrate } from '../../src/store/migrate.ts';
import { EVENT_COLUMNS, fromSelected, SESSION_COLUMNS, toEvent, toSession } from '../../src/store/records.ts';
import type { Columns, JsonRow } from '../../src/store/records.ts';
import { openEmbeddedDatabase } from '../../src/resources/embedded-database.ts';
import type { EmbeddedDatabase } from '../../src/resources/embedded-database.ts';
import { removeFolder, temporaryFolder } from '../support/child.ts';
import { LogModel, readAppendCall } from './log-model.ts';
import type { ResultRow, Statement } from './log-model.ts';
import { Random } from './random.ts';

// The schedules run on a model of the database. Here each statement goes to the model and to PostgreSQL (PGlite), and both
// have to answer the same.

const PROJECTS = ['p1', 'p2'];
const ROUNDS = 400;

let folder: string;
let database: EmbeddedDatabase;
const model = new LogModel();
beforeAll(async () => {
  folder = await temporaryFolder('model');
  database = await openEmbeddedDatabase(folder);
  await migrate(database.pool);
  for (const id of PROJECTS) {
    await database.pool.query("INSERT INTO project (id, name) VALUES ($1, 'model')", [id]);
    model.addProject(id);
  }
});
afterAll(async () => {
  await database.close();
  await removeFolder(folder);
});

/** Asks both, and passes on what PostgreSQL says. */
const both = {
  async query(sent: Statement | string, values: unknown[] = []) {
    const statement = typeof sent === 'string' ? { text: sent, values } : sent;
    const isAppend = statement.name === 'append_to_log';
    const comparable = isAppend ? comparableResults : comparableRows;
    const [real, modelled] = await Promise.all([attempt(() => database.pool.query(statement).then(({ rows }) => rows as never[])), attempt(() => (isAppend ? model.append(readAppendCall(statement.values)) : model.read(statement)) as never[])]);
    expect('rows' in modelled ? comparable(modelled.rows) : modelled, JSON.stringify(statement.values)).toEqual('rows' in real ? comparable(real.rows) : real);
    if ('refused' in real) throw new Refused();
    return real;
  },
} as unknown as Pool;

/** Both refuse the statement. */
class Refused extends Error {}

async function attempt<Row>(ask: () => Row[] | Promise<Row[]>): Promise<{ rows: Row[] } | { refused: string }> {
  try {
    return { rows: await ask() };
  } catch (error) {
    return { refused: (error as { code?: string }).code ?? String(error) };
  }
}

function comparableResults(rows: readonly ResultRow[]) {
  const shown = rows.map(([kind, projectId, key, outcome, position, found]) => {
    const isSession = (kind === 'session' || kind === 'update') && outcome !== 'too_large';
    return { kind, projectId, key, outcome, position, found: found && (isSession ? toSession(found) : kind === 'taken' ? toEvent(found) : found) };
  });
  return shown.sort((a, b) => orderOf(a).localeCompare(orderOf(b)));
}
const orderOf = ({ kind, projectId, key }: { kind: string; projectId: string; key: string | null }) => `${kind} ${projectId} ${key}`;

function comparableRows(rows: readonly JsonRow[]) {
  return rows.map(({ found, wanted, taken, withheld, ...row }) => {
    if ('log_position' in row) return row;
    const columns: Columns<Event> | Columns<Session> = 'eventType' in row ? EVENT_COLUMNS : SESSION_COLUMNS;
    const given = Object.fromEntries(Object.entries(row).map(([field, value]) => [field, value instanceof JsonText ? value.value : value]));
    return { row: fromSelected(columns as Columns<Event>, given), found, wanted, taken, withheld: withheld && [...(withheld as string[])].sort() };
  });
}

/** Changes whose ids, keys and contents often meet those of others. */
class Changes {
  readonly #random: Random;
  #clock = Date.UTC(2030, 0, 1);

  constructor(random: Random) {
    this.#random = random;
  }

  some(): Sent[] {
    return Array.from({ length: this.#random.between(1, 8) }, () => ({ ...this.#one(), recheck: this.#random.chance(0.7) }));
  }

  #one() {
    const random = this.#random;
    const projectId = random.chance(0.02) ? 'no project' : random.pick(PROJECTS);
    const at = new Date((this.#clock += random.between(-4_000, 4_500))).toISOString();
    const content = `c${random.between(1, 3)}`;
    const poison = random.chance(0.02) ? { duration_ms: 'poison' } : {};
    const sessionId = `s${random.between(1, 12)}`;
    const named = random.chance(0.6);
    if (random.chance(0.2)) {
      const status = random.pick(['active', 'active', 'completed']);
      const row = { project_id: projectId, id: sessionId, name: content, agent_name: 'a', user_id: 'ü', status, fingerprint: named ? content : null, replaced: false, created_at: at, updated_at: at, completed_at: null, ...ZERO, ...poison };
      return sessionChange(projectId, random.chance(0.5) ? row : { ...row, metadata: { [content]: '€' }, user_input: ['x', { y: 1 }] });
    }
    if (random.chance(0.4)) {
      const patch = this.#patch(content);
      return updateChange(projectId, { project_id: projectId, session_id: sessionId, at, patch: { ...patch, ...poison }, ...(named && { key: `k${random.between(1, 30)}`, fingerprint: content }) });
    }
    const event = { project_id: projectId, id: `e${random.between(1, 400)}`, session_id: sessionId, event_type: random.pick(TYPES), tool_name: content, replaced: random.chance(0.1), created_at: at, ...(named && { fingerprint: content }) };
    const counted = { prompt_tokens: random.between(0, 9), completion_tokens: random.between(0, 9), estimated_cost: random.between(0, 40) / 4, ...(random.chance(0.3) && { status: 'error' }), ...(random.chance(0.3) && { total_tokens: 7 }) };
    return eventChange(projectId, { ...event, ...(random.chance(0.5) && counted), ...poison }, random.pick([0, 0, 100_000, 900_000]));
  }

  #patch(content: string): JsonRow {
    const random = this.#random;
    const possible: JsonRow = {
      summary: content,
      status: random.pick(['active', 'completed', 'failed']),
      success: random.chance(0.5),
      metadata: { [`key ${random.between(1, 6)}`]: 'x'.repeat(random.between(0, 30)), nested: { a: [1, 2] } },
      custom_metrics: { [`metric${random.between(1, 4)}`]: random.next() },
      user_input: 'ä'.repeat(random.pick([1, 200, 9_000])),
      duration_ms: random.pick([null, random.between(1, 1_000)]),
      replaced: true,
    };
    return Object.fromEntries(Object.entries(possible).filter(() => random.chance(0.3)));
  }
}

const TYPES = ['tool_call', 'llm_decision', 'llm_call', 'state_change', 'error'];
const ZERO = { event_count: 0, tool_call_count: 0, decision_count: 0, llm_call_count: 0, state_change_count: 0, error_count: 0, event_prompt_tokens: 0, event_completion_tokens: 0, event_total_tokens: 0, event_cost: 0 };

describe('the model of the database', () => {
  it('answers every statement of the writer and the hub as PostgreSQL does', { timeout: 120_000 }, async () => {
    const random = new Random(Number(process.env['SEED'] ?? 1), 'model');
    const changes = new Changes(random);
    const [roomy, tight] = [1_000_000, 5_000].map((answerBytes) => ({ eventBytes: 1_000, sessionBytes: 1_000, metadataBytes: 1_000, answerBytes }));
    const seen = new Set<string>();
    for (let round = 0; round < ROUNDS; round++) {
      const limits = random.chance(0.5) ? { sessionBytes: 1_000_000, metadataBytes: 1_000_000 } : { sessionBytes: 9_000, metadataBytes: 120 };
      const items = changes.some();
      const { written } = await flush(both, items, { limits, wait: random.pick([undefined, 250]) }).catch(orNothing);
      for (const [item, { outcome }] of written) seen.add(`${item.kind} ${outcome}`);

      const readLimits = random.chance(0.5) ? roomy! : tight!;
      const reader = createLogReader(both, readLimits);
      const heads = await reader.heads([...PROJECTS, 'no project']);
      const projectId = random.pick(PROJECTS);
      const head = heads.get(projectId)!;
      await reader.events(projectId, random.between(0, head), head, { types: random.pick([undefined, ['error', 'tool_call']]), sessionId: random.pick([undefined, 's1']) });
      await sessionsAfter(projectId, random.between(0, head), random.pick([undefined, ['completed']]), readLimits);
    }
    const outcomes = { session: ['stored', 'duplicate', 'conflict', 'no_project'], event: ['stored', 'duplicate', 'conflict', 'no_session'], update: ['stored', 'duplicate', 'conflict', 'no_session', 'too_large'] };
    expect([...seen].sort()).toEqual(Object.entries(outcomes).flatMap(([kind, each]) => each.map((outcome) => `${kind} ${outcome}`)).sort());
  });
});

function orNothing(error: unknown): { written: Map<Sent, { outcome: string }> } {
  if (error instanceof Refused) return { written: new Map() };
  throw error;
}

/** The read with which src/session/access.ts feeds the hub. */
async function sessionsAfter(projectId: string, after: number, statuses: readonly string[] | undefined, limits: Limits) {
  const hub = { sessions: (_project: string, _after: number, _key: string, read: (after: number) => Promise<unknown>) => read(after) };
  const scope = { caller: { kind: 'key', projectId, scopes: new Set(['read']) }, services: { hub, pool: both, limits } } as unknown as Scope;
  await watchSessions(scope, String(after), { statuses }, Object.keys(SESSION_COLUMNS) as SessionField[]);
}
