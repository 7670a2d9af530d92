-- CreateTable
CREATE TABLE "project" (
    "id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "log_position" BIGINT NOT NULL DEFAULT 0,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "project_pkey" PRIMARY KEY ("id")
) WITH (fillfactor = 50);

-- CreateTable
CREATE TABLE "api_key" (
    "project_id" TEXT NOT NULL,
    "id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "prefix" TEXT NOT NULL,
    "hash" BYTEA NOT NULL,
    "scopes" TEXT[],
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "expires_at" TIMESTAMPTZ(3),
    "revoked_at" TIMESTAMPTZ(3),

    CONSTRAINT "api_key_pkey" PRIMARY KEY ("project_id","id")
);

-- CreateTable
CREATE TABLE "session" (
    "project_id" TEXT NOT NULL,
    "id" TEXT NOT NULL,
    "position" BIGINT NOT NULL,
    "name" TEXT NOT NULL,
    "agent_name" TEXT NOT NULL,
    "user_id" TEXT NOT NULL,
    "convo_id" TEXT,
    "parent_session_id" TEXT,
    "status" TEXT NOT NULL,
    "success" BOOLEAN,
    "failure_reason" TEXT,
    "summary" TEXT,
    "user_input" JSONB,
    "assistant_output" JSONB,
    "metadata" JSONB,
    "custom_metrics" JSONB,
    "prompt_tokens" BIGINT,
    "completion_tokens" BIGINT,
    "total_tokens" BIGINT,
    "estimated_cost" DECIMAL,
    "duration_ms" DOUBLE PRECISION,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,
    "completed_at" TIMESTAMPTZ(3),
    "event_count" INTEGER NOT NULL DEFAULT 0,
    "tool_call_count" INTEGER NOT NULL DEFAULT 0,
    "decision_count" INTEGER NOT NULL DEFAULT 0,
    "llm_call_count" INTEGER NOT NULL DEFAULT 0,
    "state_change_count" INTEGER NOT NULL DEFAULT 0,
    "error_count" INTEGER NOT NULL DEFAULT 0,
    "event_prompt_tokens" BIGINT NOT NULL DEFAULT 0,
    "event_completion_tokens" BIGINT NOT NULL DEFAULT 0,
    "event_total_tokens" BIGINT NOT NULL DEFAULT 0,
    "event_cost" DECIMAL NOT NULL DEFAULT 0,
    "last_event_at" TIMESTAMPTZ(3),
    "replaced" BOOLEAN NOT NULL DEFAULT false,
    "fingerprint" TEXT,

    CONSTRAINT "session_pkey" PRIMARY KEY ("project_id","id")
) WITH (fillfactor = 80);

-- CreateTable
CREATE TABLE "event" (
    "project_id" TEXT NOT NULL,
    "position" BIGINT NOT NULL,
    "id" TEXT NOT NULL,
    "session_id" TEXT NOT NULL,
    "event_type" TEXT NOT NULL,
    "tool_name" TEXT,
    "tool_input" JSONB,
    "tool_output" JSONB,
    "tool_error" JSONB,
    "reasoning" TEXT,
    "alternatives_considered" JSONB,
    "chosen" TEXT,
    "confidence" DOUBLE PRECISION,
    "model" TEXT,
    "prompt" JSONB,
    "response" JSONB,
    "prompt_tokens" INTEGER,
    "completion_tokens" INTEGER,
    "total_tokens" INTEGER,
    "estimated_cost" DECIMAL,
    "duration_ms" DOUBLE PRECISION,
    "status" TEXT,
    "error_type" TEXT,
    "error_message" TEXT,
    "error_stack" TEXT,
    "recoverable" BOOLEAN,
    "recovery_action" TEXT,
    "state_before" JSONB,
    "state_after" JSONB,
    "trace_id" TEXT,
    "span_id" TEXT,
    "parent_event_id" TEXT,
    "branch_name" TEXT,
    "metadata" JSONB,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "client_timestamp" TIMESTAMPTZ(3),
    "bytes" INTEGER NOT NULL,
    "replaced" BOOLEAN NOT NULL DEFAULT false,
    "fingerprint" TEXT,

    CONSTRAINT "event_pkey" PRIMARY KEY ("project_id","position")
);

-- CreateTable
CREATE TABLE "session_update" (
    "project_id" TEXT NOT NULL,
    "key" TEXT NOT NULL,
    "session_id" TEXT NOT NULL,
    "fingerprint" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "session_update_pkey" PRIMARY KEY ("project_id","key")
);

