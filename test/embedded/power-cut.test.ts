import { spawn } from 'node:child_process';
import { cp, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openEmbeddedDatabase } from '../../src/resources/embedded-database.ts';
import { end, guard, removeFolder, temporaryFolder } from '../support/child.ts';

// P1 for the embedded database: what was acknowledged is there after a power cut. The child runs the real code on
// a file system that forgets what was not synced (test/support/forgetful-fs.ts says what it keeps).

const WRITER = fileURLToPath(new URL('../support/embedded-writer.ts', import.meta.url));
const FORGETFUL = new URL('../support/forgetful-fs.ts', import.meta.url).href;
const ROUNDS = 3;

let home: string;
let firstCut: Cut;
beforeAll(async () => {
  home = await temporaryFolder('power-cut');
  firstCut = await cutPower({ folder: join(home, 'first'), rows: 1, atLeast: 20 });
});
afterAll(() => removeFolder(home));

type Cut = { acknowledged: number; folder: string; disk: string };

/** Runs the writer in `folder` and cuts the power at some moment after `atLeast` acknowledged inserts. */
async function cutPower({ folder, rows, atLeast, dropsSync = false }: { folder: string; rows: number; atLeast: number; dropsSync?: boolean }): Promise<Cut> {
  const disk = `${folder}.disk`;
  await mkdir(folder, { recursive: true });
  await mkdir(disk);
  const child = spawn(process.execPath, ['--import', 'tsx', '--import', FORGETFUL, WRITER, folder, String(rows)], {
    env: { ...process.env, FORGETFUL_FOLDER: folder, FORGETFUL_DISK: disk, FORGETFUL_DROPS_SYNC: dropsSync ? '1' : '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  guard(child, { signal: 'KILL', folder: disk });
  let inserts = atLeast + Math.floor(Math.random() * atLeast);
  let acknowledged = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    if (line === 'ready') continue;
    acknowledged = Number(line); // those too that were printed before the kill and are read after it
    if (--inserts === 0) child.kill('SIGKILL');
  }
  await end(child, 'SIGKILL');
  expect(child.signalCode, 'the writer was killed').toBe('SIGKILL');
  return { acknowledged, folder, disk: join(disk, 'files') };
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
    const folder = join(home, `rows-${rows}-round-${round}`);
    await cp(from, folder, { recursive: true });
    const { acknowledged, disk } = await cutPower({ folder, rows, atLeast });
    expect(await missingFrom(disk, acknowledged), `lost at the power cut of round ${round}`).toEqual([]);
    if (round === ROUNDS) expect(await missingFrom(folder, acknowledged), 'lost at the kill').toEqual([]);
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
    const folder = join(home, 'control');
    await cp(firstCut.disk, folder, { recursive: true });
    const cut = await cutPower({ folder, rows: 1, atLeast: 100, dropsSync: true });
    expect(await missingFrom(cut.folder, cut.acknowledged)).toEqual([]);
    expect((await missingFrom(cut.disk, cut.acknowledged)).length).toBeGreaterThanOrEqual(100);
  });
});
