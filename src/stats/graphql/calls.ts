import { builder } from '../../graphql/builder.ts';
import { selectedFields } from '../../graphql/selected-fields.ts';
import { modelStats, toolStats } from '../calls.ts';
import type { CallFigures, Series } from '../sql.ts';
import { aggregatePage, DEFAULT_GROUPS, MetricsInterval, PercentilesType, TimeRangeInput } from './shared.ts';

const CallStats = builder.interfaceRef<CallFigures>('CallStats').implement({
  description: 'Figures of several calls. Counts are whole numbers; they may be beyond 32 bits.',
  fields: (t) => ({
    calls: t.exposeFloat('calls', { description: 'How many calls.' }),
    errors: t.exposeFloat('errors', { description: 'How many failed.' }),
    errorRate: t.float({ nullable: true, description: 'Share of the calls that failed, from 0 to 1; null without calls.', resolve: ({ calls, errors }) => (calls > 0 ? errors / calls : null) }),
    cost: t.exposeFloat('cost', { description: 'US dollars.' }),
    promptTokens: t.exposeFloat('promptTokens', { description: 'Tokens read.' }),
    completionTokens: t.exposeFloat('completionTokens', { description: 'Tokens written.' }),
    totalTokens: t.exposeFloat('totalTokens', { description: 'All tokens.' }),
    durationMs: t.expose('durationMs', { type: PercentilesType, nullable: true, description: 'How long they took; null where none has a duration.' }),
    lastUsedAt: t.expose('lastUsedAt', { type: 'DateTime', nullable: true, description: 'When the newest one was reported; null without calls.' }),
  }),
});

const ToolStats = builder.objectRef<CallFigures & { key: string | null }>('ToolStats').implement({
  interfaces: [CallStats],
  description: 'Figures of the calls of one tool.',
  fields: (t) => ({ toolName: t.exposeString('key', { nullable: true, description: 'Which tool, by the first 500 characters of its name; null: calls that came without one.' }) }),
});

const CallBucket = builder.objectRef<Series<CallFigures>['buckets'][number]>('CallBucket').implement({
  interfaces: [CallStats],
  description: 'Figures of the calls reported in one bucket of time.',
  fields: (t) => ({ start: t.expose('start', { type: 'DateTime', description: 'Where the bucket begins; the first one may begin before the range.' }) }),
});

const ModelStats = builder.objectRef<CallFigures & Pick<Series<CallFigures>, 'key' | 'buckets'>>('ModelStats').implement({
  interfaces: [CallStats],
  description: 'Figures of the calls of one language model.',
  fields: (t) => ({
    model: t.exposeString('key', { nullable: true, description: 'Which model, by the first 500 characters of its name; null: calls that came without one.' }),
    buckets: t.expose('buckets', { type: [CallBucket], description: 'Over time, oldest first and without gaps.' }),
  }),
});

const flat = ({ figures, ...series }: Series<CallFigures>) => ({ ...figures, ...series });

builder.queryFields((t) => ({
  toolStats: t.field({
    type: [ToolStats],
    description: 'The tools called within a range, most called first. Scope read.',
    args: {
      range: t.arg({ type: TimeRangeInput, description: 'When the calls were reported. Default: the last 30 days.' }),
      first: t.arg.int({ required: true, defaultValue: 50, description: 'How many tools, at most 200.' }),
    },
    complexity: aggregatePage,
    resolve: async (_root, { range, first }, { scope }) => (await toolStats(scope, { range, first })).map(flat),
  }),
  modelStats: t.field({
    type: [ModelStats],
    description: 'The language models called within a range, most called first. Scope read.',
    args: {
      range: t.arg({ type: TimeRangeInput, description: 'When the calls were reported. Default: the last 30 days.' }),
      interval: t.arg({ type: MetricsInterval, required: true, defaultValue: 'day', description: 'How long each bucket is; a range has at most 1,000 of them.' }),
      first: t.arg.int({ required: true, defaultValue: DEFAULT_GROUPS, description: 'How many models, at most 200.' }),
    },
    complexity: aggregatePage,
    resolve: async (_root, { range, interval, first }, { scope }, info) =>
      (await modelStats(scope, { range, interval: selectedFields(info, []).has('buckets') ? interval : undefined, first })).map(flat),
  }),
}));
