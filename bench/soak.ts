/**
 * Half of what a server can do, for long: `npm run bench -- soak [--minutes 30] [--out bench/soak.svg]`.
 * Memory and latency have to be at the end what they were at the start.
 */
import { fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createDatabase, startPostgres } from '../test/support/postgres.ts';
import { svgOf } from './plot.ts';
import { KEY, createSessions, event, median, post, row, startBenchServer } from './support.ts';

const { values } = parseArgs({ args: process.argv.slice(3), options: { minutes: { type: 'string', default: '30' }, out: { type: 'string', default: fileURLToPath(new URL('soak.svg', import.meta.url)) } } });
const MINUTES = Number(values.minutes);

/** Readers of small fields, of everything, and of everything without ever reading on. */
const [SMALL, WHOLE, STALLED] = [900, 50, 50];
const READING = SMALL + WHOLE;
const WINDOW = 20;
const CALIBRATION_MS = 15_000;
const SAMPLE_MS = 30_000;
const LARGE_EVERY_MS = 10_000;
const MEGABYTE = 1024 * 1024;
const LARGE_BYTES = [1, 2, 4, 8, 12].map((size) => size * MEGABYTE);

type Progress = { ready?: boolean; received: number; broken: number };

/** The readers, and what they have got so far, together. */
async function startSubscribers(url: string) {
  const child = fork(fileURLToPath(new URL('soak-subscribers.ts', import.meta.url)), [url, KEY, SMALL, WHOLE, STALLED].map(String), { execArgv: ['--import', 'tsx'] });
  process.once('exit', () => child.kill('SIGKILL')); // where the bench fails
  let progress: Progress = { received: 0, broken: 0 };
  child.on('message', (message: Progress) => (progress = message));
  await once(child, 'message');
  return {
    now: () => progress,
    async received(count: number) {
      while (progress.received < count) await once(child, 'message');
    },
    stop: () => child.disconnect(),
  };
}

/** Of one scrape of /metrics. */
async function scrape(url: string): Promise<{ rss: number; heap: number; loop: number }> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const value = (name: string) => Number(new RegExp(`^${name} (\\S+)`, 'm').exec(text)?.[1]);
  return { rss: value('process_resident_memory_bytes') / MEGABYTE, heap: value('nodejs_heap_size_used_bytes') / MEGABYTE, loop: value('nodejs_eventloop_lag_p99_seconds') * 1000 };
}

const quantile = (sorted: readonly number[], q: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? 0;

const postgres = await startPostgres();
if ('missing' in postgres) throw new Error(postgres.missing);
const server = await startBenchServer('full', { DATABASE_URL: await createDatabase(postgres.url, `bench_${randomUUID().replaceAll('-', '')}`) });
try {
  await createSessions(server.url);
  const subscribers = await startSubscribers(server.url);
  let written = 0;
  const write = async (body: unknown) => {
    await post(server.url, '/api/sdk/events', body);
    written += 1;
  };

  // What it can do: windows of events, each when every reader has the one before.
  await write(event(0));
  await subscribers.received(READING);
  const calibrated = Date.now();
  const before = written;
  while (Date.now() - calibrated < CALIBRATION_MS) {
    await Promise.all(Array.from({ length: WINDOW }, (_, n) => write(event(written + n))));
    await subscribers.received(written * READING);
  }
  const capacity = ((written - before) * 1000) / (Date.now() - calibrated);
  const rate = capacity / 2;
  process.stdout.write(`${SMALL + WHOLE + STALLED} subscribers, ${STALLED} of them stalled: ${capacity.toFixed(1)} events/s at most; ${MINUTES} minutes at ${rate.toFixed(1)}, and one of 1 to 12 MB every ${LARGE_EVERY_MS / 1000} s\n\n`);

  let latencies: number[] = [];
  let failed = 0;
  const begun = performance.now();
  const over = () => performance.now() - begun > MINUTES * 60_000;
  /** Measured from the moment it was due, so that a server that stalls is not spared what would have come meanwhile. */
  async function on(schedule: (n: number) => number, body: (n: number) => unknown, measure: boolean) {
    for (let n = 0; !over(); n++) {
      const due = begun + schedule(n);
      await pause(Math.max(0, due - performance.now()));
      void write(body(n)).then(
        () => measure && latencies.push(performance.now() - due),
        () => (failed += 1),
      );
    }
  }
  const load = Promise.all([
    on((n) => (n * 1000) / rate, (n) => event(n), true),
    on((n) => n * LARGE_EVERY_MS, (n) => ({ ...event(n), toolOutput: 'large text '.repeat(LARGE_BYTES[n % LARGE_BYTES.length]! / 11) }), false),
  ]);

  type Sample = { minutes: number; p50: number; p99: number; rss: number; heap: number; loop: number; delivered: number; behind: number };
  const samples: Sample[] = [];
  row('minutes', 'writes p50, ms', 'p99, ms', 'RSS, MB', 'heap, MB', 'event loop p99, ms', 'deliveries/s', 'not yet delivered');
  row(...Array.from({ length: 8 }, () => '---'));
  await scrape(server.url);
  for (let last = subscribers.now().received; !over(); ) {
    await pause(SAMPLE_MS);
    const sorted = latencies.sort((a, b) => a - b);
    latencies = [];
    const { received } = subscribers.now();
    const sample = {
      minutes: (performance.now() - begun) / 60_000,
      p50: quantile(sorted, 0.5),
      p99: quantile(sorted, 0.99),
      ...(await scrape(server.url)),
      delivered: ((received - last) * 1000) / SAMPLE_MS,
      behind: written * READING - received,
    };
    last = received;
    samples.push(sample);
    row(sample.minutes, sample.p50, sample.p99, sample.rss, sample.heap, sample.loop, sample.delivered, sample.behind);
  }
  await load;
  const drained = performance.now();
  await subscribers.received(written * READING);
  process.stdout.write(`\n${written.toLocaleString('en')} events, ${failed} writes failed, ${subscribers.now().broken} readers broke off; the last message came ${Math.round(performance.now() - drained)} ms after the last write\n`);
  subscribers.stop();

  const third = Math.max(1, Math.floor(samples.length / 3));
  row('', 'first third', 'last third');
  row('---', '---', '---');
  for (const [name, of] of [['RSS, MB', 'rss'], ['heap, MB', 'heap'], ['event loop p99, ms', 'loop'], ['writes p50, ms', 'p50'], ['writes p99, ms', 'p99']] as const) {
    row(name, median(samples.slice(0, third).map((sample) => sample[of])), median(samples.slice(-third).map((sample) => sample[of])));
  }
  const lineOf = (name: string, of: keyof Sample) => ({ name, values: samples.map((sample) => sample[of]) });
  const charts = [
    { title: 'Memory', unit: 'MB', lines: [lineOf('RSS', 'rss'), lineOf('heap', 'heap')] },
    { title: 'Latency of a write', unit: 'ms', lines: [lineOf('p50', 'p50'), lineOf('p99', 'p99')] },
    { title: 'Event loop delay', unit: 'ms', lines: [lineOf('p99', 'loop')] },
    { title: 'Deliveries', unit: 'per second', lines: [lineOf('all readers', 'delivered')] },
  ];
  await writeFile(values.out, svgOf(charts, samples.map(({ minutes }) => minutes)));
  process.stdout.write(`\n${values.out}\n`);
} finally {
  await server.stop();
  await postgres.stop();
}
