// Single durable events and batches of 100, against the limits of the same run: `npm run bench -- ingest [postgres|embedded|batches]`.
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { createDatabase, startPostgres } from '../test/support/postgres.ts';
import { ROUNDS, createSessions, event, load, median, percent, row, startBenchServer } from './support.ts';

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

/** Batches of 100 by eight connections, and a bare loop that sends the same rows to the same database in one INSERT each. */
async function batches(databaseUrl: () => Promise<string>) {
  const rates: Record<'full' | 'nodb' | 'bare', number[]> = { full: [], nodb: [], bare: [] };
  for (let round = 0; round < ROUNDS; round++) {
    const url = await databaseUrl();
    for (const mode of ['nodb', 'full'] as const) {
      const server = await startBenchServer(mode, { DATABASE_URL: url });
      await createSessions(server.url);
      const result = await load(server.url, 8, 'batches');
      await server.stop();
      if (result.failed > 0) throw new Error(`${mode}: ${result.failed} requests failed`);
      rates[mode].push(result.rate * 100);
    }
    rates.bare.push((await bareLoop(url)) * 100);
  }
  const [full, nodb, bare] = [median(rates.full), median(rates.nodb), median(rates.bare)];
  row('batches of 100, PostgreSQL', full, bare, nodb, percent(full, bare));
}

/** INSERTs of 100 rows a second, one after the other on one connection. */
async function bareLoop(databaseUrl: string): Promise<number> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  let position = 1e12;
  const rowOf = () => ({
    project_id: 'bare', position: position++, id: `evt_${randomUUID()}`, session_id: 'sess_1', event_type: 'tool_call', tool_name: 'search_kb', tool_input: event(1).toolInput,
    tool_output: event(1).toolOutput, reasoning: event(1).reasoning, estimated_cost: 0.001, created_at: new Date().toISOString(), bytes: 900, replaced: false,
  });
  const until = Date.now() + 4_000;
  let done = 0;
  for (; Date.now() < until; done++) {
    const rows = JSON.stringify(Array.from({ length: 100 }, rowOf));
    await client.query({ name: 'bare', text: 'INSERT INTO event SELECT * FROM json_populate_recordset(NULL::event, $1::json)', values: [rows] });
  }
  await client.end();
  return done / 4;
}

const only = process.argv[3];
const postgres = await startPostgres();
if ('missing' in postgres) throw new Error(postgres.missing);
const newDatabase = () => createDatabase(postgres.url, `bench_${randomUUID().replaceAll('-', '')}`);
const wants = (what: string) => only === undefined || only === what;
try {
  if (only !== 'batches') {
    row('flavour', 'connections', 'events/s', 'p50 / p99', 'one INSERT each', 'no database', 'against one each', 'of no database');
    row(...Array.from({ length: 8 }, () => '---'));
    if (wants('postgres')) for (const connections of [64, 256]) await single({ name: 'PostgreSQL', env: async () => ({ DATABASE_URL: await newDatabase() }) }, connections);
    if (wants('embedded')) await single({ name: 'embedded', env: () => Promise.resolve({}) }, 64);
    process.stdout.write('\n');
  }
  if (wants('batches')) {
    row('', 'events/s', 'bare loop', 'no database', 'of the bare loop');
    row(...Array.from({ length: 5 }, () => '---'));
    await batches(newDatabase);
  }
} finally {
  await postgres.stop();
}