-- CreateIndex
CREATE UNIQUE INDEX "api_key_hash_key" ON "api_key"("hash");

-- CreateIndex
CREATE INDEX "session_project_id_position_idx" ON "session"("project_id", "position");

-- CreateIndex
CREATE INDEX "session_project_id_created_at_id_idx" ON "session"("project_id", "created_at", "id");

-- CreateIndex
CREATE INDEX "session_project_id_agent_name_created_at_idx" ON "session"("project_id", "agent_name", "created_at");

-- CreateIndex
CREATE INDEX "session_project_id_user_id_created_at_idx" ON "session"("project_id", "user_id", "created_at");

-- CreateIndex
CREATE INDEX "session_project_id_status_created_at_idx" ON "session"("project_id", "status", "created_at");

-- CreateIndex
CREATE INDEX "session_project_id_convo_id_created_at_idx" ON "session"("project_id", "convo_id", "created_at");

-- CreateIndex
CREATE INDEX "session_project_id_parent_session_id_idx" ON "session"("project_id", "parent_session_id");

-- CreateIndex
CREATE UNIQUE INDEX "event_project_id_id_key" ON "event"("project_id", "id");

-- CreateIndex
CREATE INDEX "event_project_id_session_id_position_idx" ON "event"("project_id", "session_id", "position");

-- CreateIndex
CREATE INDEX "event_created_at_idx" ON "event" USING BRIN ("created_at");

-- AddForeignKey
ALTER TABLE "api_key" ADD CONSTRAINT "api_key_project_id_fkey" FOREIGN KEY ("project_id") REFERENCES "project"("id") ON DELETE CASCADE ON UPDATE CASCADE;

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
--
-- It returns, in this order:
--   session     one row for each session to create; "key" is its 1-based place, "found" the row where it was there
--   no_session  events were sent for the session "key", which does not exist
--   taken       an event with the id "key" is there: its position, and in "found" its fingerprint and created_at
--   events      the events of a project are written: their positions count on from "position"
--   update      one row for each update, as for session; "found" is the session as it now stands
-- Where there is a no_session or taken, no event and no update is written: the caller sorts them out and sends the rest.
CREATE FUNCTION append_to_log(p_projects json, p_sessions json, p_events json, p_rollups json, p_named json, p_updates json)
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
  blocked boolean := false;
BEGIN
  PERFORM 1 FROM project p
  WHERE p.id IN (SELECT c.project_id FROM json_to_recordset(p_projects) AS c (project_id text))
  ORDER BY p.id FOR NO KEY UPDATE;

  IF p_sessions IS NOT NULL THEN
    FOR item IN
      SELECT i.ordinality AS n, i.value AS doc FROM json_array_elements(p_sessions) WITH ORDINALITY AS i
    LOOP
      now_is := json_populate_record(NULL::session, item.doc);
      SELECT s.* INTO was FROM session s WHERE s.project_id = now_is.project_id AND s.id = now_is.id;
      IF FOUND THEN
        RETURN QUERY SELECT 'session', now_is.project_id, item.n::text,
          CASE WHEN was.fingerprint IS NOT DISTINCT FROM now_is.fingerprint THEN 'duplicate' ELSE 'conflict' END,
          was.position, to_jsonb(was);
        CONTINUE;
      END IF;
      UPDATE project p SET log_position = p.log_position + 1 WHERE p.id = now_is.project_id
        RETURNING p.log_position INTO taken;
      IF NOT FOUND THEN
        RETURN QUERY SELECT 'session', now_is.project_id, item.n::text, 'no_project', NULL::bigint, NULL::jsonb;
        CONTINUE;
      END IF;
      now_is.position := taken;
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
            was.position, to_jsonb(was);
          CONTINUE;
        END IF;
        INSERT INTO session_update VALUES (item.project_id, item.key, item.session_id, item.fingerprint, item.at);
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
        now_is.completed_at := coalesce(was.completed_at, item.at);
        now_is.duration_ms := coalesce(now_is.duration_ms,
          round(extract(epoch FROM now_is.completed_at - now_is.created_at) * 1000));
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
        completed_at = now_is.completed_at, replaced = was.replaced OR now_is.replaced
      WHERE s.project_id = was.project_id AND s.id = was.id;
      RETURN QUERY SELECT 'update', item.project_id, item.n::text, 'stored', taken, to_jsonb(now_is);
    END LOOP;
  END IF;
END
$$;
