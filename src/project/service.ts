import type { Pool } from 'pg';
import { PERMISSIONS } from '../auth/caller.ts';
import { hashKey, newKey, shownPrefix } from '../auth/key-format.ts';
import { newId } from '../store/ids.ts';
import { transaction } from '../store/transaction.ts';

/** The project that a first start creates, and that `npm run keys` uses. */
export const DEFAULT_PROJECT = 'default';

/**
 * Makes sure there is a project and a key to begin with. Returns a key only where it made one of its own: it is
 * shown once and kept nowhere. A given bootstrap key is created if missing and left alone if there.
 * Several servers may do this at once. By plain SQL: a server that only takes events in never loads Prisma's query
 * compiler, which costs a start 0.2 s and 40 MB.
 */
export async function bootstrap(pool: Pool, bootstrapKey: string | undefined): Promise<string | undefined> {
  const key = bootstrapKey ?? newKey();
  const { rowCount: keys } = await transaction(pool, async (client) => {
    await client.query('INSERT INTO project (id, name) VALUES ($1, $1) ON CONFLICT DO NOTHING', [DEFAULT_PROJECT]);
    // Whoever else starts now waits here, and then finds the first key.
    await client.query('SELECT 1 FROM project WHERE id = $1 FOR UPDATE', [DEFAULT_PROJECT]);
    return client.query(
      `INSERT INTO api_key (project_id, id, name, prefix, hash, scopes)
       SELECT $1, $2, $3, $4, $5, $6 WHERE $7 OR NOT EXISTS (SELECT 1 FROM api_key WHERE project_id = $1)
       ON CONFLICT DO NOTHING`,
      [DEFAULT_PROJECT, newId('key'), bootstrapKey ? 'bootstrap' : 'first', shownPrefix(key), hashKey(key), [...PERMISSIONS], bootstrapKey !== undefined],
    );
  });
  return bootstrapKey === undefined && keys === 1 ? key : undefined;
}
