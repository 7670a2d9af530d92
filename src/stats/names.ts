import { assertMay } from '../auth/authorize.ts';
import type { Scope } from '../scope.ts';
import { parameters } from '../store/parameters.ts';
import { bucketStarts, checkedRange } from './bounds.ts';
import type { TimeRange } from './bounds.ts';
import { bucketOf, inRange, RUN_COLUMNS, RUN_FIGURES, toFigures } from './sql.ts';
import type { Raw, RunFigures } from './sql.ts';

/** A page of names in their order. `after` and `before` are names; `fromEnd` takes the page next to `before`. */
type NamePage = { limit: number; after?: string | undefined; before?: string | undefined; fromEnd: boolean };

export type TrendPoint = { day: Date; runs: number };
export type NameStats = RunFigures & { name: string; lastSeenAt: Date; trend: TrendPoint[] };

const LONGEST_TREND_DAYS = 31;

/** Figures of the agents with sessions begun in a range (default: the last 30 days), by name. One statement. */
export const agentStats = (scope: Scope, range: TimeRange | null | undefined, page: NamePage) => statsByName(scope, 's.agent_name', range, page);

/** Figures of the users with sessions begun in a range (default: the last 30 days), by id. One statement. */
export const userStats = (scope: Scope, range: TimeRange | null | undefined, page: NamePage) => statsByName(scope, 's.user_id', range, page);

type Row = Raw<RunFigures> & { name: string; lastSeenAt: Date; days: Date[]; runsOfDays: number[] };

async function statsByName(scope: Scope, column: string, asked: TimeRange | null | undefined, page: NamePage): Promise<NameStats[]> {
  const { projectId } = assertMay(scope.caller, 'read');
  const range = checkedRange(asked);
  const days = bucketStarts(range, 'day').slice(-LONGEST_TREND_DAYS);
  const order = page.fromEnd ? 'DESC' : 'ASC';
  const sql = parameters();
  const sessions = `s.project_id = ${sql.bind(projectId)} AND ${inRange('s', range, sql)}`;
  const text = `WITH page AS MATERIALIZED (
      SELECT ${column} AS name FROM session s
      WHERE ${sessions}
        ${page.after === undefined ? '' : `AND ${column} > ${sql.bind(page.after)}`}
        ${page.before === undefined ? '' : `AND ${column} < ${sql.bind(page.before)}`}
      GROUP BY ${column} ORDER BY ${column} ${order} LIMIT ${sql.bind(page.limit)}
    ),
    run AS MATERIALIZED (
      SELECT ${RUN_COLUMNS}, page.name, ${bucketOf('s.created_at', 'day')} AS day
      FROM session s JOIN page ON ${column} = page.name
      WHERE ${sessions}
    ),
    trend AS (
      SELECT name, array_agg(day) AS days, array_agg(runs) AS "runsOfDays"
      FROM (SELECT name, day, count(*)::float8 AS runs FROM run WHERE day >= ${sql.bind(days[0])} GROUP BY name, day) per_day
      GROUP BY name
    )
    SELECT figures.*, coalesce(days, '{}') AS days, coalesce("runsOfDays", '{}') AS "runsOfDays"
    FROM (SELECT name, max(updated_at) AS "lastSeenAt", ${RUN_FIGURES} FROM run GROUP BY name) figures
    LEFT JOIN trend USING (name)
    ORDER BY name`;
  const { rows } = await scope.services.analytics.query<Row>(text, sql.values);
  return rows.map(({ days: seen, runsOfDays, ...row }) => {
    const runs = new Map(seen.map((day, index) => [day.getTime(), runsOfDays[index]!]));
    const { name, lastSeenAt, ...raw } = row;
    return { ...toFigures<RunFigures>(raw), name, lastSeenAt, trend: days.map((day) => ({ day, runs: runs.get(day.getTime()) ?? 0 })) };
  });
}
