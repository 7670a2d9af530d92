// What a write waits for while others read: `npm run bench -- precedence [embedded | postgres]`.
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { openEmbeddedDatabase } from '../src/resources/embedded-database.ts';
import { migrate } from '../src/store/migrate.ts';
import { createDatabase, startPostgres } from '../test/support/postgres.ts';
import { event, KEY, post, row, startBenchServer } from './support.ts';

const SECONDS = Number(process.env['SECONDS'] ?? 15);
const WRITES_A_SECOND = 50;
const PER_SESSION = 10;
const SIZES = { embedded: 200_000, postgres: 2_000_000 };
const DAY_MS = 24 * 60 * 60 * 1000;

const backend = process.argv[3] === 'embedded' ? 'embedded' : 'postgres';
const only = process.argv[4];
/** Each reader puts three other digits in place of ### each time, so that no two ask the same. */
const month = `range: { from: "${new Date(Date.now() - 30 * DAY_MS).toISOString().replace(/...Z$/, '###Z')}", to: "${new Date().toISOString()}" }`;
const words = (n: number) => [...Array.from({ length: 9 }, (_, word) => `wo${(n + word) % 10}`), `${n}###`].join(' ');
const FIGURES = 'calls errors cost totalTokens durationMs { p50 p95 p99 }';

/** Who reads what. A question is a GraphQL operation, or a path. */
const READS: [name: string, clients: number, question: string][] = [
  ['40 searches in one query', 5, `{ ${Array.from({ length: 40 }, (_, n) => `s${n}: sessions(first: 5, filter: { search: "${words(n)}" }) { edges { node { id } } }`).join(' ')} }`],
  ['40 searches in one query', 60, `{ ${Array.from({ length: 40 }, (_, n) => `s${n}: sessions(first: 5, filter: { search: "${words(n)}" }) { edges { node { id } } }`).join(' ')} }`],
  ['toolStats of 30 days', 5, `{ toolStats(${month}) { toolName ${FIGURES} } }`],
  ['toolStats of 30 days', 20, `{ toolStats(${month}) { toolName ${FIGURES} } }`],
  ['modelStats by hour', 5, `{ modelStats(${month}, interval: HOUR) { model ${FIGURES} buckets { start calls } } }`],
  ['metrics by agent and day', 5, `{ metrics(${month}, groupBy: AGENT) { totals { runs } groups { key runs durationMs { p95 } buckets { runs } } } }`],
  ['conversations of an agent', 5, '{ conversations(first: 100, agentName: "agent3") { edges { node { convoId sessionCount cost } } } }'],
  ['pages of 500 events', 5, '/api/sdk/sessions/long/events?limit=500'],
  ['sessions with their events', 5, '{ sessions(first: 50) { edges { node { id name events(first: 20) { edges { node { id createdAt ... on ToolCallEvent { toolOutput } } } } } } } }'],
  ['replays from the start', 5, 'subscription { events(after: "0") { cursor event { id sessionId ... on ToolCallEvent { toolInput toolOutput } } } }'],
];

/** A project with so many events of the last 30 days, ten to a session, and one session with a hundredth of them. */
async function fill(pool: pg.Pool, events: number): Promise<void> {
  await migrate(pool);
  const sessions = events / PER_SESSION;
  const steps = Math.ceil(events / 100_000);
  await pool.query(`INSERT INTO project (id, name, log_position) VALUES ('default', 'default', $1)`, [events + sessions + 1]);
  for (let step = 0; step < steps; step++) {
    const between = (rows: number) => [Math.floor((rows / steps) * step) + 1, Math.floor((rows / steps) * (step + 1))];
    await pool.query(
      `INSERT INTO session (project_id, id, position, name, agent_name, user_id, convo_id, status, user_input, created_at, updated_at, event_count, duration_ms, event_cost)
       SELECT 'default', 's' || n, n, 'run wo1 wo2 wo3 ' || n, 'agent' || n % 20, 'user' || n % 500, 'convo' || n / 5, CASE WHEN n % 7 = 0 THEN 'failed' ELSE 'completed' END,
         to_jsonb('wo4 wo5 wo6 wo7 wo8 wo9 wo0 ' || md5(n::text) || repeat(' words of a question', 10)), now() - interval '30 days' * (1 - n::float8 / $3::int), now(), ${PER_SESSION}, n % 60000, 0.01
       FROM generate_series($1::int, $2::int) n`,
      [...between(sessions), sessions],
    );
    await pool.query(
      `INSERT INTO event (project_id, position, id, session_id, event_type, tool_name, model, tool_input, tool_output, total_tokens, estimated_cost, duration_ms, status, created_at, bytes)
       SELECT 'default', $4::int + n, 'e' || n, CASE WHEN n % 100 = 0 THEN 'long' ELSE 's' || (n - 1) / ${PER_SESSION} + 1 END, CASE WHEN n % 3 = 0 THEN 'llm_call' ELSE 'tool_call' END,
         'tool' || n % 40, CASE WHEN n % 3 = 0 THEN 'model' || n % 8 END, '{"query": "password reset"}',
         jsonb_build_object('text', repeat('KB article about resetting passwords. ', 8), 'n', n), 120, 0.001, (n * 7919::bigint) % 30000 + random(), 'success',
         now() - interval '30 days' * (1 - n::float8 / $3::int), 450
       FROM generate_series($1::int, $2::int) n`,
      [...between(events), events, sessions],
    );
  }
  await pool.query(`INSERT INTO session (project_id, id, position, name, agent_name, user_id, status, created_at, updated_at) VALUES ('default', 'long', $1, 'long', 'agent1', 'user1', 'active', now(), now())`, [
    events + sessions + 1,
  ]);
  for (const table of ['session', 'session_text', 'event']) await pool.query(`VACUUM ANALYZE ${table}`);
  await pool.query('CHECKPOINT');
}

