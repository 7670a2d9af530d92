import { cp } from 'node:fs/promises';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import type { Pool } from 'pg';
import { openEmbeddedDatabase } from '../../src/resources/embedded-database.ts';
import type { EmbeddedDatabase } from '../../src/resources/embedded-database.ts';
import { removeFolder, temporaryFolder } from '../support/child.ts';

// One session for everybody: whose turn it is, and how a turn ends.

const FOR_EVER = 'DO $$ BEGIN LOOP END LOOP; END $$';

let folder: string;
let database: EmbeddedDatabase;
let write: Pool;
let read: Pool;
let analytics: Pool;
beforeAll(async () => {
  folder = await temporaryFolder('turns');
  await cp(inject('embeddedTemplate'), folder, { recursive: true });
  database = await openEmbeddedDatabase(folder);
  [write, read, analytics] = [database.lane('write'), database.lane('read'), database.lane('analytics')];
  await write.query('CREATE TABLE written (n int)');
});
afterAll(async () => {
  await database.close();
  await removeFolder(folder);
});

const insert = () => write.query('INSERT INTO written VALUES (1)');

it('a write waits for one read at most, which is ended, and not for those that wait', async () => {
  const ended: number[] = [];
  const reads = Array.from({ length: 5 }, (_, n) => analytics.query(`/* ${n} */ ${FOR_EVER}`).catch((error: unknown) => (ended.push(n), error)));
  for (let n = 1; n <= 5; n++) {
    await insert();
    expect(ended.length).toBeLessThanOrEqual(n);
  }
  while (ended.length < 5) await insert();
  for (const fault of await Promise.all(reads)) expect(fault).toMatchObject({ code: '57014' });
  expect(ended).toEqual([0, 1, 2, 3, 4]);
});

it('a short read waits for one search at most', async () => {
  let ended = 0;
  const searches = Array.from({ length: 3 }, () => analytics.query(FOR_EVER).catch(() => (ended += 1)));
  expect((await read.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  expect(ended).toBeLessThanOrEqual(1);
  while (ended < 3) await read.query('SELECT 1');
  await Promise.all(searches);
});

it('a read that takes long is answered where nothing with precedence waits', async () => {
  const slow = "DO $$ DECLARE began timestamptz := clock_timestamp(); BEGIN WHILE clock_timestamp() < began + interval '700 ms' LOOP END LOOP; END $$";
  const waiting = analytics.query('SELECT 1 AS one');
  await expect(analytics.query(slow)).resolves.toBeDefined();
  expect((await waiting).rows).toEqual([{ one: 1 }]);
});

it('writes are not ended, however long they take and whoever waits', async () => {
  const slow = "DO $$ DECLARE began timestamptz := clock_timestamp(); BEGIN WHILE clock_timestamp() < began + interval '700 ms' LOOP END LOOP; INSERT INTO written VALUES (2); END $$";
  const reading = read.query('SELECT 1');
  await Promise.all([write.query(slow), insert(), reading]);
  expect((await read.query('SELECT count(*)::int AS slow FROM written WHERE n = 2')).rows).toEqual([{ slow: 1 }]);
});

it('while writes never stop, reads get their share', async () => {
  let reading = true;
  const writing = (async () => {
    while (reading) await insert();
  })();
  const also = (async () => {
    while (reading) await insert();
  })();
  for (let n = 0; n < 50; n++) await read.query('SELECT 1');
  reading = false;
  await Promise.all([writing, also]);
});

it('a statement whose client has gone is ended, so that nobody waits for it', async () => {
  const client = await database.pool.connect();
  client.on('error', () => undefined);
  const cutOff = expect(client.query(FOR_EVER)).rejects.toThrow('terminated');
  client.release(true);
  await cutOff;
  expect((await database.pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
});
