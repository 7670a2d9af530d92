// From start to ready, and memory when idle, of the built server: `npm run build && npm run bench -- startup`.
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createDatabase, startPostgres } from '../test/support/postgres.ts';
import { KEY, ROUNDS, median, row } from './support.ts';

const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));

/** Milliseconds until /readyz says yes, and the resident memory a few seconds later, in MB. */
async function start(env: Record<string, string>): Promise<{ ms: number; mb: number }> {
  const begun = performance.now();
  const child = spawn(process.execPath, [MAIN], { env: { PATH: process.env['PATH'], PORT: '0', SENTRIAL_BOOTSTRAP_API_KEY: KEY, ...env }, stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  const url = await new Promise<string>((resolve) =>
    child.stdout.on('data', (data: Buffer) => {
      output += data.toString();
      const found = /"msg":"listening on (\S+)"/.exec(output)?.[1];
      if (found) resolve(found);
    }),
  );
  if (!(await fetch(`${url}/readyz`)).ok) throw new Error('not ready');
  const ms = performance.now() - begun;
  await new Promise((resolve) => setTimeout(resolve, 5_000));
  const status = await readFile(`/proc/${child.pid}/status`, 'utf8');
  child.kill('SIGTERM');
  await once(child, 'exit');
  return { ms, mb: Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024 };
}

const postgres = await startPostgres();
if ('missing' in postgres) throw new Error(postgres.missing);
const folders: string[] = [];
try {
  row('', 'to ready, ms', 'idle memory, MB');
  row('---', '---', '---');
  const results: Record<string, { ms: number; mb: number }[]> = {};
  for (let round = 0; round < ROUNDS; round++) {
    const folder = await mkdtemp(join(tmpdir(), 'sentrial-bench-'));
    folders.push(folder);
    const databaseUrl = await createDatabase(postgres.url, `bench_${randomUUID().replaceAll('-', '')}`);
    (results['embedded, first start'] ??= []).push(await start({ SENTRIAL_DATA_DIR: folder }));
    (results['embedded, later start'] ??= []).push(await start({ SENTRIAL_DATA_DIR: folder }));
    (results['PostgreSQL, first start'] ??= []).push(await start({ DATABASE_URL: databaseUrl }));
    (results['PostgreSQL, later start'] ??= []).push(await start({ DATABASE_URL: databaseUrl }));
  }
  for (const [name, rounds] of Object.entries(results)) row(name, median(rounds.map((each) => each.ms)), median(rounds.map((each) => each.mb)));
} finally {
  await postgres.stop();
  for (const folder of folders) await rm(folder, { recursive: true, force: true });
}
