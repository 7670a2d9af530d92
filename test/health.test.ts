import { afterAll, beforeAll, expect, it } from 'vitest';
import { startApp } from './support/app.ts';
import type { TestApp } from './support/app.ts';

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

it('counts requests and flushes for Prometheus', async () => {
  const tenant = await server.tenant();
  await tenant.event(await tenant.session());
  const text = await (await fetch(`${server.url}/metrics`)).text();
  expect(text).toMatch(/sentrial_http_requests_total\{method="POST",route="\/api\/sdk\/events",status="200"\} [1-9]/);
  expect(text).toMatch(/sentrial_flush_rows_count [1-9]/);
  expect(text).toMatch(/sentrial_database_up 1/);
});
