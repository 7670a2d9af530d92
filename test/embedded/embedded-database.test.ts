import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, readdir, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openEmbeddedDatabase } from '../../src/resources/embedded-database.ts';
import type { EmbeddedDatabase } from '../../src/resources/embedded-database.ts';
import { FolderLockedError, lockFolder } from '../../src/resources/folder-lock.ts';
import { end, guard, removeFolder, stopsOnce, temporaryFolder } from '../support/child.ts';

const WRITER = fileURLToPath(new URL('../support/embedded-writer.ts', import.meta.url));

let home: string;
let folder: string;
let database: EmbeddedDatabase;
beforeAll(async () => {
  home = await temporaryFolder('embedded');
  folder = join(home, 'data');
  database = await openEmbeddedDatabase(folder);
});
afterAll(async () => {
  await database.close();
  await removeFolder(home);
});

async function sumOfWal(): Promise<number> {
  const log = join(folder, 'postgres', 'pg_wal');
  const sizes = (await readdir(log)).map(async (name) => (await stat(join(log, name))).size);
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

describe('queries through the pool', () => {
  beforeEach(() => database.pool.query('CREATE TABLE item (id int PRIMARY KEY, name text, data jsonb)'));
  afterEach(() => database.pool.query('DROP TABLE item'));

  const ids = async () => (await database.pool.query<{ id: number }>('SELECT id FROM item ORDER BY id')).rows.map(({ id }) => id);

  test('take parameters and answer with types', async () => {
    await database.pool.query('INSERT INTO item VALUES ($1, $2, $3)', [1, 'naïve 🐘', { deep: [1, null, 'x'] }]);
    const { rows } = await database.pool.query('SELECT * FROM item WHERE id = $1', [1]);
    expect(rows).toEqual([{ id: 1, name: 'naïve 🐘', data: { deep: [1, null, 'x'] } }]);
  });

  test('go on after an error', async () => {
    await database.pool.query('INSERT INTO item VALUES (1)');
    await expect(database.pool.query('INSERT INTO item VALUES ($1)', [1])).rejects.toMatchObject({ code: '23505' });
    await expect(database.pool.query('SELEC 1')).rejects.toMatchObject({ code: '42601' });
    const client = await database.pool.connect();
    await expect(client.query('SELECT 1 / $1::int', [0])).rejects.toMatchObject({ code: '22012' });
    expect((await client.query('SELECT 1 / $1::int AS one', [1])).rows).toEqual([{ one: 1 }]);
    client.release();
  });

  test('are answered in order when many wait', async () => {
    const answers = await Promise.all(Array.from({ length: 200 }, (_, n) => database.pool.query('SELECT $1::int AS n', [n])));
    expect(answers.map(({ rows }) => rows[0] as unknown)).toEqual(Array.from({ length: 200 }, (_, n) => ({ n })));
  });

  test('commit and roll back', async () => {
    const client = await database.pool.connect();
    await client.query('BEGIN');
    await client.query('INSERT INTO item VALUES (1)');
    await client.query('COMMIT');
    await client.query('BEGIN');
    await client.query('INSERT INTO item VALUES (2)');
    await client.query('ROLLBACK');
    client.release();
    expect(await ids()).toEqual([1]);
  });

  test('take and return 2 MB', async () => {
    const name = 'x'.repeat(2 * 1024 * 1024);
    await database.pool.query('INSERT INTO item VALUES (1, $1)', [name]);
    const { rows } = await database.pool.query<{ name: string }>('SELECT name FROM item');
    expect(rows[0]?.name === name).toBe(true);
  });

  test('find nothing of a client that was destroyed in a transaction', async () => {
    const client = await database.pool.connect();
    await client.query({ name: 'same', text: 'SELECT 1 AS one' });
    await client.query("SET statement_timeout = '1h'");
    await client.query('BEGIN');
    await client.query('INSERT INTO item VALUES (1)');
    client.release(true);

    expect(await ids()).toEqual([]);
    expect((await database.pool.query('SHOW statement_timeout')).rows).toEqual([{ statement_timeout: '0' }]);
    expect((await database.pool.query({ name: 'same', text: 'SELECT 2 AS two' })).rows).toEqual([{ two: 2 }]);
    await database.pool.query('INSERT INTO item VALUES (2)');
    expect(await ids()).toEqual([2]);
  });

  test('find nothing of a client that was destroyed in the middle of a query', async () => {
    const client = await database.pool.connect();
    client.on('error', () => undefined);
    await client.query('BEGIN');
    const cutOff = expect(client.query('INSERT INTO item SELECT generate_series(1, 1000)')).rejects.toThrow('terminated');
    client.release(true);
    await cutOff;
    expect(await ids()).toEqual([]);
  });
});

test('the log does not grow for ever', async () => {
  await database.pool.query('CREATE TABLE filler (text text)');
  for (let mb = 0; mb < 200; mb += 10) {
    await database.pool.query("INSERT INTO filler SELECT repeat('x', 1024) FROM generate_series(1, 10240)");
    await database.pool.query('TRUNCATE filler');
  }
  expect(await sumOfWal()).toBeLessThanOrEqual(160 * 1024 * 1024);
});

test('close and open again keeps the rows, and the folder is private', async () => {
  await database.pool.query("CREATE TABLE kept AS SELECT 'here' AS text");
  await database.close();
  await database.close();
  database = await openEmbeddedDatabase(folder);
  expect((await database.pool.query('SELECT text FROM kept')).rows).toEqual([{ text: 'here' }]);
  expect((await stat(folder)).mode & 0o077).toBe(0);
  expect((await stat(join(folder, 'postgres'))).mode & 0o077).toBe(0);
});

test('what was left of a creation that was interrupted does not matter', async () => {
  const other = join(home, 'interrupted');
  await mkdir(join(other, 'postgres.new', 'base'), { recursive: true });
  const opened = await openEmbeddedDatabase(other);
  expect((await opened.pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  await opened.close();
  expect(existsSync(join(other, 'postgres.new'))).toBe(false);
});

describe('a second process', () => {
  async function openInChild(): Promise<ChildProcess> {
    const child = spawn(process.execPath, ['--import', 'tsx', WRITER, folder], { stdio: ['ignore', 'pipe', 'inherit'] });
    guard(child, { signal: 'KILL', folder: join(home, 'none') });
    stopsOnce(() => end(child, 'SIGKILL'));
    const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
    expect(line).toBe('ready');
    return child;
  }

  test('is refused, is told by whom, and is let in when the first was killed', async () => {
    await expect(openEmbeddedDatabase(folder)).rejects.toThrow(`in use by process ${process.pid}`);

    await database.close();
    const child = await openInChild();
    const refusal: unknown = await openEmbeddedDatabase(folder).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(FolderLockedError);
    expect(refusal).toHaveProperty('pid', child.pid);
    expect(String(refusal)).toContain(`Stop process ${child.pid}, or set SENTRIAL_DATA_DIR`);

    await end(child, 'SIGKILL');
    expect(await locksIn(folder)).toHaveLength(1); // left behind by the kill
    database = await openEmbeddedDatabase(folder);
    expect((await database.pool.query('SELECT text FROM kept')).rows).toEqual([{ text: 'here' }]);
  });
});

describe('the lock of a folder', () => {
  test('is free again after release', async () => {
    const path = join(home, 'free');
    await mkdir(path);
    await (await lockFolder(path)).release();
    await (await lockFolder(path)).release();
  });

  test('holds where the path is too long for a socket', async () => {
    const path = join(home, 'x'.repeat(100));
    await mkdir(path);
    const lock = await lockFolder(path);
    await expect(lockFolder(path)).rejects.toThrow(FolderLockedError);
    await lock.release();
    await (await lockFolder(path)).release();
  });

  test('is one of many that want it at once, over a socket that was left behind', async () => {
    const path = join(home, 'contended');
    await mkdir(path);
    await leaveSocketBehind(join(path, 'lock-0dead0.sock'));
    const tries = await Promise.allSettled(Array.from({ length: 20 }, () => lockFolder(path)));
    const locks = tries.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    expect(locks).toHaveLength(1);
    expect(await locksIn(path)).toHaveLength(1);
    await locks[0]?.release();
    expect(await locksIn(path)).toEqual([]);
  });

  test('is not given while its holder does not answer', { timeout: 10_000 }, async () => {
    const path = join(home, 'silent');
    await mkdir(path);
    const silent = createServer(() => undefined).listen(join(path, 'lock-silent.sock'));
    await once(silent, 'listening');
    await expect(lockFolder(path)).rejects.toThrow('in use by another process');
    silent.close();
  });
});

const locksIn = async (path: string) => (await readdir(path)).filter((name) => name.startsWith('lock-'));

async function leaveSocketBehind(path: string): Promise<void> {
  const script = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
  await once(spawn(process.execPath, ['-e', script]), 'exit');
  expect(existsSync(path)).toBe(true);
}
