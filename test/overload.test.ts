import { afterAll, beforeAll, expect, it } from 'vitest';
import { startApp } from './support/app.ts';
import type { TestApp } from './support/app.ts';
import { eventsInTable, eventually } from './support/live.ts';
import type { Tenant } from './support/tenant.ts';

const MAX_QUEUE_BYTES = 40_000;

let server: TestApp;
beforeAll(async () => {
  server = await startApp({ MAX_QUEUE_BYTES: String(MAX_QUEUE_BYTES) });
});
afterAll(() => server.close());

/** Keeps the writer waiting: another transaction holds the project. */
async function holdUp({ projectId }: Tenant): Promise<() => Promise<void>> {
  const client = await server.resources.pool.connect();
  await client.query('BEGIN');
  await client.query('SELECT 1 FROM project WHERE id = $1 FOR UPDATE', [projectId]);
  return async () => {
    await client.query('COMMIT');
    client.release();
  };
}

it('refuses new work at once while too much waits, accepts none of it, and goes on when there is room', async () => {
  const tenant = await server.tenant();
  const sessionId = await tenant.session();
  const event = (id: string) => ({ id, sessionId, eventType: 'tool_call', toolName: 't', toolOutput: 'x'.repeat(5_000) });
  const waiting = () => server.app.services.writer.waiting().bytes;

  const release = await holdUp(tenant);
  const accepted: { id: string; answer: ReturnType<Tenant['rest']> }[] = [];
  while (waiting() < MAX_QUEUE_BYTES - 6_000) {
    const before = waiting();
    const id = `accepted-${accepted.length}`;
    accepted.push({ id, answer: tenant.rest('POST', '/events', event(id)) });
    await eventually(() => expect(waiting()).toBeGreaterThan(before));
  }
  expect(accepted.length).toBeGreaterThan(4);

  const began = Date.now();
  const two = await tenant.rest('POST', '/events/batch', { events: [event('refused-1'), event('refused-2')] });
  const session = await tenant.rest('POST', '/sessions', { name: 'n', agentName: 'a', userId: 'u', summary: 'x'.repeat(20_000) });
  const graphql = await tenant.graphql('mutation ($id: ID!, $out: JSON) { trackToolCall(input: { id: "refused-3", sessionId: $id, toolName: "t", toolOutput: $out }) { id } }', {
    id: sessionId,
    out: 'x'.repeat(10_000),
  });
  expect(Date.now() - began).toBeLessThan(2_000);
  for (const answer of [two, session]) {
    expect(answer.status).toBe(503);
    expect(answer.headers.get('retry-after')).toBe('1');
    expect(answer.body).toMatchObject({ error: 'Service Unavailable', message: expect.stringContaining('Nothing of this request was accepted') as string });
  }
  expect(graphql).toMatchObject({ status: 503, errors: [{ extensions: { code: 'OVERLOADED', retryAfter: 1 } }] });
  // What fits is still accepted, and reading goes on.
  const small = tenant.rest('PATCH', `/sessions/${sessionId}`, { name: 'small' });

  await release();
  for (const { answer } of accepted) expect((await answer).status).toBe(200);
  expect((await small).status).toBe(200);
  await tenant.event(sessionId, { id: 'afterwards' });
  expect((await eventsInTable(server, tenant.projectId)).map(({ id }) => id)).toEqual([...accepted.map(({ id }) => id), 'afterwards']);
  expect(waiting()).toBe(0);
});

it('takes a request that is larger than the queue when nothing else waits', async () => {
  const tenant = await server.tenant();
  const id = await tenant.event(await tenant.session(), { toolOutput: 'x'.repeat(MAX_QUEUE_BYTES * 2) });
  expect(id).toMatch(/^evt_/);
});
