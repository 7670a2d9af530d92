import { afterAll, beforeAll, expect, it } from 'vitest';
import { startApp } from '../support/app.ts';
import type { TestApp } from '../support/app.ts';
import { eventsInTable, eventually, follow, idsOf, positionsOf, whenSubscribers } from '../support/live.ts';
import type { Follower } from '../support/live.ts';
import { post, startLoad } from '../support/load.ts';
import type { Load } from '../support/load.ts';
import { startPostgres } from '../support/postgres.ts';
import type { Postgres } from '../support/postgres.ts';
import { startRedis } from '../support/redis.ts';
import type { RedisServer } from '../support/redis.ts';
import type { Tenant } from '../support/tenant.ts';

// What becomes of a run while PostgreSQL or Redis is gone: these are servers of this file's own.

/** A caller is told within this time that nothing was accepted, in milliseconds. */
const BOUND_MS = 15_000;

let postgres: Postgres;
let redis: RedisServer;
let one: TestApp;
let two: TestApp;
beforeAll(async () => {
  const started = await Promise.all([startPostgres(), startRedis()]);
  if ('missing' in started[0]) throw new Error(started[0].missing);
  if ('missing' in started[1]) throw new Error(started[1].missing);
  [postgres, redis] = [started[0], started[1]];
  one = await startApp({ DATABASE_URL: postgres.url, REDIS_URL: redis.url });
  two = await one.sibling();
});
afterAll(async () => {
  await Promise.all([one.close(), two.close()]);
  await Promise.all([postgres.stop(), redis.stop()]);
});

/** A project with writers on one server and readers on both. */
async function run(): Promise<{ tenant: Tenant; session: string; load: Load; readers: Follower[] }> {
  const tenant = await one.tenant();
  const session = await tenant.session();
  const readers = [one, two].map(({ url }) => follow(() => ({ url, key: tenant.key })));
  await Promise.all([whenSubscribers(one, 1), whenSubscribers(two, 1)]);
  const load = startLoad(() => tenant, session, 4);
  await load.wrote(50);
  return { tenant, session, load, readers };
}

const isUp = async (server: TestApp) => expect(await (await fetch(`${server.url}/readyz`)).json()).toEqual({ status: 'ready', database: 'up', bus: 'up' });

/** Every acknowledged event is in the table, once; the log has no hole; both readers got all of it in order. */
async function settled({ tenant, session, load, readers }: Awaited<ReturnType<typeof run>>) {
  await Promise.all([one, two].map((server) => eventually(() => isUp(server))));
  await load.wrote(50);
  await load.stop();
  const table = await eventsInTable(one, tenant.projectId);
  expect(table.map(({ id }) => id).sort()).toEqual([...load.acknowledged].sort());
  for (const reader of readers) {
    await reader.received(table.length);
    expect(positionsOf(reader.all())).toEqual(table.map(({ position }) => position));
    expect(idsOf(reader.all())).toEqual(table.map(({ id }) => id));
    await reader.stop();
  }
  const { rows } = await one.resources.pool.query(
    `SELECT p.log_position::int AS changes, s.event_count AS counted, s.position::int AS position
     FROM project p JOIN session s ON s.project_id = p.id WHERE p.id = $1 AND s.id = $2`,
    [tenant.projectId, session],
  );
  expect(rows).toEqual([{ changes: table.length + 1, counted: table.length, position: table.at(-1)!.position }]);
  expect(table.map(({ position }) => position)).toEqual(table.map((_, place) => place + 2));
}

it('delivers the same log when Redis is killed and restarted during a run', { timeout: 60_000 }, async () => {
  const running = await run();
  await redis.kill();
  await eventually(async () => expect(await (await fetch(`${one.url}/readyz`)).json()).toMatchObject({ status: 'ready', bus: 'down' }));
  const before = running.load.acknowledged.length;
  await running.load.wrote(50);
  // Without Redis the reader of the other server finds the rows by asking the database.
  await running.readers[1]!.received(before + 1);
  await redis.restart();
  await settled(running);
  expect(running.load.refusals).toEqual([]);
});

it('answers 503 while PostgreSQL is killed, writes nothing by halves, and goes on by itself', { timeout: 90_000 }, async () => {
  const running = await run();
  const { tenant, session } = running;
  await postgres.kill();
  const batch = Array.from({ length: 50 }, (_, n) => ({ id: `batch-${n}`, sessionId: session, eventType: 'tool_call', toolName: 't' }));
  const [event, many, patch, read] = await Promise.all([
    post(tenant, '/events', { sessionId: session, eventType: 'tool_call', toolName: 't' }),
    post(tenant, '/events/batch', { events: batch }),
    tenant.graphql('mutation ($id: ID!) { updateSession(input: { id: $id, name: "changed" }) { id } }', { id: session }),
    fetch(`${one.url}/api/sdk/sessions`, { headers: { authorization: `Bearer ${tenant.key}` } }),
  ]);
  expect(event).toMatchObject({ status: 503, retryAfter: '1', body: { error: 'Service Unavailable' } });
  expect(event!.ms).toBeLessThan(BOUND_MS);
  expect(many!.ms).toBeLessThan(BOUND_MS);
  expect((many!.body['results'] as { status: number }[] | undefined)?.map(({ status }) => status) ?? [many!.status]).toEqual(expect.arrayContaining([503]));
  expect(patch).toMatchObject({ status: 503, errors: [{ extensions: { code: 'OVERLOADED', retryAfter: 1 } }] });
  expect([read.status, read.headers.get('retry-after')]).toEqual([503, '1']);
  expect((await fetch(`${one.url}/readyz`)).status).toBe(503);
  expect((await fetch(`${one.url}/healthz`)).status).toBe(200);

  await postgres.restart();
  await settled(running);
  expect(running.load.refusals.length).toBeGreaterThan(0);
  for (const refusal of running.load.refusals) expect(refusal).toMatchObject({ status: 503, retryAfter: '1' });
});

it('answers 503 within a bound while PostgreSQL is frozen, and goes on by itself', { timeout: 90_000 }, async () => {
  const running = await run();
  const { tenant, session } = running;
  await postgres.pause();
  const ready = Date.now();
  expect((await fetch(`${one.url}/readyz`)).status).toBe(503);
  expect(Date.now() - ready).toBeLessThan(5_000);
  const answers = await Promise.all([1, 2, 3].map((n) => post(tenant, '/events', { id: `frozen-${n}`, sessionId: session, eventType: 'tool_call', toolName: 't' })));
  await postgres.resume();
  for (const answer of answers) {
    expect(answer).toMatchObject({ status: 503, retryAfter: '1' });
    expect(answer!.ms).toBeLessThan(BOUND_MS);
  }
  // Nobody knows whether these were written; sent again they are there once.
  for (const n of [1, 2, 3]) {
    const id = `frozen-${n}`;
    await eventually(async () => expect((await post(tenant, '/events', { id, sessionId: session, eventType: 'tool_call', toolName: 't' }))?.status).toBe(200));
    running.load.acknowledged.push(id);
  }
  await settled(running);
});
