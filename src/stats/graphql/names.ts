import { builder } from '../../graphql/builder.ts';
import { connectionOf, pageOf } from '../../graphql/connection.ts';
import type { PageArgs } from '../../graphql/connection.ts';
import { agentStats, userStats } from '../names.ts';
import type { NameStats, TrendPoint } from '../names.ts';
import { aggregatePage, RunStats, TimeRangeInput } from './shared.ts';

const TrendPointType = builder.objectRef<TrendPoint>('TrendPoint').implement({
  description: 'One day of a trend.',
  fields: (t) => ({
    day: t.expose('day', { type: 'DateTime', description: 'Where the day begins, in UTC.' }),
    runs: t.exposeFloat('runs', { description: 'How many sessions began on it.' }),
  }),
});

const AgentStats = builder.objectRef<NameStats>('AgentStats').implement({
  interfaces: [RunStats],
  description: 'Figures of the sessions of one agent.',
  fields: (t) => ({
    agentName: t.exposeString('name', { description: 'Which agent.' }),
    lastSeenAt: t.expose('lastSeenAt', { type: 'DateTime', description: 'When one of these sessions last changed.' }),
    trend: t.expose('trend', { type: [TrendPointType], description: 'Sessions per day, oldest first and without gaps: the last 31 days of the range.' }),
  }),
});

const UserStats = builder.objectRef<NameStats>('UserStats').implement({
  interfaces: [RunStats],
  description: 'Figures of the sessions of one user.',
  fields: (t) => ({
    userId: t.exposeString('name', { description: 'Which user.' }),
    lastSeenAt: t.expose('lastSeenAt', { type: 'DateTime', description: 'When one of these sessions last changed.' }),
    trend: t.expose('trend', { type: [TrendPointType], description: 'Sessions per day, oldest first and without gaps: the last 31 days of the range.' }),
  }),
});

const nameCursor = (stats: NameStats) => Buffer.from(stats.name).toString('base64url');
const nameOf = (cursor: string | undefined) => (cursor === undefined ? undefined : Buffer.from(cursor, 'base64url').toString('utf8'));

function namePage(args: PageArgs) {
  const page = pageOf(args);
  return { page, asked: { limit: page.limit + 1, after: nameOf(page.after), before: nameOf(page.before), fromEnd: page.fromEnd } };
}

builder.queryField('agents', (t) =>
  t.connection(
    {
      type: AgentStats,
      description: 'The agents with sessions begun within a range, by name. Scope read.',
      args: { range: t.arg({ type: TimeRangeInput, description: 'When the sessions began. Default: the last 30 days.' }) },
      complexity: aggregatePage,
      resolve: async (_root, args, { scope }) => {
        const { page, asked } = namePage(args);
        return connectionOf(await agentStats(scope, args.range, asked), page, nameCursor);
      },
    },
    { name: 'AgentStatsConnection', description: 'A page of agents.' },
    { name: 'AgentStatsEdge', description: 'An agent and its place in the list.' },
  ),
);

builder.queryField('users', (t) =>
  t.connection(
    {
      type: UserStats,
      description: 'The users with sessions begun within a range, by id. Scope read.',
      args: { range: t.arg({ type: TimeRangeInput, description: 'When the sessions began. Default: the last 30 days.' }) },
      complexity: aggregatePage,
      resolve: async (_root, args, { scope }) => {
        const { page, asked } = namePage(args);
        return connectionOf(await userStats(scope, args.range, asked), page, nameCursor);
      },
    },
    { name: 'UserStatsConnection', description: 'A page of users.' },
    { name: 'UserStatsEdge', description: 'A user and its place in the list.' },
  ),
);
