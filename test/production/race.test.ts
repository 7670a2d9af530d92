import pg from 'pg';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { createStore } from '../../src/store/client.ts';
import { eventsInTable, eventually, idsOf, positionsOf, subscribe, subscribeToEvents } from '../support/live.ts';
import { createDatabase } from '../support/postgres.ts';
import { startServer } from '../support/process.ts';
import type { ServerProcess } from '../support/process.ts';
import { createTenant } from '../support/tenant.ts';
import type { Tenant } from '../support/tenant.ts';

const PROJECTS = 3;
const WRITERS_EACH = 4;
const ROUNDS = 30;

let servers: [ServerProcess, ServerProcess];
let pool: pg.Pool;
beforeAll(async () => {
  const production = inject('production');
  if ('missing' in production) throw new Error(production.missing);
  const databaseUrl = await createDatabase(production.databaseUrl, `race_${crypto.randomUUID().replaceAll('-', '')}`);
  const env = { DATABASE_URL: databaseUrl, REDIS_URL: production.redisUrl };
  // Both at once: one migrates and makes the first key, the other waits.
  servers = await Promise.all([startServer({ env }), startServer({ env })]);
  pool = new pg.Pool({ connectionString: databaseUrl, max: 4 });
});
afterAll(async () => {
  await pool.end();
  await Promise.all(servers.map((server) => server.stop()));
});

type SessionData = { sessionUpdates: { cursor: string; session: { id: string; name: string; eventCount: number } } };

/** One writer: sessions begun, changed and reported to, singly and in batches, on either server. Returns the number of its changes. */
async function write(tenants: readonly [Tenant, Tenant], shared: string, writer: number): Promise<number> {
  let changes = 0;
  const on = (round: number) => tenants[(round + writer) % 2]!;
  let own = '';
  for (let round = 0; round < ROUNDS; round += 1) {
    const tenant = on(round);
    switch (round % 5) {
      case 0:
        own = await tenant.session({ name: `${writer}/${round}` });
        changes += 1;
        break;
      case 1: {
        const events = Array.from({ length: 7 }, (_, n) => ({ sessionId: n % 2 === 0 ? own : shared, eventType: 'tool_call', toolName: 't' }));
        const answer = await tenant.rest('POST', '/events/batch', { events });
        expect(answer.body['created']).toBe(7);
        changes += 7;
        break;
      }
      case 2:
        expect((await tenant.rest('PATCH', `/sessions/${shared}`, { name: `${writer}/${round}` })).status).toBe(200);
        changes += 1;
        break;
      default:
        await Promise.all([tenant.event(own), on(round + 1).event(shared), tenant.event(shared)]);
        changes += 3;
    }
  }
  return changes;
}

it('gives each project one order, the same for every reader of both servers, whoever writes where', { timeout: 60_000 }, async () => {
  const store = createStore(pool);
  const projects = await Promise.all(
    Array.from({ length: PROJECTS }, async () => {
      const first = await createTenant(servers[0].url, { services: { store } });
      const second = await createTenant(servers[1].url, { services: { store } }, { projectId: first.projectId });
      const shared = await first.session({ name: 'shared' });
      const readers = [first, second].flatMap((tenant) => [subscribeToEvents(tenant, { after: '0' }), subscribeToEvents(tenant, { after: '0' }, 'sse')]);
      const states = [first, second].map((tenant) =>
        subscribe<SessionData>(tenant, { query: 'subscription { sessionUpdates(after: "0") { cursor session { id name eventCount } } }' }),
      );
      return { tenants: [first, second] as const, shared, readers, states };
    }),
  );

  const changes = await Promise.all(
    projects.map(async ({ tenants, shared }) => {
      const counts = await Promise.all(Array.from({ length: WRITERS_EACH }, (_, writer) => write(tenants, shared, writer)));
      return counts.reduce((sum, count) => sum + count, 1);
    }),
  );

  for (const [place, { tenants, readers, states }] of projects.entries()) {
    const { projectId } = tenants[0];
    const table = await eventsInTable({ resources: { pool } }, projectId);
    for (const reader of readers) {
      await reader.received((data) => data.length >= table.length);
      expect(positionsOf(reader.data)).toEqual(table.map(({ position }) => position));
      expect(idsOf(reader.data)).toEqual(table.map(({ id }) => id));
    }
    // Every position was taken by one change and every change took one: the log has no holes.
    const { rows } = await pool.query<{ log_position: number }>('SELECT log_position::int FROM project WHERE id = $1', [projectId]);
    expect(rows[0]?.log_position).toBe(changes[place]);

    const { rows: sessions } = await pool.query<{ id: string; name: string; event_count: number; position: string; events: number }>(
      `SELECT id, name, event_count, position, (SELECT count(*)::int FROM event e WHERE e.project_id = s.project_id AND e.session_id = s.id) AS events
       FROM session s WHERE project_id = $1 ORDER BY position`,
      [projectId],
    );
    for (const session of sessions) expect(session.event_count).toBe(session.events);
    for (const state of states) {
      await state.received((data) => data.at(-1)?.sessionUpdates.cursor === sessions.at(-1)!.position);
      const cursors = state.data.map(({ sessionUpdates }) => Number(sessionUpdates.cursor));
      expect(cursors).toEqual([...new Set(cursors)].sort((a, b) => a - b));
      const newest = new Map(state.data.map(({ sessionUpdates: { session } }) => [session.id, [session.name, session.eventCount]]));
      expect(newest).toEqual(new Map(sessions.map((session) => [session.id, [session.name, session.event_count]])));
    }
    await Promise.all([...readers, ...states].map((reader) => reader.stop()));
  }
  await store.$disconnect();

  await eventually(async () => {
    for (const { url } of servers) expect(await (await fetch(`${url}/metrics`)).text()).toMatch(/sentrial_hub_feeds 0/);
  });
  for (const { logs } of servers) expect(logs.filter((line) => ['warn', 'error', 'fatal'].includes(String(line['level'])) || /deadlock/i.test(JSON.stringify(line)))).toEqual([]);
});

it('makes one first key when two servers start on an empty database at once', () => {
  const printed = servers.map(({ logs }) => new Set(logs.flatMap((line) => /sentrial_live_\w+/.exec(String(line['text'])) ?? [])).size);
  expect(printed.sort()).toEqual([0, 1]);
});
