-- Bounds (docs/promises.md, P10): what a session weighs when it is read is kept with it; what an event weighs is
-- measured again where it may have been measured wrong; and append_to_log refuses what grows beyond a bound.

-- AlterTable
ALTER TABLE "session" ADD COLUMN "bytes" INTEGER NOT NULL DEFAULT 0;

-- How many bytes of text the wide columns of a session are, as they are printed when it is read.
CREATE FUNCTION session_bytes(s session) RETURNS bigint LANGUAGE sql STABLE AS $$
  SELECT octet_length(s.id)::bigint + octet_length(s.name) + octet_length(s.agent_name) + octet_length(s.user_id)
    + coalesce(octet_length(s.convo_id), 0) + coalesce(octet_length(s.parent_session_id), 0)
    + coalesce(octet_length(s.failure_reason), 0) + coalesce(octet_length(s.summary), 0)
    + coalesce(octet_length(s.user_input::text), 0) + coalesce(octet_length(s.assistant_output::text), 0)
    + coalesce(octet_length(s.metadata::text), 0) + coalesce(octet_length(s.custom_metrics::text), 0)
$$;

-- Until now an event's "bytes" were those of the JSON that was sent, in which 1e308 is five bytes; the database prints
-- 309. That is at most 52 times as much, so only events beyond this size can be heavier than one read may be. Printing
-- one can fail for want of memory: it then weighs as much as the column holds, and is read without its payloads.
DO $$
DECLARE
  item record;
  weight bigint;
BEGIN
  FOR item IN SELECT e.project_id, e.position FROM event e WHERE e.bytes > 300000 LOOP
    BEGIN
      SELECT greatest(e.bytes,
          coalesce(octet_length(e.tool_input::text), 0)::bigint + coalesce(octet_length(e.tool_output::text), 0)
          + coalesce(octet_length(e.tool_error::text), 0) + coalesce(octet_length(e.alternatives_considered::text), 0)
          + coalesce(octet_length(e.prompt::text), 0) + coalesce(octet_length(e.response::text), 0)
          + coalesce(octet_length(e.state_before::text), 0) + coalesce(octet_length(e.state_after::text), 0)
          + coalesce(octet_length(e.metadata::text), 0) + coalesce(octet_length(e.reasoning), 0)
          + coalesce(octet_length(e.error_message), 0) + coalesce(octet_length(e.error_stack), 0))
        INTO weight FROM event e WHERE e.project_id = item.project_id AND e.position = item.position;
    EXCEPTION WHEN OTHERS THEN
      weight := 2147483647;
    END;
    UPDATE event e SET bytes = least(weight, 2147483647)
      WHERE e.project_id = item.project_id AND e.position = item.position AND e.bytes <> least(weight, 2147483647);
  END LOOP;
  FOR item IN SELECT s.project_id, s.id FROM session s LOOP
    BEGIN
      SELECT session_bytes(s) INTO weight FROM session s WHERE s.project_id = item.project_id AND s.id = item.id;
    EXCEPTION WHEN OTHERS THEN
      weight := 2147483647;
    END;
    UPDATE session s SET bytes = least(weight, 2147483647) WHERE s.project_id = item.project_id AND s.id = item.id;
  END LOOP;
END
$$;

-- append_to_log: the one way in which sessions and events are written (src/store/writer.ts calls it, once a flush).
--
-- It runs as one statement, so as one transaction and one round trip. It takes the project rows first, in id
-- order, and holds them until commit: position order is therefore commit order, several servers wait for one
-- another and never deadlock, and every later statement of the function sees what the earlier holder committed.
-- A position is taken only for a row that is written, so the positions of a log have no holes.
--
--   p_projects  [{ project_id, events }]: the projects of this flush, and how many of its events each has
--   p_sessions  rows of "session" to create, without position
--   p_events    rows of "event" to append; their position counts from 1 in each project
--   p_rollups   what the events add to each session: [{ project_id, session_id, position, … }]
--   p_named     [{ project_id, id }]: event ids that may be there already
--   p_updates   [{ project_id, session_id, at, patch, key?, fingerprint? }]: patch holds columns of "session"
--   p_wait      milliseconds to wait for a lock (then error 55P03); null: a project that is locked is not waited for
--   p_largest_session, p_largest_metadata   bounds, in bytes, of a session and of each of its merged objects
--   p_largest_found   a found session with more bytes is left out, which bounds this answer: the caller reads it by id
--
-- It returns, in this order:
--   busy        the project is locked elsewhere; where there is one, nothing at all is written
--   session     one row for each session to create; "key" is its 1-based place, "found" the row where it was there
--   no_session  events were sent for the session "key", which does not exist
--   taken       an event with the id "key" is there: its position, and in "found" its fingerprint and created_at
--   events      the events of a project are written: their positions count on from "position"
--   update      one row for each update, as for session; "found" is the session as it now stands, or where the outcome
--               is too_large { what, bytes, largest }
-- Where there is a no_session or taken, no event and no update is written: the caller sorts them out and sends the rest.
CREATE FUNCTION append_to_log(p_projects json, p_sessions json, p_events json, p_rollups json, p_named json, p_updates json,
  p_wait integer, p_largest_session integer, p_largest_metadata integer, p_largest_found integer)
