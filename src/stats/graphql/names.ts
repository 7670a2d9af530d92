import { badInput } from '../../errors.ts';
import { builder } from '../../graphql/builder.ts';
import { connectionOf, cut, pageOf } from '../../graphql/connection.ts';
import type { PageArgs } from '../../graphql/connection.ts';
import type { Scope } from '../../scope.ts';
import type { TimeRange } from '../bounds.ts';
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

/** The figures of one agent or user: alike but for the field that says which. */
const statsType = (name: string, one: string, nameField: string) =>
  builder.objectRef<NameStats>(name).implement({
    interfaces: [RunStats],
    description: `Figures of the sessions of one ${one}.`,
    fields: (t) => ({
      [nameField]: t.exposeString('name', { description: `Which ${one}.` }),
      lastSeenAt: t.expose('lastSeenAt', { type: 'DateTime', description: 'When one of these sessions last changed.' }),
      trend: t.expose('trend', { type: [TrendPointType], description: 'Sessions per day, oldest first and without gaps: the last 31 days of the range.' }),
    }),
  });

const AgentStats = statsType('AgentStats', 'agent', 'agentName');
const UserStats = statsType('UserStats', 'user', 'userId');

/** A cursor of these lists is a name, in base64url. */
const nameCursor = ({ name }: { name: string }) => Buffer.from(name).toString('base64url');

function nameOf(cursor: string | undefined): string | undefined {
  if (cursor === undefined) return undefined;
  const name = Buffer.from(cursor, 'base64url').toString('utf8');
  // One that does not come back is no name's; PostgreSQL has no U+0000.
  if (name === '' || name.includes('\0') || nameCursor({ name }) !== cursor) throw badInput(`"${cursor.slice(0, 40)}" is not a cursor of this list. Send one that the server gave you`);
  return name;
}

async function pageOfNames(read: typeof agentStats, scope: Scope, args: PageArgs & { range?: TimeRange | null | undefined }) {
  const page = pageOf(args);
  const found = await read(scope, args.range, { limit: page.limit + 1, after: nameOf(page.after), before: nameOf(page.before), fromEnd: page.fromEnd });
  return connectionOf(cut(found, page), page, nameCursor);
}

builder.queryFields((t) => {
  const range = () => t.arg({ type: TimeRangeInput, description: 'When the sessions began. Default: the last 30 days.' });
  return {
    agents: t.connection(
      {
        type: AgentStats,
        description: 'The agents with sessions begun within a range, by name. Scope read.',
        args: { range: range() },
        complexity: aggregatePage,
        resolve: (_root, args, { scope }) => pageOfNames(agentStats, scope, args),
      },
      { name: 'AgentStatsConnection', description: 'A page of agents.' },
      { name: 'AgentStatsEdge', description: 'An agent and its place in the list.' },
    ),
    users: t.connection(
      {
        type: UserStats,
        description: 'The users with sessions begun within a range, by id. Scope read.',
        args: { range: range() },
        complexity: aggregatePage,
        resolve: (_root, args, { scope }) => pageOfNames(userStats, scope, args),
      },
      { name: 'UserStatsConnection', description: 'A page of users.' },
      { name: 'UserStatsEdge', description: 'A user and its place in the list.' },
    ),
  };
});
