import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Pool } from 'pg';
import { boundAnswers, MOST_ANSWER_BYTES } from './answer-bound.ts';
import { explained, hasDatabase } from './data-folder.ts';
import { lockFolder } from './folder-lock.ts';
import { Lane } from './lane.ts';
import { createDatabase, PgliteBackend } from './pglite-backend.ts';
import { PgliteStream } from './pglite-stream.ts';
import { Turns } from './turns.ts';
import type { Precedence } from './turns.ts';

export type EmbeddedDatabase = {
  /** The one session, first come, first served. */
  pool: Pool;
  /** The same session, shared by precedence: only by those who all use lanes. */
  lane(precedence: Precedence): Pool;
  /** Resolves with the reason when it has stopped by itself; then every query fails. */
  failed: Promise<Error>;
  close(): Promise<void>;
};

/** How long `close` waits for clients that are checked out; their transactions are then rolled back. */
const PATIENCE_MS = 5_000;

type Options = {
  /** The longest answer to one statement, in bytes. */
  mostAnswerBytes?: number;
  /** Hears of what failed and harms nobody yet. */
  onTrouble?: (trouble: string) => void;
};

/**
 * Opens the PostgreSQL that lives in the folder, creating both where they are missing. Throws FolderLockedError when
 * another process has it open, and DataFolderError where the disk or what is on it is at fault.
 */
export async function openEmbeddedDatabase(dataDir: string, options: Options = {}): Promise<EmbeddedDatabase> {
  try {
    await mkdir(dataDir, { recursive: true, mode: 0o700 });
    return await openLocked(dataDir, options);
  } catch (error) {
    throw explained(error, dataDir) ?? error;
  }
}

async function openLocked(dataDir: string, { mostAnswerBytes = MOST_ANSWER_BYTES, onTrouble = () => undefined }: Options): Promise<EmbeddedDatabase> {
  const lock = await lockFolder(dataDir);
  try {
    const folder = join(dataDir, 'postgres');
    if (!(await hasDatabase(folder))) await createDatabase(folder);
    const backend = new PgliteBackend({ task: 'serve', folder, mostAnswerBytes }, onTrouble);
    await backend.ready;
    const pool = openPool(backend);
    boundAnswers(pool, mostAnswerBytes);
    const turns = new Turns(() => backend.interrupt());
    let closing: Promise<void> | undefined;
    const close = async () => {
      try {
        if (!pool.ending) await Promise.race([pool.end(), delay(PATIENCE_MS, undefined, { ref: false })]);
        await backend.close();
      } finally {
        await lock.release();
      }
    };
    return { pool, lane: (precedence) => new Lane(pool, turns, precedence), failed: backend.failed, close: () => (closing ??= close()) };
  } catch (error) {
    await lock.release();
    throw error;
  }
}

function openPool(backend: PgliteBackend): Pool {
  const pool = new Pool({
    stream: () => new PgliteStream(backend),
    max: 1, // PGlite has one session
    idleTimeoutMillis: 0,
    user: 'postgres',
    database: 'postgres',
    ssl: false,
  });
  // Without a listener the failure of an idle client ends the process; the next query gets the same error.
  pool.on('error', () => undefined);
  return pool;
}
