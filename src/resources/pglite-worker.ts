import { mkdir, rename, rm, rmdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { syncEntries, syncFolder } from './durable-fs.ts';
import type { FromWorker, Job, ToWorker } from './pglite-messages.ts';
import { PgliteSession } from './pglite-session.ts';
import { Upkeep } from './pglite-upkeep.ts';
import { shareMemory } from './shared-memory.ts';

// The thread that PGlite lives in, so that a query does not hold up the server.

if (!parentPort) throw new Error('pglite-worker.ts runs as a worker thread');
const port = parentPort;
const tell = (message: FromWorker, transfer: ArrayBuffer[] = []) => port.postMessage(message, transfer);

/** Ends this thread at once, inside PostgreSQL too: nothing that happened in the failed request is answered. */
function fail(error: unknown): never {
  tell({ kind: 'failed', message: error instanceof Error ? error.message : String(error) });
  process.exit(1);
}

/**
 * Makes the database beside its folder and moves it there when all of it is on disk: whenever the power goes,
 * there is a whole database or none.
 */
async function create(folder: string): Promise<void> {
  const unfinished = `${folder}.new`;
  await rm(unfinished, { recursive: true, force: true });
  await mkdir(unfinished, { mode: 0o700 }); // PGlite makes its files readable and writable for everybody
  const session = await PgliteSession.open(unfinished, fail);
  await session.close();
  await syncFolder(unfinished);
  await rmdir(folder).catch(() => undefined); // an empty one may be there, and not every system replaces it
  await rename(unfinished, folder);
  await syncEntries(dirname(folder));
}

async function serve(folder: string, mostAnswerBytes: number): Promise<void> {
  shareMemory();
  const session = await PgliteSession.open(folder, fail);
  const interrupt = session.interrupt();
  let client: number | undefined;
  let settled = true;
  const upkeep = new Upkeep(session, () => settled, (trouble) => tell({ kind: 'trouble', message: trouble.message }));

  function hangUp(): void {
    session.reset();
    client = undefined;
    settled = true;
  }

  function answer(message: ToWorker & { kind: 'request' }, isNew: boolean): void {
    if (isNew) {
      if (client !== undefined) hangUp();
      client = message.connection;
    }
    const { connection } = message;
    const parts: Uint8Array[] = [];
    let size = 0;
    interrupt.allow(connection, () =>
      session.ask(message.bytes, (part) => {
        size += part.length;
        if (size <= mostAnswerBytes) parts.push(part);
        else interrupt.raise();
      }),
    );
    settled = message.settled;
    if (size > mostAnswerBytes) {
      tell({ kind: 'too large', connection, mostBytes: mostAnswerBytes });
    } else {
      const bytes = Buffer.concat(parts);
      tell({ kind: 'answer', connection, bytes }, [bytes.buffer]);
    }
    if (settled) upkeep.run();
  }

  let newest = -1;
  tell({ kind: 'ready', interrupt: interrupt.handle });
  port.on('message', (message: ToWorker) => {
    try {
      if (message.kind === 'request') {
        const isNew = message.connection > newest;
        newest = Math.max(newest, message.connection);
        if (isNew || message.connection === client) answer(message, isNew);
      } else if (message.kind === 'hang up') {
        if (message.connection === client) hangUp();
      } else {
        upkeep.stop();
        port.removeAllListeners('message');
        session.close().then(() => tell({ kind: 'closed' }), fail);
      }
    } catch (error) {
      fail(error);
    }
  });
}

const job = workerData as Job;
try {
  if (job.task === 'create') {
    await create(job.folder);
    tell({ kind: 'ready' });
  } else {
    await serve(job.folder, job.mostAnswerBytes);
  }
} catch (error) {
  fail(error);
}
