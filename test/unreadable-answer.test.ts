import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { isDatabaseAway, toldOfDatabase } from '../src/store/database-error.ts';
import { startApp } from './support/app.ts';
import type { TestApp } from './support/app.ts';

// An answer that cannot be had ends its query: not the process, and nobody else's.

let server: TestApp;
beforeAll(async () => {
  server = await startApp();
});
afterAll(() => server.close());

const lanes = () => {
  const { pool, analyticsPool, controlPool, writerPool } = server.resources;
  return [pool, analyticsPool, controlPool, writerPool];
};

// The longer one is more than a string can hold; PGlite has not the memory for it.
const LONGEST = inject('flavour') === 'embedded' ? 70_000_000 : 600_000_000;

it.each([
  ['a value', `SELECT repeat('x', ${LONGEST})`],
  ['all rows', "SELECT repeat('x', 1000000) FROM generate_series(1, 70)"],
])('one that is larger than the server reads at once (%s) ends its query, and the next is answered', { timeout: 60_000 }, async (_what, text) => {
  for (const pool of lanes()) {
    const fault: unknown = await pool.query(text).catch((error: unknown) => error);
    expect(String(fault)).toContain('it is larger than 64 MiB');
    // It is the fault of this read: whoever would ask again gets no further.
    expect(isDatabaseAway(fault)).toBe(false);
    expect(toldOfDatabase(fault)).toMatchObject({ code: 'INTERNAL_SERVER_ERROR', message: expect.stringContaining('Ask for less') as string });
    expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  }
});

it('many answers on one connection are no large one', async () => {
  const client = await server.resources.pool.connect();
  for (let n = 0; n < 10; n++) await client.query("SELECT repeat('x', 10000000)");
  client.release();
});
