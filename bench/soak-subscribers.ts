// The readers of bench/soak.ts, in a process of their own: `soak-subscribers.ts <url> <key> <reading> <whole> <stalled>`.
// Every 200 ms it tells how many messages its readers got, and how many of them broke off.
import { once } from 'node:events';
import { WebSocket } from 'ws';

const [url = '', key = '', ...counts] = process.argv.slice(2);
const [reading = 0, whole = 0, stalled = 0] = counts.map(Number);

const SMALL = 'subscription { events(after: "0") { cursor event { id sessionId eventType createdAt reasoning } } }';
const WHOLE = 'subscription { events(after: "0") { cursor event { id sessionId eventType createdAt reasoning ... on ToolCallEvent { toolName toolInput toolOutput } } } }';
/** A stalled reader stands still for so long, and then comes back to read the log from its beginning. */
const STALL_MS = 20_000;

let received = 0;
let broken = 0;

/** Tries until it is subscribed: a busy machine may be too slow for the server's patience. */
async function open(query: string): Promise<WebSocket> {
  for (;;) {
    const socket = new WebSocket(`${url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws');
    socket.on('error', () => undefined); // 'close' follows
    socket.once('open', () => socket.send(JSON.stringify({ type: 'connection_init', payload: { apiKey: key } })));
    const [first] = (await Promise.race([once(socket, 'message'), once(socket, 'close')])) as [Buffer | number];
    if (typeof first === 'number') continue;
    socket.send(JSON.stringify({ id: '1', type: 'subscribe', payload: { query } }));
    return socket;
  }
}

const NEXT = '"type":"next"';

async function read(query: string): Promise<void> {
  const socket = await open(query);
  socket.on('message', (data: Buffer) => {
    if (data.subarray(0, 64).includes(NEXT)) return void (received += 1);
    const { type } = JSON.parse(data.toString()) as { type: string };
    if (type === 'ping') socket.send('{"type":"pong"}');
  });
  socket.on('close', () => (broken += 1));
}

async function stall(): Promise<void> {
  const socket = await open(WHOLE);
  socket.pause();
  setTimeout(() => {
    socket.terminate();
    void stall();
  }, STALL_MS);
}

for (let n = 0; n < reading + whole + stalled; n++) await (n < reading ? read(SMALL) : n < reading + whole ? read(WHOLE) : stall());
process.send?.({ ready: true, received, broken });
setInterval(() => process.send?.({ received, broken }), 200);
process.once('disconnect', () => process.exit());
