-- What sessions are searched by, apart from "session": every event changes the session's row, and would have to
-- change its entries in these indexes as well. Triggers keep it, for columns that events do not set.
CREATE EXTENSION IF NOT EXISTS pg_trgm;

-- CreateTable
CREATE TABLE "session_text" (
    "project_id" TEXT NOT NULL,
    "session_id" TEXT NOT NULL,
    "text" TEXT NOT NULL,
    "metadata" TEXT[],

    CONSTRAINT "session_text_pkey" PRIMARY KEY ("project_id","session_id")
);

-- The texts of a session, and the entries at the top of its metadata as key=value. Cut short, because an entry of
-- an index has a largest size, and a long text a price.
CREATE FUNCTION session_text_of(s session) RETURNS session_text LANGUAGE sql STABLE AS $$
  SELECT s.project_id, s.id,
    concat_ws(E'\n', s.name, s.id, s.agent_name, s.user_id, s.convo_id, left(s.summary, 4000), left(s.failure_reason, 4000),
      left(s.user_input #>> '{}', 4000), left(s.assistant_output #>> '{}', 4000)),
    coalesce((
      SELECT array_agg(left(entry.key, 100) || '=' || left(coalesce(entry.value #>> '{}', 'null'), 200))
      FROM jsonb_each(CASE WHEN jsonb_typeof(s.metadata) = 'object' THEN s.metadata ELSE '{}' END) AS entry
    ), '{}')
$$;

CREATE FUNCTION keep_session_text() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    DELETE FROM session_text t WHERE t.project_id = OLD.project_id AND t.session_id = OLD.id;
  ELSE
    INSERT INTO session_text SELECT (session_text_of(NEW)).*
    ON CONFLICT (project_id, session_id) DO UPDATE SET text = excluded.text, metadata = excluded.metadata
    WHERE (session_text.text, session_text.metadata) IS DISTINCT FROM (excluded.text, excluded.metadata);
  END IF;
  RETURN NULL;
END
$$;

INSERT INTO session_text SELECT (session_text_of(s)).* FROM session s;

-- CreateIndex
CREATE INDEX "session_text_text_idx" ON "session_text" USING GIN ("text" gin_trgm_ops);

-- CreateIndex
CREATE INDEX "session_text_metadata_idx" ON "session_text" USING GIN ("metadata");

CREATE TRIGGER keep_session_text AFTER INSERT OR DELETE OR UPDATE OF name, agent_name, user_id, convo_id, summary, failure_reason,
  user_input, assistant_output, metadata ON session FOR EACH ROW EXECUTE FUNCTION keep_session_text();

-- The orders by duration and cost. Partial: a session that runs is in neither, so its events change neither.
CREATE INDEX "session_duration_idx" ON "session"("project_id", "duration_ms", "id") WHERE duration_ms IS NOT NULL;
CREATE INDEX "session_cost_idx" ON "session"("project_id", (coalesce(estimated_cost, event_cost)), "id") WHERE status <> 'active';
