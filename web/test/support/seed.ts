import type { TestApp } from '../../../test/support/app.ts';

// Many rows at once, by SQL: what the doors would have written, in seconds instead of minutes.

/** Sessions "seeded 1" to "seeded <count>", one a second up to now, all ended. They are not found by text. */
export async function seedSessions(server: TestApp, projectId: string, count: number): Promise<void> {
  const { pool } = server.resources;
  await pool.query('ALTER TABLE session DISABLE TRIGGER keep_session_text');
  await pool.query(
    `INSERT INTO session (project_id, id, position, name, agent_name, user_id, status, created_at, updated_at, completed_at, duration_ms, estimated_cost, event_count)
     SELECT $1, 'seed-' || n, n, 'seeded ' || n, 'agent-' || n % 7, 'user-' || n % 101, CASE WHEN n % 9 = 0 THEN 'failed' ELSE 'completed' END,
       now() - make_interval(secs => $2::int - n), now(), now(), n % 5000, 0.001, n % 40
     FROM generate_series(1, $2::int) AS n`,
    [projectId, count],
  );
  await pool.query('ALTER TABLE session ENABLE TRIGGER keep_session_text');
  await pool.query('UPDATE project SET log_position = $2 WHERE id = $1', [projectId, count]);
}

/** So many tool calls of a session, after what the log of its project holds: "tool-1" and so on, or from another number on. */
export async function seedEvents(server: TestApp, projectId: string, sessionId: string, count: number, from = 1): Promise<void> {
  const { pool } = server.resources;
  await pool.query(
    `INSERT INTO event (project_id, position, id, session_id, event_type, tool_name, tool_input, status, duration_ms, created_at, bytes)
     SELECT $1, p.log_position + n, $2 || '-' || n + $4, $2, 'tool_call', 'tool-' || n + $4, jsonb_build_object('n', n), 'success', n % 300, now() - make_interval(secs => ($3::int - n) * 0.01), 200
     FROM project p, generate_series(1, $3::int) AS n WHERE p.id = $1`,
    [projectId, sessionId, count, from - 1],
  );
  await pool.query(
    `UPDATE session s SET event_count = event_count + $3, tool_call_count = tool_call_count + $3, last_event_at = now(), position = p.log_position + $3
     FROM project p WHERE p.id = $1 AND s.project_id = $1 AND s.id = $2`,
    [projectId, sessionId, count],
  );
  await pool.query('UPDATE project SET log_position = log_position + $2 WHERE id = $1', [projectId, count]);
}
