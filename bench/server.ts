/**
 * A server to measure, in a process of its own: the real one, or the same one with another writer.
 *
 *   full    as it ships
 *   naive   one INSERT (one append_to_log) per change, many in flight: what a server without group commit does
 *   nodb    answers as if the write had happened; the limit that HTTP, authentication and validation set
 */
import { createApp } from '../src/app.ts';
import { readConfig } from '../src/config.ts';
import { createLogger } from '../src/log.ts';
import { createMetrics } from '../src/metrics.ts';
import { openResources } from '../src/resources/open.ts';
import type { Change } from '../src/store/change.ts';
import { flush } from '../src/store/flush.ts';
import type { Outcome, Writer } from '../src/store/writer.ts';

const mode = process.argv[2] ?? 'full';
const config = readConfig(process.env);
const log = createLogger(config.logLevel);
const using = { log, metrics: createMetrics() };
const resources = await openResources(config, using);
const app = await createApp(resources, config, using);

let position = 1;
const noDatabase: Writer = {
  write: (changes: readonly Change[]) => Promise.resolve(changes.map((): Outcome => ({ outcome: 'stored', position: position++, found: null }))),
  waiting: () => ({ rows: 0, bytes: 0 }),
  close: () => Promise.resolve(),
};

/** Every change takes a connection of the pool, waits for the project's lock, and commits alone. */
const oneByOne: Writer = {
  ...noDatabase,
  write: (changes) =>
    Promise.all(
      changes.map(async (change) => {
        const { written } = await flush(resources.pool, [change], { limits: config.limits, wait: 5_000 });
        return written.get(change)!;
      }),
    ),
};

if (mode === 'nodb') app.services.writer = noDatabase;
if (mode === 'naive') app.services.writer = oneByOne;

process.stdout.write(`${await app.http.listen({ port: config.port, host: config.host })}\n`);
process.on('SIGTERM', () => void app.close().then(() => resources.close()).then(() => process.exit(0)));