const agent = new Agent({ keepAlive: true });

/** Milliseconds of one event, recorded. */
function write(url: string, n: number): Promise<number> {
  const body = JSON.stringify({ ...event(n), sessionId: `bench${n % 16}` });
  const began = performance.now();
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${KEY}`, 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    request(`${url}/api/sdk/events`, { agent, method: 'POST', headers }, (response) => {
      response.resume();
      response.on('end', () => (response.statusCode === 200 ? resolve(performance.now() - began) : reject(new Error(`a write was answered with ${response.statusCode}`))));
    })
      .on('error', reject)
      .end(body);
  });
}

/** Writes at a steady rate, whether or not the ones before were answered; sorted. */
async function writes(url: string): Promise<number[]> {
  const pending: Promise<number>[] = [];
  const began = performance.now();
  for (let n = 0; n < SECONDS * WRITES_A_SECOND; n++) {
    const due = began + (n * 1000) / WRITES_A_SECOND;
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, due - performance.now())));
    const answered = write(url, n);
    answered.catch(() => undefined); // thrown below
    pending.push(answered);
  }
  return (await Promise.all(pending)).sort((a, b) => a - b);
}

const at = (sorted: readonly number[], part: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;

async function measure(url: string): Promise<void> {
  for (let n = 0; n < 16; n++) await post(url, '/api/sdk/sessions', { id: `bench${n}`, name: 'bench', agentName: 'agent', userId: 'user' });
  await writes(url); // to warm up
  row('who reads', 'clients', 'write p50, ms', 'p99', 'longest', 'p50 against alone', 'reads a second', 'what became of them');
  row('---', '---', '---', '---', '---', '---', '---', '---');
  let alone = await writes(url);
  row('nobody', 0, at(alone, 0.5), at(alone, 0.99), at(alone, 1), '1 ×', 0, '');
  for (const [name, clients, question] of READS.filter(([what]) => !only || what.includes(only))) {
    const readers = spawn(process.execPath, ['--import', 'tsx', fileURLToPath(new URL('precedence-readers.ts', import.meta.url)), url, question, String(clients)], { stdio: ['ignore', 'pipe', 'inherit'] });
    const kill = () => readers.kill('SIGKILL'); // where the bench fails
    process.once('exit', kill);
    await new Promise((resolve) => setTimeout(resolve, 2_000)); // they are at it
    const times = await writes(url);
    readers.kill('SIGTERM');
    const [said] = (await once(readers.stdout, 'data')) as [Buffer];
    const became = JSON.parse(said.toString()) as Record<string, number>;
    await once(readers, 'exit');
    process.off('exit', kill);
    const reads = Object.values(became).reduce((sum, count) => sum + count, 0);
    const what = Object.entries(became).map(([code, count]) => `${count} ${code}`).join(', ');
    row(name, clients, at(times, 0.5), at(times, 0.99), at(times, 1), `${(at(times, 0.5) / at(alone, 0.5)).toFixed(1)} ×`, reads / (SECONDS + 2), what);
    await new Promise((resolve) => setTimeout(resolve, 3_000)); // what is under way ends
  }
  alone = await writes(url);
  row('nobody, again', 0, at(alone, 0.5), at(alone, 0.99), at(alone, 1), '', 0, '');
}

if (backend === 'embedded') {
  const folder = await mkdtemp(join(tmpdir(), 'sentrial-bench-'));
  try {
    const database = await openEmbeddedDatabase(folder);
    await fill(database.pool, SIZES.embedded);
    await database.close();
    const server = await startBenchServer('full', { SENTRIAL_DATA_DIR: folder });
    await measure(server.url);
    await server.stop();
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
} else {
  const postgres = await startPostgres();
  if ('missing' in postgres) throw new Error(postgres.missing);
  try {
    const url = await createDatabase(postgres.url, `bench_${randomUUID().replaceAll('-', '')}`);
    const pool = new pg.Pool({ connectionString: url });
    await fill(pool, SIZES.postgres);
    await pool.end();
    const server = await startBenchServer('full', { DATABASE_URL: url });
    await measure(server.url);
    await server.stop();
  } finally {
    await postgres.stop();
  }
}
agent.destroy();