RETURNS TABLE (kind text, project_id text, key text, outcome text, "position" bigint, found jsonb)
LANGUAGE plpgsql
-- The lookups are by key, a few hundred at most: no statistics, or those of an empty table, may talk the
-- planner into scanning a table that has grown since.
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
-- The settings above price a plan as if it were endless, which would have it compiled, or planned again each time.
SET jit = off
SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
DECLARE
  item record;
  was session;
  now_is session;
  applied record;
  taken bigint;
  weight bigint;
  grown jsonb;
  blocked boolean := false;
BEGIN
  PERFORM set_config('lock_timeout', coalesce(p_wait, 250)::text, true);
  IF p_wait IS NULL THEN
    RETURN QUERY
    WITH wanted AS (SELECT c.project_id AS id FROM json_to_recordset(p_projects) AS c (project_id text)),
    free AS MATERIALIZED (SELECT p.id FROM project p WHERE p.id IN (SELECT w.id FROM wanted w) ORDER BY p.id FOR NO KEY UPDATE SKIP LOCKED)
    SELECT 'busy', p.id, NULL, NULL, NULL::bigint, NULL::jsonb
    FROM wanted w JOIN project p ON p.id = w.id
    WHERE NOT EXISTS (SELECT FROM free f WHERE f.id = w.id);
    IF FOUND THEN
      RETURN;
    END IF;
  ELSE
    PERFORM 1 FROM project p
    WHERE p.id IN (SELECT c.project_id FROM json_to_recordset(p_projects) AS c (project_id text))
    ORDER BY p.id FOR NO KEY UPDATE;
  END IF;

  IF p_sessions IS NOT NULL THEN
    FOR item IN
      SELECT i.ordinality AS n, i.value AS doc FROM json_array_elements(p_sessions) WITH ORDINALITY AS i
    LOOP
      now_is := json_populate_record(NULL::session, item.doc);
      SELECT s.* INTO was FROM session s WHERE s.project_id = now_is.project_id AND s.id = now_is.id;
      IF FOUND THEN
        RETURN QUERY SELECT 'session', now_is.project_id, item.n::text,
          CASE WHEN was.fingerprint IS NOT DISTINCT FROM now_is.fingerprint THEN 'duplicate' ELSE 'conflict' END,
          was.position, CASE WHEN was.bytes <= p_largest_found THEN to_jsonb(was) END;
        CONTINUE;
      END IF;
      UPDATE project p SET log_position = p.log_position + 1 WHERE p.id = now_is.project_id
        RETURNING p.log_position INTO taken;
      IF NOT FOUND THEN
        RETURN QUERY SELECT 'session', now_is.project_id, item.n::text, 'no_project', NULL::bigint, NULL::jsonb;
        CONTINUE;
      END IF;
      now_is.position := taken;
      now_is.bytes := session_bytes(now_is);
      INSERT INTO session SELECT now_is.*;
      RETURN QUERY SELECT 'session', now_is.project_id, item.n::text, 'stored', taken, NULL::jsonb;
    END LOOP;
  END IF;

  IF p_events IS NOT NULL THEN
    RETURN QUERY
    SELECT 'no_session', r.project_id, r.session_id, NULL, NULL::bigint, NULL::jsonb
    FROM json_to_recordset(p_rollups) AS r (project_id text, session_id text)
    WHERE NOT EXISTS (SELECT FROM session s WHERE s.project_id = r.project_id AND s.id = r.session_id);
    blocked := FOUND;
    IF p_named IS NOT NULL THEN
      RETURN QUERY
      SELECT 'taken', e.project_id, e.id, NULL, e.position, jsonb_build_object('fingerprint', e.fingerprint, 'created_at', e.created_at)
      FROM json_to_recordset(p_named) AS n (project_id text, id text)
      JOIN event e ON e.project_id = n.project_id AND e.id = n.id;
      blocked := blocked OR FOUND;
    END IF;
    IF blocked THEN
      RETURN;
    END IF;

    RETURN QUERY
    UPDATE project p SET log_position = p.log_position + c.events
    FROM json_to_recordset(p_projects) AS c (project_id text, events integer)
    WHERE p.id = c.project_id AND c.events > 0
    RETURNING 'events', p.id, NULL, 'stored', p.log_position - c.events, NULL::jsonb;

    INSERT INTO event (project_id, position, id, session_id, event_type, tool_name, tool_input, tool_output, tool_error,
      reasoning, alternatives_considered, chosen, confidence, model, prompt, response, prompt_tokens,
      completion_tokens, total_tokens, estimated_cost, duration_ms, status, error_type, error_message, error_stack,
      recoverable, recovery_action, state_before, state_after, trace_id, span_id, parent_event_id, branch_name,
      metadata, created_at, client_timestamp, bytes, replaced, fingerprint)
    SELECT i.project_id, p.log_position - c.events + i.position, i.id, i.session_id, i.event_type, i.tool_name, i.tool_input, i.tool_output, i.tool_error,
      i.reasoning, i.alternatives_considered, i.chosen, i.confidence, i.model, i.prompt, i.response, i.prompt_tokens,
      i.completion_tokens, i.total_tokens, i.estimated_cost, i.duration_ms, i.status, i.error_type, i.error_message, i.error_stack,
      i.recoverable, i.recovery_action, i.state_before, i.state_after, i.trace_id, i.span_id, i.parent_event_id, i.branch_name,
      i.metadata, i.created_at, i.client_timestamp, i.bytes, coalesce(i.replaced, false), i.fingerprint
    FROM json_to_recordset(p_projects) AS c (project_id text, events integer)
    JOIN project p ON p.id = c.project_id
    JOIN json_populate_recordset(NULL::event, p_events) AS i ON i.project_id = c.project_id;

    UPDATE session s SET
      position = p.log_position - c.events + r.position,
      updated_at = greatest(s.updated_at, r.last_at),
      event_count = s.event_count + r.events,
      tool_call_count = s.tool_call_count + r.tool_calls,
      decision_count = s.decision_count + r.decisions,
      llm_call_count = s.llm_call_count + r.llm_calls,
      state_change_count = s.state_change_count + r.state_changes,
      error_count = s.error_count + r.errors,
      event_prompt_tokens = s.event_prompt_tokens + r.prompt_tokens,
      event_completion_tokens = s.event_completion_tokens + r.completion_tokens,
      event_total_tokens = s.event_total_tokens + r.total_tokens,
      event_cost = s.event_cost + r.cost,
      last_event_at = greatest(s.last_event_at, r.last_at)
    FROM json_to_recordset(p_projects) AS c (project_id text, events integer)
    JOIN project p ON p.id = c.project_id
    JOIN json_to_recordset(p_rollups) AS r (project_id text, session_id text, position bigint, last_at timestamptz, events integer,
      tool_calls integer, decisions integer, llm_calls integer, state_changes integer, errors integer,
      prompt_tokens bigint, completion_tokens bigint, total_tokens bigint, cost numeric) ON r.project_id = c.project_id
    WHERE s.project_id = r.project_id AND s.id = r.session_id;
  END IF;

  IF p_updates IS NOT NULL THEN
    FOR item IN
      SELECT i.* FROM ROWS FROM (json_to_recordset(p_updates)
        AS (project_id text, session_id text, at timestamptz, patch jsonb, key text, fingerprint text))
        WITH ORDINALITY AS i (project_id, session_id, at, patch, key, fingerprint, n)
    LOOP
      SELECT s.* INTO was FROM session s WHERE s.project_id = item.project_id AND s.id = item.session_id;
      IF NOT FOUND THEN
        RETURN QUERY SELECT 'update', item.project_id, item.n::text, 'no_session', NULL::bigint, NULL::jsonb;
        CONTINUE;
      END IF;
      IF item.key IS NOT NULL THEN
        SELECT u.* INTO applied FROM session_update u WHERE u.project_id = item.project_id AND u.key = item.key;
        IF FOUND THEN
          RETURN QUERY SELECT 'update', item.project_id, item.n::text,
            CASE WHEN applied.fingerprint = item.fingerprint THEN 'duplicate' ELSE 'conflict' END,
            was.position, CASE WHEN was.bytes <= p_largest_found THEN to_jsonb(was) END;
          CONTINUE;
        END IF;
      END IF;
      -- One that was stored before there was a bound may be too large to print: nothing is added to it, and it is not measured.
      IF was.bytes > p_largest_session AND item.patch ?| ARRAY['user_input', 'assistant_output', 'metadata', 'custom_metrics', 'summary', 'failure_reason'] THEN
        RETURN QUERY SELECT 'update', item.project_id, item.n::text, 'too_large', was.position,
          jsonb_build_object('what', 'session', 'bytes', was.bytes, 'largest', p_largest_session);
        CONTINUE;
      END IF;
      now_is := jsonb_populate_record(was, item.patch);
      -- Objects are merged key by key, so that two writers who each know a part do not erase one another.
      now_is.metadata := coalesce(was.metadata, '{}') || coalesce(item.patch -> 'metadata', '{}');
      now_is.custom_metrics := coalesce(was.custom_metrics, '{}') || coalesce(item.patch -> 'custom_metrics', '{}');
      IF was.metadata IS NULL AND NOT item.patch ? 'metadata' THEN now_is.metadata := NULL; END IF;
      IF was.custom_metrics IS NULL AND NOT item.patch ? 'custom_metrics' THEN now_is.custom_metrics := NULL; END IF;
      now_is.updated_at := greatest(was.updated_at, item.at);
      IF now_is.status = 'active' THEN
        now_is.completed_at := NULL;
      ELSE
        -- Never before it began: the clock of a server may step back, and those of two servers differ.
        now_is.completed_at := coalesce(was.completed_at, greatest(item.at, was.created_at));
        now_is.duration_ms := coalesce(now_is.duration_ms,
          round(extract(epoch FROM now_is.completed_at - now_is.created_at) * 1000));
      END IF;
      IF was.bytes <= p_largest_session THEN
        weight := session_bytes(now_is);
        IF weight > p_largest_metadata THEN
          SELECT to_jsonb(b) INTO grown FROM (
            SELECT m.* FROM (VALUES
              ('metadata', octet_length(now_is.metadata::text)::bigint, p_largest_metadata),
              ('customMetrics', octet_length(now_is.custom_metrics::text)::bigint, p_largest_metadata),
              ('session', weight, p_largest_session)) AS m (what, bytes, largest)
            WHERE m.bytes > m.largest LIMIT 1
          ) b;
          IF grown IS NOT NULL THEN
            RETURN QUERY SELECT 'update', item.project_id, item.n::text, 'too_large', was.position, grown;
            CONTINUE;
          END IF;
        END IF;
        now_is.bytes := weight;
      END IF;
      IF item.key IS NOT NULL THEN
        INSERT INTO session_update VALUES (item.project_id, item.key, item.session_id, item.fingerprint, item.at);
      END IF;
      UPDATE project p SET log_position = p.log_position + 1 WHERE p.id = item.project_id
        RETURNING p.log_position INTO taken;
      now_is.position := taken;
      UPDATE session s SET
        position = now_is.position, name = now_is.name, status = now_is.status, success = now_is.success,
        failure_reason = now_is.failure_reason, summary = now_is.summary, user_input = now_is.user_input,
        assistant_output = now_is.assistant_output, metadata = now_is.metadata, custom_metrics = now_is.custom_metrics,
        prompt_tokens = now_is.prompt_tokens, completion_tokens = now_is.completion_tokens,
        total_tokens = now_is.total_tokens, estimated_cost = now_is.estimated_cost, duration_ms = now_is.duration_ms,
        agent_name = now_is.agent_name, user_id = now_is.user_id, convo_id = now_is.convo_id,
        parent_session_id = now_is.parent_session_id, updated_at = now_is.updated_at,
        completed_at = now_is.completed_at, bytes = now_is.bytes, replaced = was.replaced OR now_is.replaced
      WHERE s.project_id = was.project_id AND s.id = was.id;
      RETURN QUERY SELECT 'update', item.project_id, item.n::text, 'stored', taken, CASE WHEN now_is.bytes <= p_largest_found THEN to_jsonb(now_is) END;
    END LOOP;
  END IF;
END
$$;

-- As servers of before this migration call it, while they are replaced one after the other.
CREATE OR REPLACE FUNCTION append_to_log(p_projects json, p_sessions json, p_events json, p_rollups json, p_named json, p_updates json)
RETURNS TABLE (kind text, project_id text, key text, outcome text, "position" bigint, found jsonb)
LANGUAGE sql
AS $$
  SELECT * FROM append_to_log(p_projects, p_sessions, p_events, p_rollups, p_named, p_updates, 7000, 2147483647, 2147483647, 2147483647)
$$;
