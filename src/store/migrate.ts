import { createHash, randomUUID } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Pool, PoolClient } from 'pg';

const FOLDER = fileURLToPath(new URL('../../prisma/migrations/', import.meta.url));

// Prisma's own lock id, so that `prisma migrate deploy` and a starting server wait for one another.
const ADVISORY_LOCK = 72_707_369;

// As Prisma makes it, so that its CLI finds its bookkeeping.
const BOOKKEEPING = `CREATE TABLE IF NOT EXISTS "_prisma_migrations" (
  "id" VARCHAR(36) PRIMARY KEY NOT NULL,
  "checksum" VARCHAR(64) NOT NULL,
  "finished_at" TIMESTAMPTZ,
  "migration_name" VARCHAR(255) NOT NULL,
  "logs" TEXT,
  "rolled_back_at" TIMESTAMPTZ,
  "started_at" TIMESTAMPTZ NOT NULL DEFAULT now(),
  "applied_steps_count" INTEGER NOT NULL DEFAULT 0
)`;

export class MigrationError extends Error {}

/**
 * Brings the database to the newest schema: applies prisma/migrations in name order, each in a transaction of
 * its own with its row in `_prisma_migrations`. Several servers may start at once; one migrates, the others wait.
 * Throws MigrationError where an applied file was changed afterwards, or one failed (it is then rolled back whole).
 */
export async function migrate(pool: Pool, folder: string = FOLDER): Promise<string[]> {
  const client = await pool.connect();
  try {
    await client.query('SELECT pg_advisory_lock($1)', [ADVISORY_LOCK]);
    await client.query(BOOKKEEPING);
    const applied = await applyMissing(client, folder);
    await client.query('SELECT pg_advisory_unlock($1)', [ADVISORY_LOCK]);
    client.release();
    return applied;
  } catch (error) {
    client.release(true); // ends the connection, and with it the lock and what was not committed
    throw error;
  }
}

async function applyMissing(client: PoolClient, folder: string): Promise<string[]> {
  const { rows } = await client.query<{ migration_name: string; checksum: string; finished_at: Date | null }>(
    'SELECT migration_name, checksum, finished_at FROM "_prisma_migrations" WHERE rolled_back_at IS NULL',
  );
  const known = new Map(rows.map((row) => [row.migration_name, row]));
  const names = (await readdir(folder, { withFileTypes: true })).filter((entry) => entry.isDirectory()).map((entry) => entry.name).sort();
  const applied: string[] = [];
  for (const name of names) {
    const sql = await readFile(`${folder}/${name}/migration.sql`, 'utf8');
    const checksum = createHash('sha256').update(sql).digest('hex');
    const row = known.get(name);
    if (row && row.checksum !== checksum) {
      throw new MigrationError(`Migration ${name} was changed after it had been applied. Restore the file, and put the change into a new migration`);
    }
    if (row && !row.finished_at) {
      throw new MigrationError(`Migration ${name} was begun and not finished by another tool. Resolve it with "prisma migrate resolve", then start again`);
    }
    if (row) continue;
    await apply(client, name, sql, checksum);
    applied.push(name);
  }
  return applied;
}

async function apply(client: PoolClient, name: string, sql: string, checksum: string) {
  await client.query('BEGIN');
  try {
    await client.query(sql);
    await client.query(
      `INSERT INTO "_prisma_migrations" (id, checksum, migration_name, finished_at, applied_steps_count) VALUES ($1, $2, $3, now(), 1)`,
      [randomUUID(), checksum, name],
    );
    await client.query('COMMIT');
  } catch (error) {
    throw new MigrationError(`Migration ${name} failed and was rolled back: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}
