import { spawn } from 'node:child_process';
import type { ChildProcessByStdio } from 'node:child_process';
import { cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openEmbeddedDatabase } from '../../src/resources/embedded-database.ts';
import { end, guard, removeFolder, temporaryFolder } from '../support/child.ts';

// P1 for the embedded database: what was acknowledged is there after a power cut. The child runs the real code on
// a file system that forgets what was not synced (test/support/forgetful-fs.ts says what it keeps).

const WRITER = fileURLToPath(new URL('../support/embedded-writer.ts', import.meta.url));
const FORGETFUL = new URL('../support/forgetful-fs.ts', import.meta.url).href;
const ROUNDS = 2;

let home: string;
let firstCut: Cut;
beforeAll(async () => {
  home = await temporaryFolder('power-cut');
  firstCut = await cutPower({ name: 'first', rows: 1, atLeast: 20 });
});
afterAll(() => removeFolder(home));

/** The folder a child works in, and its disk. */
type Child = { process: ChildProcessByStdio<null, Readable, Readable>; folder: string; disk: string };
type Cut = { acknowledged: number; folder: string; disk: string };

/** Starts the writer on a folder with the contents of `from`. */
async function startWriter({ from, name, rows, dropsSync = false }: { from?: string; name: string; rows: number; dropsSync?: boolean }): Promise<Child> {
  const folder = join(home, name);
  const disk = `${folder}.disk`;
  await mkdir(folder);
  await mkdir(disk);
  if (from !== undefined) await cp(from, folder, { recursive: true });
  const child = spawn(process.execPath, ['--import', 'tsx', '--import', FORGETFUL, WRITER, folder, String(rows)], {
    env: { ...process.env, FORGETFUL_FOLDER: folder, FORGETFUL_DISK: disk, FORGETFUL_DROPS_SYNC: dropsSync ? '1' : '0' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  guard(child, { signal: 'KILL', folder: disk });
  return { process: child, folder, disk };
}

/** Calls `then` after so many inserts, and goes on to the end; answers the last id that was acknowledged. */
async function readInserts({ process: child }: Child, inserts: number, then: () => unknown): Promise<number> {
  let acknowledged = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    if (line === 'ready') continue;
    acknowledged = Number(line); // those too that were printed before the kill and are read after it
    if (--inserts === 0) await then();
  }
  return acknowledged;
}

/** Runs the writer and cuts the power at some moment after `atLeast` acknowledged inserts. */
async function cutPower({ atLeast, ...start }: Parameters<typeof startWriter>[0] & { atLeast: number }): Promise<Cut> {
  const child = await startWriter(start);
  const said = text(child.process.stderr);
  const moment = atLeast + Math.floor(Math.random() * atLeast);
  const acknowledged = await readInserts(child, moment, () => child.process.kill('SIGKILL'));
  await end(child.process, 'SIGKILL');
  expect(child.process.signalCode, await said).toBe('SIGKILL');
  return { acknowledged, folder: child.folder, disk: join(child.disk, 'files') };
}

/** The ids from 1 to the last acknowledged one that are not in the database. */
async function missingFrom(folder: string, acknowledged: number): Promise<number[]> {
  const database = await openEmbeddedDatabase(folder);
  try {
    const { rows } = await database.pool.query<{ id: number }>('SELECT id FROM generate_series(1, $1) AS id EXCEPT SELECT id FROM written ORDER BY id', [
      acknowledged,
    ]);
    return rows.map(({ id }) => id);
  } finally {
    await database.close();
  }
}

/** Each round starts from what the one before left on disk, as a computer does that is switched on again. */
async function rounds(start: string, { rows, atLeast }: { rows: number; atLeast: number }): Promise<void> {
  let from = start;
  for (let round = 1; round <= ROUNDS; round++) {
    const { acknowledged, disk } = await cutPower({ from, name: `rows-${rows}-round-${round}`, rows, atLeast });
    expect(await missingFrom(disk, acknowledged), `lost at the power cut of round ${round}`).toEqual([]);
    from = disk;
  }
}

describe('after a power cut every acknowledged row is there', { timeout: 60_000 }, () => {
  test('the first ones, in a database that was just created', async () => {
    const copy = join(home, 'first-copy');
    await cp(firstCut.disk, copy, { recursive: true });
    expect(await missingFrom(copy, firstCut.acknowledged)).toEqual([]);
  });

  test('single rows', () => rounds(firstCut.disk, { rows: 1, atLeast: 100 }));

  test('batches of 100', () => rounds(firstCut.disk, { rows: 100, atLeast: 50 }));

  test('and the test can fail: they are gone where sync does nothing', async () => {
    const cut = await cutPower({ from: firstCut.disk, name: 'control', rows: 1, atLeast: 100, dropsSync: true });
    expect(await missingFrom(cut.folder, cut.acknowledged), 'lost at the kill, which takes nothing from the kernel').toEqual([]);
    expect((await missingFrom(cut.disk, cut.acknowledged)).length).toBeGreaterThanOrEqual(100);
  });
});

test('an insert whose sync fails is not acknowledged, and no later one', { timeout: 60_000 }, async () => {
  const child = await startWriter({ from: firstCut.disk, name: 'broken', rows: 1 });
  const said = text(child.process.stderr);
  const acknowledged = await readInserts(child, 50, () => writeFile(join(child.disk, 'broken'), ''));
  await end(child.process, 'SIGKILL');
  expect(await said).toContain('The embedded database has stopped: fsync failed');
  expect(await missingFrom(join(child.disk, 'files'), acknowledged)).toEqual([]);
});
