import { builder } from '../../graphql/builder.ts';
import { selectedFields } from '../../graphql/selected-fields.ts';
import { SessionFilterInput } from '../../session/graphql.ts';
import { runMetrics } from '../metrics.ts';
import type { Metrics } from '../metrics.ts';
import type { RunFigures, Series } from '../sql.ts';
import { AGGREGATE, DEFAULT_GROUPS, MetricsInterval, RunStats, TimeRangeInput } from './shared.ts';

const MetricsGroupBy = builder.enumType('MetricsGroupBy', {
  description: 'What sessions are grouped by.',
  values: {
    AGENT: { value: 'agent', description: 'Their agent.' },
    USER: { value: 'user', description: 'Their user.' },
    STATUS: { value: 'status', description: 'Where they stand.' },
  } as const,
});

const RunTotals = builder.objectRef<RunFigures>('RunTotals').implement({ interfaces: [RunStats], description: 'Figures of all sessions asked for.', fields: () => ({}) });

const MetricsBucket = builder.objectRef<Metrics['buckets'][number]>('MetricsBucket').implement({
  interfaces: [RunStats],
  description: 'Figures of the sessions begun in one bucket of time.',
  fields: (t) => ({ start: t.expose('start', { type: 'DateTime', description: 'Where the bucket begins; the first one may begin before the range.' }) }),
});

const MetricsGroup = builder.objectRef<RunFigures & Pick<Series<RunFigures>, 'key' | 'buckets'>>('MetricsGroup').implement({
  interfaces: [RunStats],
  description: 'Figures of the sessions of one group.',
  fields: (t) => ({
    key: t.string({ description: 'The agent name, user id or session status.', resolve: (group) => group.key ?? '' }),
    buckets: t.field({ type: [MetricsBucket], description: 'Over time, oldest first and without gaps.', resolve: (group) => group.buckets }),
  }),
});

const MetricsType = builder.objectRef<Metrics>('Metrics').implement({
  description: 'Figures of the sessions begun within a range.',
  fields: (t) => ({
    from: t.field({ type: 'DateTime', description: 'Where the range begins.', resolve: ({ range }) => range.from }),
    to: t.field({ type: 'DateTime', description: 'Where it ends.', resolve: ({ range }) => range.to }),
    totals: t.field({ type: RunTotals, description: 'Over the whole range.', resolve: ({ totals }) => totals }),
    buckets: t.field({ type: [MetricsBucket], description: 'Over time, oldest first and without gaps.', resolve: ({ buckets }) => buckets }),
    groups: t.field({
      type: [MetricsGroup],
      description: 'The groups with the most sessions, the largest first; empty without groupBy.',
      resolve: ({ groups }) => groups.map(({ figures, ...group }) => ({ ...figures, ...group })),
    }),
  }),
});

builder.queryField('metrics', (t) =>
  t.field({
    type: MetricsType,
    description: 'Figures of the sessions begun within a range: in all, over time, and by group. Scope read.',
    args: {
      range: t.arg({ type: TimeRangeInput, required: true, description: 'When the sessions began.' }),
      interval: t.arg({ type: MetricsInterval, required: true, defaultValue: 'day', description: 'How long each bucket is; a range has at most 1,000 of them.' }),
      groupBy: t.arg({ type: MetricsGroupBy, description: 'Gives groups as well. Default: none.' }),
      filter: t.arg({ type: SessionFilterInput, description: 'Which sessions. Default: all.' }),
      first: t.arg.int({ required: true, defaultValue: DEFAULT_GROUPS, description: 'How many groups, at most 200.' }),
    },
    complexity: AGGREGATE,
    resolve: (_root, { range, interval, groupBy, filter, first }, { scope }, info) => {
      const overTime = [selectedFields(info, []), selectedFields(info, ['groups'])].some((fields) => fields.has('buckets'));
      return runMetrics(scope, { range, interval: overTime ? interval : undefined, groupBy: groupBy ?? undefined, filter: filter ?? {}, first });
    },
  }),
);
