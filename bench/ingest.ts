// Single durable events and batches of 100, against the limits of the same run: `npm run bench -- ingest [embedded|postgres]`.
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { createDatabase, startPostgres } from '../test/support/postgres.ts';
import { ROUNDS, createSessions, event, load, median, percent, post, row, startBenchServer } from './support.ts';

type Mode = 'full' | 'naive' | 'nodb';
type Flavour = { name: string; env: () => Promise<Record<string, string>> };

async function single({ name, env }: Flavour, connections: number) {
  const rates: Record<Mode, number[]> = { full: [], naive: [], nodb: [] };
  const last: Record<string, string> = {};
  for (let round = 0; round < ROUNDS; round++) {
    for (const mode of ['nodb', 'full', 'naive'] as const) {
      const server = await startBenchServer(mode, await env());
      await createSessions(server.url);
      const result = await load(server.url, connections);
      await server.stop();
      if (result.failed > 0) throw new Error(`${mode}: ${result.failed} requests failed`);
      rates[mode].push(result.rate);
      last[mode] = `${result.p50} / ${result.p99}`;
    }
  }
  const [full, naive, nodb] = [median(rates.full), median(rates.naive), median(rates.nodb)];
  row(name, connections, full, last['full'] ?? '', naive, nodb, `${(full / naive).toFixed(1)} ×`, percent(full, nodb));
}

/** Batches of 100 by eight clients, and a bare loop that sends the same rows to the same database in one INSERT each. */
async function batches(databaseUrl: () => Promise<string>) {
  const [served, bare]: [number[], number[]] = [[], []];
  for (let round = 0; round < ROUNDS; round++) {
    const url = await databaseUrl();
    const server = await startBenchServer('full', { DATABASE_URL: url });
    await createSessions(server.url);
    served.push(
      await forSeconds(4, 8, (client, n) => post(server.url, '/api/sdk/events/batch', { events: Array.from({ length: 100 }, (_, i) => ({ ...event(i), sessionId: `sess_${(client + n * 8) % 256}` })) })),
    );
    await server.stop();
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    let position = 1e12;
    const rowOf = () => ({
      project_id: 'bare', position: position++, id: `evt_${randomUUID()}`, session_id: 'sess_1', event_type: 'tool_call', tool_name: 'search_kb', tool_input: event(1).toolInput,
      tool_output: event(1).toolOutput, reasoning: event(1).reasoning, estimated_cost: 0.001, created_at: new Date().toISOString(), bytes: 900, replaced: false,
    });
    bare.push(
      await forSeconds(4, 1, async () => {
        const rows = JSON.stringify(Array.from({ length: 100 }, rowOf));
        await client.query({ name: 'bare', text: 'INSERT INTO event SELECT * FROM json_populate_recordset(NULL::event, $1::json)', values: [rows] });
      }),
    );
    await client.end();
  }
  row('batches of 100, PostgreSQL', median(served) * 100, median(bare) * 100, percent(median(served), median(bare)));
}

/** How often a second `work` is done by so many clients at once. */
async function forSeconds(seconds: number, clients: number, work: (client: number, n: number) => Promise<void>): Promise<number> {
  const until = Date.now() + seconds * 1000;
  let done = 0;
  await Promise.all(
    Array.from({ length: clients }, async (_, client) => {
      for (let n = 0; Date.now() < until; n++) {
        await work(client, n);
        done++;
      }
    }),
  );
  return done / seconds;
}

const only = process.argv[3];
const postgres = await startPostgres();
if ('missing' in postgres) throw new Error(postgres.missing);
const newDatabase = () => createDatabase(postgres.url, `bench_${randomUUID().replaceAll('-', '')}`);
try {
  row('flavour', 'connections', 'events/s', 'p50 / p99', 'one INSERT each', 'no database', 'against one each', 'of no database');
  row(...Array.from({ length: 8 }, () => '---'));
  if (only !== 'embedded') for (const connections of [64, 256]) await single({ name: 'PostgreSQL', env: async () => ({ DATABASE_URL: await newDatabase() }) }, connections);
  if (only !== 'postgres') await single({ name: 'embedded', env: () => Promise.resolve({}) }, 64);
  process.stdout.write('\n');
  row('', 'events/s', 'bare loop', 'of it');
  row(...Array.from({ length: 4 }, () => '---'));
  await batches(newDatabase);
} finally {
  await postgres.stop();
}
