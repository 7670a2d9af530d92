import { assertMay } from '../auth/authorize.ts';
import type { Scope } from '../scope.ts';
import { parameters } from '../store/parameters.ts';
import { LONGEST_LABEL } from '../store/validate.ts';
import { assertGroups, bucketStarts, checkedRange } from './bounds.ts';
import type { Interval, TimeRange } from './bounds.ts';
import { bucketOf, CALL_COLUMNS, CALL_FIGURES, inRange, rollUp, toSeries } from './sql.ts';
import type { CallFigures, RolledUp, Series } from './sql.ts';

type CallQuestion = {
  range: TimeRange | null | undefined;
  /** Without it there are no buckets. */
  interval?: Interval | undefined;
  /** How many tools or models. */
  first: number;
};

const NO_CALLS: CallFigures = { calls: 0, errors: 0, cost: 0, promptTokens: 0, completionTokens: 0, totalTokens: 0, durationMs: null, lastUsedAt: null };

/** Figures of tool calls by tool, most called first. The key is null for calls that came without a name; long names are one where they begin alike. */
export const toolStats = (scope: Scope, question: CallQuestion) => callStats(scope, 'tool_call', 'e.tool_name', question);

/** Figures of LLM calls by model, most called first. The key is null for calls that came without a model. */
export const modelStats = (scope: Scope, question: CallQuestion) => callStats(scope, 'llm_call', 'e.model', question);

async function callStats(scope: Scope, eventType: string, column: string, { range: asked, interval, first }: CallQuestion): Promise<Series<CallFigures>[]> {
  const { projectId } = assertMay(scope.caller, 'read');
  const range = checkedRange(asked);
  const starts = interval ? bucketStarts(range, interval) : [];
  assertGroups(first, starts.length);

  const sql = parameters();
  const calls = `WITH call AS MATERIALIZED (
      SELECT ${CALL_COLUMNS}, left(coalesce(${column}, ''), ${LONGEST_LABEL}) AS key${interval ? `, ${bucketOf('e.created_at', interval)} AS bucket` : ''}
      FROM event e
      WHERE e.project_id = ${sql.bind(projectId)} AND ${inRange('e', range, sql)} AND e.event_type = '${eventType}'
    )`;
  const largest = `(SELECT key FROM call GROUP BY key ORDER BY count(*) DESC, key LIMIT ${sql.bind(first)}) largest`;
  const text = `${calls} ${rollUp(CALL_FIGURES, `call JOIN ${largest} USING (key)`, 'key', interval)} ORDER BY bucket NULLS FIRST, calls DESC, key`;
  const { rows } = await scope.services.analytics.query<RolledUp<CallFigures>>(text, sql.values);
  return toSeries(rows, starts, NO_CALLS).map((series) => ({ ...series, key: series.key || null }));
}
