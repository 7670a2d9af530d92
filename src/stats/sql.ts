import type { Parameters } from '../store/parameters.ts';
import type { Interval, TimeRange } from './bounds.ts';

/** SQL of when the bucket of a timestamptz begins; agrees with bucketStarts. */
export const bucketOf = (column: string, interval: Interval) => `date_bin('1 ${interval}', ${column}, timestamptz 'epoch')`;

/** WHERE of the rows `alias` that were created within a range. */
export const inRange = (alias: string, { from, to }: TimeRange, { bind }: Parameters) =>
  `${alias}.created_at >= ${bind(from)} AND ${alias}.created_at < ${bind(to)}`;

/** Of a session `s`, what RUN_FIGURES adds up. Tokens and cost as in session/effective.ts: reported, else summed over its events. */
export const RUN_COLUMNS = `s.status, s.created_at, s.updated_at, s.duration_ms, s.error_count,
  coalesce(s.estimated_cost, s.event_cost) AS cost,
  coalesce(s.prompt_tokens, s.event_prompt_tokens) AS prompt_tokens,
  coalesce(s.completion_tokens, s.event_completion_tokens) AS completion_tokens,
  CASE
    WHEN s.total_tokens IS NOT NULL THEN s.total_tokens
    WHEN s.prompt_tokens IS NOT NULL OR s.completion_tokens IS NOT NULL THEN coalesce(s.prompt_tokens, 0) + coalesce(s.completion_tokens, 0)
    ELSE s.event_total_tokens
  END AS total_tokens`;

/** Money is added as numeric, tokens as bigint; only the sum becomes the float that is given out. */
const SUMS = `coalesce(sum(cost), 0)::float8 AS cost,
  coalesce(sum(prompt_tokens), 0)::float8 AS "promptTokens",
  coalesce(sum(completion_tokens), 0)::float8 AS "completionTokens",
  coalesce(sum(total_tokens), 0)::float8 AS "totalTokens"`;

const PERCENTILES = 'percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY duration_ms)';

/** What the sessions of a conversation add up to as well: without the percentiles, which need a sort. */
export const RUN_COUNTS = `count(*)::float8 AS runs,
  (count(*) FILTER (WHERE status = 'active'))::float8 AS active,
  (count(*) FILTER (WHERE status = 'completed'))::float8 AS completed,
  (count(*) FILTER (WHERE status = 'failed'))::float8 AS failures,
  (count(*) FILTER (WHERE status = 'cancelled'))::float8 AS cancelled,
  coalesce(sum(error_count), 0)::float8 AS errors,
  ${SUMS}`;

export const RUN_FIGURES = `${RUN_COUNTS}, ${PERCENTILES} FILTER (WHERE status <> 'active') AS percentiles`;

/** Of an event `e`, what CALL_FIGURES adds up; totals and errors as append_to_log counts them. */
export const CALL_COLUMNS = `e.created_at, e.duration_ms, e.estimated_cost AS cost, e.prompt_tokens, e.completion_tokens,
  coalesce(e.total_tokens, coalesce(e.prompt_tokens, 0)::bigint + coalesce(e.completion_tokens, 0)) AS total_tokens,
  e.status IS NOT DISTINCT FROM 'error' OR e.tool_error IS NOT NULL AS failed`;

export const CALL_FIGURES = `count(*)::float8 AS calls,
  (count(*) FILTER (WHERE failed))::float8 AS errors,
  ${SUMS},
  ${PERCENTILES} AS percentiles,
  max(created_at) AS "lastUsedAt"`;

/** Milliseconds; null where there is nothing to measure. */
export type Percentiles = { p50: number; p95: number; p99: number };
type Sums = { cost: number; promptTokens: number; completionTokens: number; totalTokens: number };
type Timed = { durationMs: Percentiles | null };

export type RunCounts = Sums & { runs: number; active: number; completed: number; failures: number; cancelled: number; errors: number };
export type RunFigures = RunCounts & Timed;
export type CallFigures = Sums & Timed & { calls: number; errors: number; lastUsedAt: Date | null };

/** A row as PostgreSQL gives it, before its percentiles have names. */
export type Raw<Figures extends Timed> = Omit<Figures, 'durationMs'> & { percentiles: number[] | null };

export function toFigures<Figures extends Timed>({ percentiles, ...row }: Raw<Figures>): Figures {
  return { ...row, durationMs: percentiles && { p50: percentiles[0], p95: percentiles[1], p99: percentiles[2] } } as unknown as Figures;
}

export const NO_RUNS: RunFigures = {
  runs: 0,
  active: 0,
  completed: 0,
  failures: 0,
  cancelled: 0,
  errors: 0,
  cost: 0,
  promptTokens: 0,
  completionTokens: 0,
  totalTokens: 0,
  durationMs: null,
};

/** SELECT of figures in all, where bucket is null, and with an interval for each bucket; for each key where there is one. */
export function rollUp(figures: string, from: string, key: 'key' | undefined, interval: Interval | undefined): string {
  const by = key ? [key] : [];
  const sets = [by, ...(interval ? [[...by, 'bucket']] : [])].map((columns) => `(${columns.join(', ')})`);
  return `SELECT ${key ?? 'NULL::text AS key'}, ${interval ? 'bucket' : 'NULL::timestamptz AS bucket'}, ${figures}
    FROM ${from} GROUP BY GROUPING SETS (${sets.join(', ')})`;
}

export type RolledUp<Figures extends Timed> = Raw<Figures> & { key: string | null; bucket: Date | null };
export type Series<Figures> = { key: string | null; figures: Figures; buckets: (Figures & { start: Date })[] };

/** What rollUp gave, one series a key in the order of the rows; buckets without a row are filled with `nothing`. */
export function toSeries<Figures extends Timed>(rows: readonly RolledUp<Figures>[], starts: readonly Date[], nothing: Figures): Series<Figures>[] {
  const found = new Map<string | null, { figures: Figures; at: Map<number, Figures> }>();
  const ofBuckets: [string | null, Date, Figures][] = [];
  for (const { key, bucket, ...raw } of rows) {
    const figures = toFigures(raw as unknown as Raw<Figures>);
    if (bucket) ofBuckets.push([key, bucket, figures]);
    else found.set(key, { figures, at: new Map() });
  }
  for (const [key, bucket, figures] of ofBuckets) found.get(key)?.at.set(bucket.getTime(), figures);
  return Array.from(found, ([key, { figures, at }]) => ({
    key,
    figures,
    buckets: starts.map((start) => ({ ...(at.get(start.getTime()) ?? nothing), start })),
  }));
}
