import { afterAll, beforeAll, expect, it } from 'vitest';
import { startApp } from './support/app.ts';
import type { TestApp } from './support/app.ts';
import { statementsOf } from './support/queries.ts';

let server: TestApp;
beforeAll(async () => {
  server = await startApp();
});
afterAll(() => server.close());

it('says that it is alive and ready, without a key', async () => {
  expect(await (await fetch(`${server.url}/healthz`)).json()).toEqual({ status: 'alive' });
  const ready = await fetch(`${server.url}/readyz`);
  expect(ready.status).toBe(200);
  expect(await ready.json()).toEqual({ status: 'ready', database: 'up', bus: 'up' });
});

it('asks the database once for all who want to know at the same time, also while it does not answer', async () => {
  const { controlPool } = server.resources;
  const connections = server.config.databaseUrl ? controlPool.options.max : 1; // the embedded database has one session
  const held = await Promise.all(Array.from({ length: connections }, () => controlPool.connect()));
  const statements = await statementsOf(controlPool, async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => fetch(`${server.url}/readyz`)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([503]));
  });
  for (const client of held) client.release();
  expect(statements.map(({ text }) => text).filter((text) => text === 'SELECT 1')).toHaveLength(1);
  await expect.poll(async () => (await fetch(`${server.url}/readyz`)).status).toBe(200);
});

it('counts requests and flushes for Prometheus', async () => {
  const tenant = await server.tenant();
  await tenant.event(await tenant.session());
  const text = await (await fetch(`${server.url}/metrics`)).text();
  expect(text).toMatch(/sentrial_http_requests_total\{method="POST",route="\/api\/sdk\/events",status="200"\} [1-9]/);
  expect(text).toMatch(/sentrial_flush_rows_count [1-9]/);
  expect(text).toMatch(/sentrial_database_up 1/);
});
