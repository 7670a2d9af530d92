// Events to 1,000 subscribers of one document, against a bare ws broadcast of the same message: `npm run bench -- fanout`.
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { WebSocket } from 'ws';
import { createDatabase, startPostgres } from '../test/support/postgres.ts';
import { KEY, ROUNDS, createSessions, event, median, percent, post, row, startBenchServer } from './support.ts';

const SUBSCRIBERS = 1_000;
const WINDOW = 20;
const SECONDS = 4;
const DOCUMENT = 'subscription { events(after: "0") { cursor event { id sessionId eventType createdAt reasoning ... on ToolCallEvent { toolName toolInput toolOutput } } } }';

/** Counts what arrives on all sockets together. */
class Arrivals {
  #count = 0;
  #wanted = 0;
  #done: (() => void) | undefined;
  readonly arrived = () => {
    if (++this.#count >= this.#wanted) this.#done?.();
  };
  wait(more: number): Promise<void> {
    this.#wanted = this.#count + more;
    return new Promise((resolve) => (this.#done = resolve));
  }
}

/** Deliveries a second, with a window of messages in flight. */
async function saturate(arrivals: Arrivals, send: () => Promise<void>): Promise<number> {
  const begun = Date.now();
  let windows = 0;
  while (Date.now() - begun < SECONDS * 1000) {
    const all = arrivals.wait(WINDOW * SUBSCRIBERS);
    await Promise.all([send(), all]);
    windows++;
  }
  return (windows * WINDOW * SUBSCRIBERS * 1000) / (Date.now() - begun);
}

async function sentrial(databaseUrl: string): Promise<{ rate: number; message: string }> {
  const server = await startBenchServer('full', { DATABASE_URL: databaseUrl });
  await createSessions(server.url);
  const arrivals = new Arrivals();
  let message = '';
  const sockets = await Promise.all(
    Array.from({ length: SUBSCRIBERS }, async (_, i) => {
      const socket = new WebSocket(`${server.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws');
      await once(socket, 'open');
      socket.send(JSON.stringify({ type: 'connection_init', payload: { apiKey: KEY } }));
      await once(socket, 'message');
      socket.on('message', (data) => {
        if (message === '') message = (data as Buffer).toString();
        arrivals.arrived();
      });
      socket.send(JSON.stringify({ id: String(i), type: 'subscribe', payload: { query: DOCUMENT } }));
      return socket;
    }),
  );
  // Subscribing is not acknowledged by the protocol; from the beginning of the log, who comes late gets this one too.
  const everyone = arrivals.wait(SUBSCRIBERS);
  await post(server.url, '/api/sdk/events', event(0));
  await everyone;
  const rate = await saturate(arrivals, () => post(server.url, '/api/sdk/events/batch', { events: Array.from({ length: WINDOW }, (_, i) => event(i)) }));
  for (const socket of sockets) socket.terminate();
  await server.stop();
  return { rate, message };
}

async function bare(message: string): Promise<number> {
  const child = spawn(process.execPath, ['--import', 'tsx', fileURLToPath(new URL('broadcast.ts', import.meta.url))], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const arrivals = new Arrivals();
  const open = async () => {
    const socket = new WebSocket(line.toString().trim());
    await once(socket, 'open');
    return socket;
  };
  const sockets = await Promise.all(Array.from({ length: SUBSCRIBERS }, open));
  for (const socket of sockets) socket.on('message', arrivals.arrived);
  const control = await open();
  const rate = await saturate(arrivals, () => new Promise((resolve) => control.send(`send ${WINDOW} ${message}`, () => resolve())));
  for (const socket of [...sockets, control]) socket.terminate();
  child.kill('SIGTERM');
  await once(child, 'exit');
  return rate;
}

const postgres = await startPostgres();
if ('missing' in postgres) throw new Error(postgres.missing);
try {
  const rates: { sentrial: number[]; bare: number[] } = { sentrial: [], bare: [] };
  for (let round = 0; round < ROUNDS; round++) {
    const served = await sentrial(await createDatabase(postgres.url, `bench_${randomUUID().replaceAll('-', '')}`));
    rates.sentrial.push(served.rate);
    rates.bare.push(await bare(served.message));
  }
  row('subscribers', 'deliveries/s', 'bare ws broadcast', 'of it');
  row('---', '---', '---', '---');
  row(SUBSCRIBERS, median(rates.sentrial), median(rates.bare), percent(median(rates.sentrial), median(rates.bare)));
} finally {
  await postgres.stop();
}
