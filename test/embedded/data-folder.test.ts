import { createHash } from 'node:crypto';
import { chmod, cp, mkdir, open, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { openEmbeddedDatabase } from '../../src/resources/embedded-database.ts';
import { removeFolder, temporaryFolder } from '../support/child.ts';
import { eventsOf, post, startLoad } from '../support/load.ts';
import { startServer } from '../support/process.ts';
import { smallDisk } from '../support/small-disk.ts';
import type { SmallDisk } from '../support/small-disk.ts';

// A data folder that is damaged, full, or not ours to write: the operator is told in a sentence, and nothing is lost.

const KEY = 'sentrial_live_folder0000000000000000000000000000000000';

let home: string;
let folder: string;
beforeAll(async () => {
  home = await temporaryFolder('data-folder');
  folder = join(home, 'data');
  await cp(inject('embeddedTemplate'), folder, { recursive: true });
});
afterAll(() => removeFolder(home));

/** Every file below a folder, with what is in it. */
async function contents(path: string): Promise<Record<string, string>> {
  const entries = (await readdir(path, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return Object.fromEntries(await Promise.all(entries.sort().map(async (file) => [relative(path, file), createHash('md5').update(await readFile(file)).digest('hex')] as const)));
}

/** What a start says that does not come about. */
const refusal = (options: Parameters<typeof startServer>[0]) => startServer(options).then(() => 'It started', (error: Error) => error.message);

/** One sentence or a few, for people: no stack, nothing of our own. */
function expectPlain(said: string): void {
  expect(said).toContain('The server ended (1)');
  expect(said).not.toMatch(/^\s+at |Error:|\[object/m);
  expect(said.trimEnd().split('\n')).toHaveLength(2);
}

describe('a folder with a part of a database', () => {
  const parts = ['PG_VERSION', 'global/pg_control', 'global/pg_filenode.map', 'base', 'pg_wal', 'pg_xact', 'pg_multixact', 'pg_notify', 'postgresql.conf'];

  it.each(parts)('without %s is not opened, and every byte of it stays', async (part) => {
    const path = join(folder, 'postgres', part);
    const away = join(home, 'away');
    await rename(path, away);
    const before = await contents(folder);
    await expect(openEmbeddedDatabase(folder)).rejects.toThrow(`The database in ${join(folder, 'postgres')} is not whole: ${part} is missing. Nothing was changed. Restore the folder from a backup`);
    expect(await contents(folder)).toEqual(before);
    await rename(away, path);
  });

  it('stops the server with a sentence', async () => {
    const damaged = join(home, 'damaged');
    await cp(folder, damaged, { recursive: true });
    await rename(join(damaged, 'postgres', 'PG_VERSION'), join(home, 'PG_VERSION'));
    const before = await contents(damaged);
    const said = await refusal({ env: { SENTRIAL_DATA_DIR: damaged } });
    expectPlain(said);
    expect(said).toContain('PG_VERSION is missing');
    expect(await contents(damaged)).toEqual(before);

    await rename(join(home, 'PG_VERSION'), join(damaged, 'postgres', 'PG_VERSION'));
    await using server = await startServer({ env: { SENTRIAL_DATA_DIR: damaged, SENTRIAL_BOOTSTRAP_API_KEY: KEY } });
    expect((await fetch(`${server.url}/readyz`)).status).toBe(200);
  });

  it('that PostgreSQL finds damaged stops the server with its reason', async () => {
    const damaged = join(home, 'control');
    await cp(folder, damaged, { recursive: true });
    await writeFile(join(damaged, 'postgres', 'global', 'pg_control'), Buffer.alloc(8192, 'x'));
    const said = await refusal({ env: { SENTRIAL_DATA_DIR: damaged } });
    expectPlain(said);
    expect(said).toContain(`The database in ${join(damaged, 'postgres')} cannot be opened: database files are incompatible with server. Restore`);
  });
});

describe('a folder with something else', () => {
  it('is left alone', async () => {
    const other = join(home, 'other');
    await mkdir(join(other, 'postgres'), { recursive: true });
    await writeFile(join(other, 'postgres', 'notes.txt'), 'mine');
    await expect(openEmbeddedDatabase(other)).rejects.toThrow(`Expected a database or nothing in ${join(other, 'postgres')}, and found notes.txt. Move that away`);
    expect(Object.keys(await contents(other))).toEqual(['postgres/notes.txt']);
  });

  it('such as a database of another version is left alone', async () => {
    const version = join(folder, 'postgres', 'PG_VERSION');
    await writeFile(version, '17\n');
    const before = await contents(folder);
    await expect(openEmbeddedDatabase(folder)).rejects.toThrow('was made by PostgreSQL 17, and this server has 18');
    expect(await contents(folder)).toEqual(before);
    await writeFile(version, '18\n');
  });

  it.each(['file', 'file/data'])('%s, where the first is a file, stops the server with a sentence', async (path) => {
    await writeFile(join(home, 'file'), '');
    const said = await refusal({ env: { SENTRIAL_DATA_DIR: join(home, path) } });
    expectPlain(said);
    expect(said).toContain(`Expected a folder at ${join(home, path)}, and found a file`);
  });
});

describe('a folder that may not be written', () => {
  it('stops the server with a sentence', async () => {
    const locked = join(home, 'locked');
    await cp(folder, locked, { recursive: true });
    await chmod(locked, 0o500);
    // Root may write everywhere, but for this.
    const through = process.getuid?.() === 0 ? ['setpriv', '--bounding-set', '-dac_override,-dac_read_search'] : [];
    const said = await refusal({ env: { SENTRIAL_DATA_DIR: locked }, through });
    expectPlain(said);
    expect(said).toContain(`The server cannot read and write in ${locked}`);
    await chmod(locked, 0o700);
  });
});

const mounted = await smallDisk('size=10m');
if ('missing' in mounted) process.stderr.write(`SKIPPED: what becomes of a full disk. ${mounted.missing}\n`);

describe.skipIf('missing' in mounted)('on a disk of its own', () => {
  const disk = mounted as SmallDisk;
  afterAll(() => disk[Symbol.asyncDispose]());

  const env = () => ({ SENTRIAL_DATA_DIR: join(disk.folder, 'data'), SENTRIAL_BOOTSTRAP_API_KEY: KEY, HOST: '127.0.0.1' });
  const start = () => startServer({ env: env(), through: disk.through });

  it('without room for a database stops the server with a sentence, and begins when there is room', { timeout: 120_000 }, async () => {
    const said = await refusal({ env: env(), through: disk.through });
    expectPlain(said);
    expect(said).toContain(`The disk of ${join(disk.folder, 'data', 'postgres')} is full`);

    await disk.remount('size=150m');
    await using server = await start();
    expect((await fetch(`${server.url}/readyz`)).status).toBe(200);
    await server.kill();
  });

  it('that fills up ends the server with a sentence; what was acknowledged is there when there is room', { timeout: 120_000 }, async () => {
    const server = await start();
    let serving = Promise.resolve(server);
    const access = async () => ({ url: (await serving).url, key: KEY });
    const session = (await post(await access(), '/sessions', { name: 'n', agentName: 'a', userId: 'u' }))!.body['id'] as string;
    const load = startLoad(access, session);
    await load.wrote(50);
    const free = await disk.fill();
    expect((await server.exited).code).toBe(1);
    const fatal = server.logs.filter((line) => line['level'] === 'fatal');
    expect(fatal).toHaveLength(1);
    expect(fatal[0]).toMatchObject({ msg: expect.stringContaining(`The disk of ${join(disk.folder, 'data', 'postgres')} is full`) as string });
    expect(JSON.stringify(fatal[0])).not.toContain('stack');
    const freeMore = await disk.fill(); // what ending has freed
    const said = await refusal({ env: env(), through: disk.through });
    expectPlain(said);
    expect(said).toContain('is full');

    await Promise.all([free(), freeMore()]);
    serving = start();
    await load.wrote(50);
    await load.stop();
    expect((await eventsOf(await access(), session)).map(({ id }) => id).sort()).toEqual([...load.acknowledged].sort());
    await (await serving).stop();
  });

  it('that is read-only stops the server with a sentence', async () => {
    await disk.remount('ro');
    const said = await refusal({ env: env(), through: disk.through });
    expectPlain(said);
    expect(said).toContain(`The server cannot read and write in ${join(disk.folder, 'data')}`);
    await disk.remount('rw');
  });
});

it('garbage in a table is an error of the read that meets it: no wrong row is read', async () => {
  const database = await openEmbeddedDatabase(folder);
  await database.pool.query("CREATE TABLE damaged AS SELECT n, repeat('x', 1000) AS text FROM generate_series(1, 100) AS n");
  const { rows } = await database.pool.query<{ path: string }>("SELECT pg_relation_filepath('damaged') AS path");
  await database.close();
  const file = await open(join(folder, 'postgres', rows[0]!.path), 'r+');
  await file.write(Buffer.alloc(8192, 'garbage'), 0, 8192, 8192);
  await file.close();

  const again = await openEmbeddedDatabase(folder);
  await expect(again.pool.query('SELECT * FROM damaged')).rejects.toMatchObject({ code: 'XX001', message: expect.stringContaining('invalid page in block 1') as string });
  expect((await again.pool.query('SELECT count(*)::int AS keys FROM api_key')).rows).toEqual([{ keys: 1 }]);
  await again.close();
});
