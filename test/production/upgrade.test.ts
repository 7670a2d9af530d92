import { cp } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { migrate } from '../../src/store/migrate.ts';
import { startApp } from '../support/app.ts';
import { removeFolder, temporaryFolder } from '../support/child.ts';
import { createDatabase } from '../support/postgres.ts';

// A database of a server from before migration 0004, and that server beside a newer one.

const MIGRATIONS = fileURLToPath(new URL('../../prisma/migrations/', import.meta.url));
const FIRST = ['0001_init', '0002_session_text', '0003_session_client_timestamp'];

let databaseUrl: string;
let pool: pg.Pool;
beforeAll(async () => {
  const production = inject('production');
  if ('missing' in production) throw new Error(production.missing);
  databaseUrl = await createDatabase(production.databaseUrl, `upgrade_${crypto.randomUUID().replaceAll('-', '')}`);
  pool = new pg.Pool({ connectionString: databaseUrl });
  const folder = await temporaryFolder('migrations');
  for (const name of FIRST) await cp(`${MIGRATIONS}${name}`, `${folder}/${name}`, { recursive: true });
  await migrate(pool, folder);
  await removeFolder(folder);
  await pool.query("INSERT INTO project (id, name) VALUES ('old', 'old')");
});
afterAll(() => pool.end());

const AT = '2026-01-01T00:00:00.000Z';
const ZEROES = { event_count: 0, tool_call_count: 0, decision_count: 0, llm_call_count: 0, state_change_count: 0, error_count: 0, event_prompt_tokens: 0, event_completion_tokens: 0, event_total_tokens: 0, event_cost: 0 };
const session = (id: string, more: object = {}) => ({ ...ZEROES, project_id: 'old', id, name: 'n', agent_name: 'a', user_id: 'u', status: 'active', created_at: AT, updated_at: AT, replaced: false, ...more });
const event = (id: string, more: object, position: number) => ({ project_id: 'old', id, session_id: 'light', event_type: 'tool_call', created_at: AT, replaced: false, position, ...more });

/** As a server of before 0004 writes. */
async function append(rows: { sessions?: object[]; events?: object[]; updates?: object[] }) {
  const { sessions, events = [], updates } = rows;
  const rollup = { project_id: 'old', session_id: 'light', position: events.length, last_at: AT, events: events.length, tool_calls: events.length, decisions: 0, llm_calls: 0, state_changes: 0, errors: 0, prompt_tokens: 0, completion_tokens: 0, total_tokens: 0, cost: 0 };
  const { rows: results } = await pool.query<{ kind: string; outcome: string; found: Record<string, unknown> | null }>(
    'SELECT kind, outcome, found FROM append_to_log($1::json, $2::json, $3::json, $4::json, $5::json, $6::json)',
    [[{ project_id: 'old', events: events.length }], sessions ?? null, events.length > 0 ? events : null, events.length > 0 ? [rollup] : null, null, updates ?? null].map((each) => each && JSON.stringify(each)),
  );
  return results;
}

/** 1.2 MB that the database prints as 62. */
const HUGE = new Array<number>(200_000).fill(1e308);

it('rows of the older server are weighed as they are read, and it goes on writing beside a newer one', async () => {
  await append({ sessions: [session('light'), session('heavy', { user_input: HUGE })] });
  await append({
    events: [event('small', { tool_input: 'x', bytes: 200 }, 1), event('large', { tool_input: 'x'.repeat(400_000), bytes: 400_200 }, 2), event('poison', { tool_input: HUGE, bytes: 1_200_200 }, 3)],
  });

  await using server = await startApp({ DATABASE_URL: databaseUrl });
  const weights = async (table: string) => Object.fromEntries((await pool.query<{ id: string; bytes: number }>(`SELECT id, bytes FROM ${table} WHERE project_id = 'old'`)).rows.map(({ id, bytes }) => [id, bytes]));
  expect(await weights('event')).toEqual({ small: 200, large: 400_200, poison: 200_000 * 311 });
  const sessions = await weights('session');
  expect(sessions['heavy']).toBeGreaterThan(62_000_000);
  expect(sessions['light']).toBeLessThan(100);

  // Said with the size, and nothing is added; what adds nothing is still taken.
  const tenant = await server.tenant({ projectId: 'old' });
  expect(await tenant.rest('PATCH', '/sessions/heavy', { summary: 'more' })).toMatchObject({ status: 413, body: { message: expect.stringMatching(/^The session would take 62,200,\d{3} bytes/) as string } });

  // The older server, until it is replaced.
  expect(await append({ sessions: [session('late'), session('light')], events: [event('late', { tool_input: 'x', bytes: 200 }, 1)] })).toMatchObject([
    { kind: 'session', outcome: 'stored', found: null },
    { kind: 'session', outcome: 'duplicate', found: { id: 'light', event_count: 3 } },
    { kind: 'events', outcome: 'stored' },
  ]);
  const metadata = { large: 'x'.repeat(100_000) };
  expect(await append({ updates: [{ project_id: 'old', session_id: 'light', at: AT, patch: { metadata, status: 'completed' } }] })).toMatchObject([{ kind: 'update', outcome: 'stored', found: { id: 'light', metadata, status: 'completed', event_count: 4 } }]);
});
