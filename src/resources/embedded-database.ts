import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Pool } from 'pg';
import { lockFolder } from './folder-lock.ts';
import { createDatabase, PgliteBackend } from './pglite-backend.ts';
import { PgliteStream } from './pglite-stream.ts';

export type EmbeddedDatabase = {
  pool: Pool;
  /** Resolves with the reason when it has stopped by itself; then every query fails. */
  failed: Promise<Error>;
  close(): Promise<void>;
};

/** How long `close` waits for clients that are checked out; their transactions are then rolled back. */
const PATIENCE_MS = 5_000;

/**
 * Opens the PostgreSQL that lives in the folder, creating both where they are missing. Throws
 * FolderLockedError when another process has it open. `onTrouble` hears of what failed and harms nobody yet.
 */
export async function openEmbeddedDatabase(dataDir: string, onTrouble: (trouble: string) => void = () => undefined): Promise<EmbeddedDatabase> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const lock = await lockFolder(dataDir);
  try {
    const folder = join(dataDir, 'postgres');
    if (!existsSync(folder)) await createDatabase(folder);
    const backend = new PgliteBackend({ task: 'serve', folder }, onTrouble);
    await backend.ready;
    const pool = openPool(backend);
    let closing: Promise<void> | undefined;
    const close = async () => {
      try {
        if (!pool.ending) await Promise.race([pool.end(), delay(PATIENCE_MS, undefined, { ref: false })]);
        await backend.close();
      } finally {
        await lock.release();
      }
    };
    return { pool, failed: backend.failed, close: () => (closing ??= close()) };
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
