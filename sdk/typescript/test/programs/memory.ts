// Tracks EVENTS events of about 1 KB at the pace of an agent, to a server that is not there, and tells its memory.
import { SentrialClient } from '../../src/client.ts';

const count = Number(process.env['EVENTS']);
const MIB = 1024 * 1024;
let told = 0;
const client = new SentrialClient({
  apiKey: 'sentrial_live_x',
  apiUrl: 'http://127.0.0.1:9',
  maxRetries: 0,
  flushOnExit: false,
  batching: { maxQueueBytes: 4 * MIB },
  spool: process.env['SPOOL'] === 'off' ? false : { folder: process.env['SPOOL']!, maxBytes: 8 * MIB },
  onError: () => (told += 1),
});

function used(): number {
  gc!();
  const { heapUsed, external } = process.memoryUsage();
  return (heapUsed + external) / MIB;
}

const text = 'KB article about resetting passwords. '.repeat(20);
for (let n = 0; n < 2_000; n += 1) void client.trackToolCall({ sessionId: 's', toolName: 'warm up', toolOutput: text });
await client.flush(1_000);
const before = used();
let most = before;
for (let n = 1; n <= count; n += 1) {
  void client.trackToolCall({ sessionId: 's', toolName: 'search', toolInput: { n }, toolOutput: text + n });
  if (n % 500 === 0) await new Promise((resolve) => setImmediate(resolve));
  if (n % 10_000 === 0) most = Math.max(most, used());
}
const report = await client.flush(2_000);
process.stdout.write(`${JSON.stringify({ ...report, most: most - before, told })}\n`);
process.exit(0);
