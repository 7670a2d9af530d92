// The side of the client of bench/sdk-typescript.ts: measures one thing, and writes it as JSON.
import { SentrialClient } from '@sentrial/sdk';
import { event } from './support.ts';

const [what = '', count = '0'] = process.argv.slice(2);
const events = Number(count);
const MB = 1_000_000;

const SHAPES: { [name: string]: (n: number) => Record<string, unknown> } = {
  small: (n) => ({ sessionId: `sess_${n % 256}`, toolName: 'ping', toolInput: { n } }),
  kilobyte: (n) => event(n),
  large: (n) => ({ ...event(n), toolOutput: { rows: Array.from({ length: 100 }, (_, id) => ({ id, name: `name ${id}`, tags: ['a', 'b'], ok: true, score: id / 3 })) } }),
  mixed: (n) => ({ ...event(n), toolInput: new Map<string, unknown>([['n', BigInt(n)], ['at', new Date()]]), toolError: n % 2 === 0 ? new Error('no') : undefined }),
};

const write = (result: object) => process.stdout.write(JSON.stringify(result), () => process.exit(0));
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** The time of each call, with a turn of the event loop after every hundred, as an agent would leave. */
async function cost(shape: (n: number) => Record<string, unknown>) {
  const client = new SentrialClient({ spool: false, flushOnExit: false, onError: () => undefined });
  const times: number[] = [];
  for (let n = 0; n < events; n += 1) {
    const params = shape(n) as never;
    const start = performance.now();
    void client.trackToolCall(params);
    times.push((performance.now() - start) * 1_000);
    if (n % 100 === 99) await turn();
  }
  // The first half warms up.
  const sorted = times.slice(events / 2).sort((a, b) => a - b);
  return { p50: sorted[sorted.length >> 1], p99: sorted[Math.floor(sorted.length * 0.99)], most: sorted.at(-1) };
}

async function throughput() {
  const client = new SentrialClient({ flushOnExit: false });
  const start = performance.now();
  for (let n = 0; n < events; n += 1) {
    void client.trackToolCall(event(n));
    if (n % 100 === 99) await turn();
  }
  const { delivered } = await client.flush(300_000);
  if (delivered !== events) throw new Error(`${delivered} of ${events} delivered`);
  return { rate: (events / (performance.now() - start)) * 1_000 };
}

async function memory() {
  const collect = globalThis.gc as () => void;
  const used = () => {
    collect();
    const { heapUsed, external } = process.memoryUsage();
    return (heapUsed + external) / MB;
  };
  const client = new SentrialClient({ flushOnExit: false, onError: () => undefined });
  collect();
  const before = used();
  let most = 0;
  for (let n = 1; n <= events; n += 1) {
    void client.trackToolCall(event(n));
    if (n % 100 === 0) await turn();
    if (n % 5_000 === 0) most = Math.max(most, used() - before);
  }
  const report = await client.flush(300_000);
  return { most, after: used() - before, ...report };
}

const shape = SHAPES[what.replace('cost-', '')];
if (shape) write(await cost(shape));
else if (what === 'throughput') write(await throughput());
else if (what === 'memory') write(await memory());
else throw new Error(`What? ${what}`);
