import { builder } from '../../graphql/builder.ts';
import { connectionOf, cut, pageComplexity, pageOf } from '../../graphql/connection.ts';
import { formatCursor, parseCursor } from '../../live/cursor.ts';
import { pageOfSessions, Session, SessionConnection } from '../../session/graphql.ts';
import { getConversation, listConversations } from '../conversations.ts';
import type { Conversation } from '../conversations.ts';
import type { RunCounts } from '../sql.ts';
import { AGGREGATE, aggregatePage, TimeRangeInput } from './shared.ts';

const StatusCounts = builder.objectRef<RunCounts>('StatusCounts').implement({
  description: 'How many sessions stand where.',
  fields: (t) => ({
    active: t.exposeFloat('active', { description: 'Running.' }),
    completed: t.exposeFloat('completed', { description: 'Ended with success, or without saying.' }),
    failed: t.exposeFloat('failures', { description: 'Failed.' }),
    cancelled: t.exposeFloat('cancelled', { description: 'Given up.' }),
  }),
});

const ConversationType = builder.objectRef<Conversation>('Conversation').implement({
  description: 'The sessions that share a convoId.',
  fields: (t) => ({
    convoId: t.exposeID('convoId', { description: 'Its id, as the sessions say it.' }),
    sessionCount: t.exposeFloat('runs', { description: 'How many sessions it has. A whole number.' }),
    statusCounts: t.field({ type: StatusCounts, description: 'How many of them stand where.', resolve: (conversation) => conversation }),
    agentNames: t.exposeStringList('agentNames', { description: 'The agents that ran in it, by name; at most 100.' }),
    userIds: t.exposeStringList('userIds', { description: 'The users they ran for, by id; at most 100.' }),
    firstAt: t.expose('firstAt', { type: 'DateTime', description: 'When its first session began.' }),
    lastAt: t.expose('lastAt', { type: 'DateTime', description: 'When one of its sessions last changed.' }),
    errors: t.exposeFloat('errors', { description: 'Error events and tool calls that failed, in all of them.' }),
    cost: t.exposeFloat('cost', { description: 'US dollars: of each session what was reported, else the sum over its events.' }),
    promptTokens: t.exposeFloat('promptTokens', { description: 'Tokens read: of each session as reported, else the sum over its events.' }),
    completionTokens: t.exposeFloat('completionTokens', { description: 'Tokens written: of each session as reported, else the sum over its events.' }),
    totalTokens: t.exposeFloat('totalTokens', { description: 'All tokens: of each session as reported, else the sum over its events.' }),
    sessions: t.connection(
      {
        type: Session,
        description: 'Its sessions, oldest first.',
        complexity: pageComplexity,
        resolve: (conversation, args, context, info) => pageOfSessions(context, { convoId: conversation.convoId }, { by: 'createdAt', direction: 'asc' }, args, info),
      },
      SessionConnection,
    ),
  }),
});

builder.queryFields((t) => ({
  conversation: t.field({
    type: ConversationType,
    nullable: true,
    description: 'The conversation of this id. NOT_FOUND where this project has none.',
    args: { convoId: t.arg.id({ required: true, description: 'Its id, as the sessions say it.' }) },
    complexity: AGGREGATE,
    resolve: (_root, { convoId }, { scope }) => getConversation(scope, convoId),
  }),
  conversations: t.connection(
    {
      type: ConversationType,
      description: 'Conversations, newest activity first. A filter chooses those with a session that matches; their figures are of all their sessions. Scope read.',
      args: {
        userId: t.arg.string({ description: 'With a session for this user.' }),
        agentName: t.arg.string({ description: 'With a session of this agent.' }),
        range: t.arg({ type: TimeRangeInput, description: 'With a session begun within it. Default: any time.' }),
      },
      complexity: aggregatePage,
      resolve: async (_root, args, { scope }) => {
        const page = pageOf(args);
        const position = (cursor: string | undefined) => (cursor === undefined ? undefined : parseCursor(cursor));
        const found = await listConversations(scope, args, { limit: page.limit + 1, after: position(page.after), before: position(page.before), fromEnd: page.fromEnd });
        return connectionOf(cut(found, page), page, (conversation) => formatCursor(BigInt(conversation.position)));
      },
    },
    { name: 'ConversationConnection', description: 'A page of conversations.' },
    { name: 'ConversationEdge', description: 'A conversation and its place in the list.' },
  ),
}));
