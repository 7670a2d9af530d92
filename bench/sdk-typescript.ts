// What the TypeScript SDK costs and carries: `npm run bench -- sdk-typescript`, after `npm run build -w sdk/typescript`.
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { KEY, ROUNDS, createSessions, event, median, percent, post, row, startBenchServer } from './support.ts';

const run = promisify(execFile);
const PROGRAM = fileURLToPath(new URL('sdk-typescript-client.ts', import.meta.url));
const EVENTS = 20_000;
const MANY = 100_000;

/** bench/sdk-typescript-client.ts in a process of its own, with the spool in a folder of its own; what it measured. */
async function measure<Result>(what: string, count: number, url: string): Promise<Result> {
  const folder = await mkdtemp(join(tmpdir(), 'sentrial-bench-'));
  try {
    const { stdout } = await run(process.execPath, ['--expose-gc', '--import', 'tsx', PROGRAM, what, String(count)], {
      env: { PATH: process.env['PATH'], HOME: folder, SENTRIAL_API_KEY: KEY, SENTRIAL_API_URL: url },
    });
    return JSON.parse(stdout) as Result;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Events per second of a bare loop that sends the same events in ready-made batches to the REST door. */
async function bareBatches(url: string): Promise<number> {
  const bodies = Array.from({ length: EVENTS / 500 }, (_, batch) => ({ events: Array.from({ length: 500 }, (_, n) => event(batch * 500 + n)) }));
  const start = performance.now();
  for (const body of bodies) await post(url, '/api/sdk/events/batch', body);
  return (EVENTS / (performance.now() - start)) * 1000;
}

type Cost = { p50: number; p99: number; most: number };
row('a track call', 'p50 µs', 'p99 µs', 'worst µs');
row(...Array.from({ length: 4 }, () => '---'));
for (const what of ['small', 'kilobyte', 'large', 'mixed']) {
  const costs: Cost[] = [];
  for (let round = 0; round < ROUNDS; round += 1) costs.push(await measure<Cost>(`cost-${what}`, EVENTS, 'http://127.0.0.1:9'));
  row(what, ...(['p50', 'p99', 'most'] as const).map((figure) => median(costs.map((cost) => cost[figure]))));
}

process.stdout.write('\n');
row('', 'SDK events/s', 'bare batches of 500', 'of it');
row(...Array.from({ length: 4 }, () => '---'));
const rates: { sdk: number[]; bare: number[] } = { sdk: [], bare: [] };
for (let round = 0; round < ROUNDS; round += 1) {
  const server = await startBenchServer('full', {});
  await createSessions(server.url);
  rates.bare.push(await bareBatches(server.url));
  rates.sdk.push((await measure<{ rate: number }>('throughput', EVENTS, server.url)).rate);
  await server.stop();
}
row('one client, embedded server', median(rates.sdk), median(rates.bare), percent(median(rates.sdk), median(rates.bare)));

process.stdout.write('\n');
type Memory = { most: number; after: number; delivered: number; spooled: number; dropped: number };
row(`${MANY.toLocaleString('en')} events`, 'most MB', 'after MB', 'delivered', 'spooled', 'dropped');
row(...Array.from({ length: 6 }, () => '---'));
const server = await startBenchServer('full', {});
await createSessions(server.url);
for (const [name, url] of [['server up', server.url], ['server down', 'http://127.0.0.1:9']] as const) {
  const memory = await measure<Memory>('memory', MANY, url);
  row(name, memory.most, memory.after, memory.delivered, memory.spooled, memory.dropped);
}
await server.stop();
