import { expect, it } from 'vitest';
import { isDatabaseAway } from '../../src/store/database-error.ts';
import { startApp } from '../support/app.ts';

it('what the driver cannot read ends its query, and the process goes on', { timeout: 60_000 }, async () => {
  // As large as the bound allows then, and larger than a string may be.
  await using server = await startApp({ MAX_BODY_BYTES: String(300 * 1024 * 1024) });
  const { pool } = server.resources;
  const fault: unknown = await pool.query("SELECT repeat('x', 600000000)").catch((error: unknown) => error);
  expect(String(fault)).toContain('Cannot create a string longer than');
  expect(isDatabaseAway(fault)).toBe(false);
  expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
});
