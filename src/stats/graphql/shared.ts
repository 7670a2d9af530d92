import { builder } from '../../graphql/builder.ts';
import { pageComplexity } from '../../graphql/connection.ts';
import type { PageArgs } from '../../graphql/connection.ts';
import type { Percentiles, RunFigures } from '../sql.ts';

/** An aggregate reads many rows for few: one operation may ask for some twenty. */
export const AGGREGATE = 5_000;
export const aggregatePage = (args: PageArgs) => ({ ...pageComplexity(args), field: AGGREGATE });

/** How many groups or models are given unless told. */
export const DEFAULT_GROUPS = 10;

export const TimeRangeInput = builder.inputType('TimeRangeInput', {
  description: 'A stretch of time of at most 366 days.',
  fields: (t) => ({
    from: t.field({ type: 'DateTime', required: true, description: 'Where it begins; included.' }),
    to: t.field({ type: 'DateTime', required: true, description: 'Where it ends; not included.' }),
  }),
});

export const MetricsInterval = builder.enumType('MetricsInterval', {
  description: 'How long each bucket of time is. Buckets are full minutes, hours or days in UTC.',
  values: {
    MINUTE: { value: 'minute', description: 'One minute.' },
    HOUR: { value: 'hour', description: 'One hour.' },
    DAY: { value: 'day', description: 'One day.' },
  } as const,
});

export const PercentilesType = builder.objectRef<Percentiles>('Percentiles').implement({
  description: 'Percentiles of durations, in milliseconds.',
  fields: (t) => ({
    p50: t.exposeFloat('p50', { description: 'The median: half took no longer.' }),
    p95: t.exposeFloat('p95', { description: '95 of 100 took no longer.' }),
    p99: t.exposeFloat('p99', { description: '99 of 100 took no longer.' }),
  }),
});

export const RunStats = builder.interfaceRef<RunFigures>('RunStats').implement({
  description: 'Figures of several sessions. Counts are whole numbers; they may be beyond 32 bits.',
  fields: (t) => ({
    runs: t.exposeFloat('runs', { description: 'How many sessions.' }),
    active: t.exposeFloat('active', { description: 'How many are running.' }),
    completed: t.exposeFloat('completed', { description: 'How many ended with success, or did not say.' }),
    failures: t.exposeFloat('failures', { description: 'How many failed.' }),
    cancelled: t.exposeFloat('cancelled', { description: 'How many were given up.' }),
    successRate: t.float({
      nullable: true,
      description: 'Share of the ended ones that completed, from 0 to 1; null while none has ended.',
      resolve: ({ runs, active, completed }) => (runs > active ? completed / (runs - active) : null),
    }),
    errors: t.exposeFloat('errors', { description: 'Error events and tool calls that failed, in all of them.' }),
    cost: t.exposeFloat('cost', { description: 'US dollars: of each session what was reported, else the sum over its events.' }),
    promptTokens: t.exposeFloat('promptTokens', { description: 'Tokens read: of each session as reported, else the sum over its events.' }),
    completionTokens: t.exposeFloat('completionTokens', { description: 'Tokens written: of each session as reported, else the sum over its events.' }),
    totalTokens: t.exposeFloat('totalTokens', { description: 'All tokens: of each session as reported, else the sum over its events.' }),
    durationMs: t.expose('durationMs', { type: PercentilesType, nullable: true, description: 'How long the ended ones took; null where none has a duration.' }),
  }),
});
