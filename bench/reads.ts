// A page of sessions and a page of a timeline over REST, in a project that grows ten times: `npm run bench -- reads`.
import { randomUUID } from 'node:crypto';
import { Agent, get as httpGet } from 'node:http';
import pg from 'pg';
import { createDatabase, startPostgres } from '../test/support/postgres.ts';
import { KEY, median, row, startBenchServer } from './support.ts';

const REQUESTS = 300;
const PER_SESSION = 200;

/** Fills the project `default` up to so many events, PER_SESSION to a session. */
async function fill(client: pg.Client, from: number, to: number): Promise<void> {
  await client.query(
    `INSERT INTO session (project_id, id, position, name, agent_name, user_id, status, created_at, updated_at, event_count)
     SELECT 'default', 's' || n, n * ${PER_SESSION}, 'run ' || n, 'agent' || n % 20, 'user' || n % 500, 'completed', now() - n * interval '1 second', now(), ${PER_SESSION}
     FROM generate_series($1::int, $2::int) n`,
    [from / PER_SESSION + 1, to / PER_SESSION],
  );
  await client.query(
    `INSERT INTO event (project_id, position, id, session_id, event_type, tool_name, tool_input, tool_output, reasoning, estimated_cost, created_at, bytes)
     SELECT 'default', n, 'e' || n, 's' || (n - 1) / ${PER_SESSION} + 1, 'tool_call', 'search_kb', '{"query": "password reset"}',
       jsonb_build_object('text', repeat('KB article about resetting passwords. ', 18), 'n', n), 'User needs password help', 0.001, now() - n * interval '5 ms', 900
     FROM generate_series($1::int, $2::int) n`,
    [from + 1, to],
  );
  await client.query('VACUUM ANALYZE session');
  await client.query('VACUUM ANALYZE event');
}

/** Median milliseconds of one after the other. */
async function time(work: (n: number) => Promise<unknown>): Promise<number> {
  const times: number[] = [];
  for (let n = 0; n < REQUESTS; n++) {
    const begun = performance.now();
    await work(n);
    if (n >= REQUESTS / 10) times.push(performance.now() - begun);
  }
  return median(times);
}

const postgres = await startPostgres();
if ('missing' in postgres) throw new Error(postgres.missing);
try {
  const url = await createDatabase(postgres.url, `bench_${randomUUID().replaceAll('-', '')}`);
  const server = await startBenchServer('full', { DATABASE_URL: url });
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  // One kept connection, and rows parsed, as `pg` has them; not fetch, which costs more than the server.
  const get = (path: string) =>
    new Promise<unknown>((resolve, reject) => {
      httpGet(`${server.url}/api/sdk${path}`, { agent, headers: { authorization: `Bearer ${KEY}` } }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => resolve(JSON.parse(Buffer.concat(chunks).toString('utf8'))));
      }).on('error', reject);
    });
  row('events in the project', 'page', 'GET ms', 'bare SELECT ms', 'times');
  row('---', '---', '---', '---', '---');
  let filled = 0;
  for (const size of [100_000, 1_000_000]) {
    await fill(client, filled, size);
    filled = size;
    const session = (n: number) => `s${(n * 37) % (size / PER_SESSION) + 1}`;
    const cases = [
      ['50 sessions', () => get('/sessions?limit=50'), () => client.query({ name: 's', text: `SELECT * FROM session WHERE project_id = 'default' ORDER BY created_at DESC, id DESC LIMIT 51` })],
      [
        '100 events',
        (n: number) => get(`/sessions/${session(n)}/events?limit=100`),
        (n: number) => client.query({ name: 'e', text: `SELECT * FROM event WHERE project_id = 'default' AND session_id = $1 ORDER BY position LIMIT 101`, values: [session(n)] }),
      ],
    ] as const;
    for (const [name, served, bare] of cases) {
      const [a, b] = [await time(served), await time(bare)];
      row(size, name, a.toFixed(2), b.toFixed(2), `${(a / b).toFixed(1)} ×`);
    }
  }
  agent.destroy();
  await client.end();
  await server.stop();
} finally {
  await postgres.stop();
}
