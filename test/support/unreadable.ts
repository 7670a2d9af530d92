import type { TestApp } from './app.ts';
import { eventually } from './live.ts';
import type { Tenant } from './tenant.ts';

type Server = Pick<TestApp, 'resources'>;

/** Puts an event into the table by hand, as a server of before there were bounds may have; `toolInput` is SQL. */
export async function insertEvent({ resources }: Server, { projectId }: Tenant, event: { id: string; sessionId: string; toolInput: string; bytes: number }): Promise<void> {
  // Making it may take longer than a read may.
  await resources.migrationPool.query(
    `WITH log AS (UPDATE project SET log_position = log_position + 1 WHERE id = $1 RETURNING log_position)
     INSERT INTO event (project_id, position, id, session_id, event_type, tool_name, tool_input, created_at, bytes, replaced)
     SELECT $1, log_position, $2, $3, 'tool_call', 'poison', (SELECT ${event.toolInput}), now(), $4, false FROM log`,
    [projectId, event.id, event.sessionId, event.bytes],
  );
}

/**
 * Takes away what the newest event keeps outside of its row (TOAST), as a damaged disk may: reading its payload then
 * fails, and only that.
 */
export async function damageNewestEvent({ resources: { migrationPool: pool } }: Server, { projectId }: Tenant): Promise<void> {
  const { rows } = await pool.query<{ toast: string }>("SELECT reltoastrelid::regclass::text AS toast FROM pg_class WHERE oid = 'event'::regclass");
  const { toast } = rows[0]!;
  await pool.query("UPDATE pg_class SET relkind = 'r' WHERE oid = $1::regclass", [toast]);
  await pool.query(`DELETE FROM ${toast} WHERE chunk_id = (SELECT max(chunk_id) FROM ${toast})`);
  await pool.query("UPDATE pg_class SET relkind = 't' WHERE oid = $1::regclass", [toast]);
  // What is deleted is still found by the row that points at it, until it is cleared away.
  await eventually(async () => {
    await pool.query('VACUUM event');
    const readable = await pool.query('SELECT tool_input::text FROM event WHERE project_id = $1 ORDER BY position DESC LIMIT 1', [projectId]).then(
      () => true,
      () => false,
    );
    if (readable) throw new Error('The event can still be read');
  });
}
