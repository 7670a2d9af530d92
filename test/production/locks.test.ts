import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startApp } from '../support/app.ts';
import type { TestApp } from '../support/app.ts';
import type { Tenant } from '../support/tenant.ts';

// What becomes of writes while somebody else holds a lock that they need.

/** Each change has five seconds from its arrival; the rest is what a busy machine takes for 12,000 events at once. */
const TOLD_WITHIN_MS = 20_000;

let one: TestApp;
let two: TestApp;
let others: pg.Pool;
beforeAll(async () => {
  one = await startApp();
  two = await one.sibling();
  others = new pg.Pool({ connectionString: one.config.databaseUrl });
});
afterAll(async () => {
  await others.end();
  await two.close();
  await one.close();
});

/** Locks rows as another transaction would, until it is told to let go. */
async function hold(select: string, values: readonly string[]): Promise<() => Promise<void>> {
  const client = await others.connect();
  await client.query('BEGIN');
  await client.query(`${select} FOR UPDATE`, [...values]);
  return async () => {
    await client.query('COMMIT');
    client.release();
  };
}
const holdProject = ({ projectId }: Tenant) => hold('SELECT 1 FROM project WHERE id = $1', [projectId]);
const holdSession = ({ projectId }: Tenant, sessionId: string) => hold('SELECT 1 FROM session WHERE project_id = $1 AND id = $2', [projectId, sessionId]);

const events = (sessionId: string, count: number) => Array.from({ length: count }, () => ({ sessionId, eventType: 'tool_call', toolName: 't' }));

async function timed<T>(work: Promise<T>): Promise<{ answer: T; ms: number }> {
  const began = performance.now();
  return { answer: await work, ms: performance.now() - began };
}

it('a project that stays locked: every change is told so within its time, whatever stands before it in the queue', async () => {
  const tenant = await one.tenant();
  const sessionId = await tenant.session();
  const release = await holdProject(tenant);
  try {
    const batches = await Promise.all(Array.from({ length: 12 }, () => timed(tenant.rest('POST', '/events/batch', { events: events(sessionId, 1_000) }))));
    for (const { answer, ms } of batches) {
      expect(ms).toBeLessThan(TOLD_WITHIN_MS);
      const results = answer.body['results'] as { status: number; message: string }[];
      expect(new Set(results.map(({ status, message }) => `${status} ${message}`))).toEqual(new Set(['503 The database did not answer in time. Try again, with the same id or Idempotency-Key if one was sent']));
    }
  } finally {
    await release();
  }
  // What was refused in the queue is not written later; of what was on its way nobody could know, and that is one flush.
  const { answer } = await timed(tenant.event(sessionId));
  expect(answer).toMatch(/^evt_/);
  const { body } = await tenant.rest('GET', `/sessions/${sessionId}`);
  expect(body['eventCount']).toBeLessThanOrEqual(1_001);
});

it('a project that stays locked does not hold up the others, nor does a session', async () => {
  const [held, heldSession, free] = [await one.tenant(), await one.tenant(), await one.tenant()];
  const sessions = await Promise.all([held.session(), heldSession.session(), free.session()]);
  const releases = [await holdProject(held), await holdSession(heldSession, sessions[1])];
  try {
    const waiting = [timed(held.rest('POST', '/events', events(sessions[0], 1)[0])), timed(heldSession.rest('POST', '/events', events(sessions[1], 1)[0]))];
    // Far more flushes than fit into the five seconds if each waited for a lock.
    for (let round = 0; round < 40; round += 1) {
      const { answer } = await timed(free.rest('POST', '/events/batch', { events: events(sessions[2], 5) }));
      expect(answer.body['created']).toBe(5);
      if (round % 10 === 0) waiting.push(timed(held.rest('POST', '/events', events(sessions[0], 1)[0])));
    }
    expect(one.app.services.writer.waiting().rows).toBeGreaterThan(0); // those of the locked projects: the others did not wait for them
    for (const { answer, ms } of await Promise.all(waiting)) expect([answer.status, ms < TOLD_WITHIN_MS]).toEqual([503, true]);
  } finally {
    for (const release of releases) await release();
  }
  await Promise.all([held.event(sessions[0]), heldSession.event(sessions[1])]);
});

it('a project that is locked for a moment keeps its order and loses nothing', async () => {
  const tenant = await one.tenant();
  const sessionId = await tenant.session();
  const onTwo: Tenant = { ...tenant, ...{ url: two.url } };
  const writes: Promise<unknown>[] = [];
  for (let round = 0; round < 5; round += 1) {
    const release = await holdProject(tenant);
    for (let n = 0; n < 4; n += 1) writes.push(tenant.rest('POST', '/events/batch', { events: events(sessionId, 10) }).then(({ body }) => expect(body['created']).toBe(10)));
    writes.push(fetch(`${onTwo.url}/api/sdk/events`, { method: 'POST', headers: { authorization: `Bearer ${tenant.key}`, 'content-type': 'application/json' }, body: JSON.stringify(events(sessionId, 1)[0]) }).then(({ status }) => expect(status).toBe(200)));
    await release();
  }
  await Promise.all(writes);
  const { rows } = await one.app.services.pool.query<{ count: string; positions: string; newest: string }>('SELECT count(*), count(DISTINCT position) AS positions, max(position) AS newest FROM event WHERE project_id = $1', [tenant.projectId]);
  expect(rows[0]).toEqual({ count: '205', positions: '205', newest: '206' }); // the session took one
  expect((await tenant.rest('GET', `/sessions/${sessionId}`)).body['eventCount']).toBe(205);
});
