import { expect, it } from 'vitest';
import { startApp } from '../support/app.ts';

it('a key is known, an event written and /readyz answered while every reading connection is taken', async () => {
  await using server = await startApp({ DATABASE_POOL_SIZE: '2', DATABASE_ANALYTICS_POOL_SIZE: '1' });
  const tenant = await server.tenant();
  const id = await tenant.session();
  const other = await tenant.anotherKey();
  const { pool, analyticsPool } = server.resources;
  const taken = await Promise.all([pool.connect(), pool.connect(), analyticsPool.connect()]);
  expect(await other.event(id)).toMatch(/^evt_/);
  expect((await fetch(`${server.url}/readyz`)).status).toBe(200);
  taken.forEach((client) => client.release());
  expect((await other.rest('GET', `/sessions/${id}/events`)).body['events']).toHaveLength(1);
});
