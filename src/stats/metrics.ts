import { assertMay } from '../auth/authorize.ts';
import type { Scope } from '../scope.ts';
import { sessionConditions } from '../session/filter.ts';
import type { SessionFilter } from '../session/filter.ts';
import { parameters } from '../store/parameters.ts';
import { assertGroups, bucketStarts, checkedRange } from './bounds.ts';
import type { Interval, TimeRange } from './bounds.ts';
import { bucketOf, inRange, NO_RUNS, rollUp, RUN_COLUMNS, RUN_FIGURES, toSeries } from './sql.ts';
import type { RolledUp, RunFigures, Series } from './sql.ts';

type GroupBy = 'agent' | 'user' | 'status';

type MetricsQuestion = {
  range: TimeRange;
  /** Without it there are no buckets. */
  interval: Interval | undefined;
  /** Without it there are no groups. */
  groupBy: GroupBy | undefined;
  filter: SessionFilter;
  /** How many groups. */
  first: number;
};

export type Metrics = { range: TimeRange; totals: RunFigures; buckets: Series<RunFigures>['buckets']; groups: Series<RunFigures>[] };

const KEYS: { readonly [group in GroupBy]: string } = { agent: 's.agent_name', user: 's.user_id', status: 'upper(s.status)' };

/**
 * Figures of the sessions begun within a range: in all, for each bucket of time, and for each of the largest
 * groups. One statement. Throws BAD_USER_INPUT (range, number of groups or buckets).
 */
export async function runMetrics(scope: Scope, { range, interval, groupBy, filter, first }: MetricsQuestion): Promise<Metrics> {
  const { projectId } = assertMay(scope.caller, 'read');
  checkedRange(range);
  const starts = interval ? bucketStarts(range, interval) : [];
  if (groupBy) assertGroups(first, starts.length);

  const sql = parameters();
  const runs = `WITH run AS MATERIALIZED (
      SELECT ${RUN_COLUMNS}${groupBy ? `, ${KEYS[groupBy]} AS key` : ''}${interval ? `, ${bucketOf('s.created_at', interval)} AS bucket` : ''}
      FROM session s
      WHERE s.project_id = ${sql.bind(projectId)} AND ${inRange('s', range, sql)} AND ${sessionConditions('s', filter, sql)}
    )`;
  const parts = [rollUp(RUN_FIGURES, 'run', undefined, interval)];
  if (groupBy) {
    const largest = `(SELECT key FROM run GROUP BY key ORDER BY count(*) DESC, key LIMIT ${sql.bind(first)}) largest`;
    parts.push(rollUp(RUN_FIGURES, `run JOIN ${largest} USING (key)`, 'key', interval));
  }
  const text = `${runs} ${parts.join(' UNION ALL ')} ORDER BY bucket NULLS FIRST, runs DESC, key`;
  const { rows } = await scope.services.analytics.query<RolledUp<RunFigures>>(text, sql.values);

  const series = toSeries(rows, starts, NO_RUNS);
  const whole = series.find(({ key }) => key === null)!;
  return { range, totals: whole.figures, buckets: whole.buckets, groups: series.filter(({ key }) => key !== null) };
}
