import type { InputFieldBuilder } from '@pothos/core';
import { queryFromInfo } from '@pothos/plugin-prisma';
import type { GraphQLResolveInfo } from 'graphql';
import { mayRead } from '../auth/authorize.ts';
import { mayNotSelect, sessionNotFound } from '../errors.ts';
import { builder } from '../graphql/builder.ts';
import { connectionOf, pageComplexity, pageOf } from '../graphql/connection.ts';
import type { PageArgs } from '../graphql/connection.ts';
import type { Context } from '../graphql/context.ts';
import { scopeOf } from '../graphql/idempotency.ts';
import { selectedFields } from '../graphql/selected-fields.ts';
import { formatCursor } from '../live/cursor.ts';
import type { SessionUpdate } from '../live/hub.ts';
import type { Scope } from '../scope.ts';
import { CHANGED_FIELDS, CREATED_FIELDS, sessionCursor, sessionPage, watchSessions } from './access.ts';
import type { SessionField, SessionOrder } from './access.ts';
import { effective } from './effective.ts';
import type { SessionFilter } from './filter.ts';
import { completeSession, createSession, deleteSession, updateSession } from './service.ts';

const SessionStatus = builder.enumType('SessionStatus', {
  description: 'Where a session stands.',
  values: {
    ACTIVE: { value: 'active', description: 'Running.' },
    COMPLETED: { value: 'completed', description: 'Ended; the agent says it succeeded, or does not say.' },
    FAILED: { value: 'failed', description: 'Ended without success; failureReason says why.' },
    CANCELLED: { value: 'cancelled', description: 'Given up.' },
  } as const,
});

type Status = typeof SessionStatus.$inferType;
type InputFields = InputFieldBuilder<typeof builder.$inferSchemaTypes, 'InputObject'>;

export const Session = builder.prismaObject('Session', {
  description: 'One run of an agent.',
  select: { projectId: true, id: true },
  fields: (t) => ({
    id: t.exposeID('id', { description: 'Unique in its project.' }),
    cursor: t.field({ type: 'Cursor', description: 'Place of its latest change in the log.', select: { position: true }, resolve: (session) => formatCursor(session.position) }),
    name: t.exposeString('name', { description: 'Descriptive name of the run.' }),
    agentName: t.exposeString('agentName', { description: 'Which agent ran.' }),
    userId: t.exposeString('userId', { description: 'The end user it ran for.' }),
    convoId: t.exposeString('convoId', { nullable: true, description: 'The conversation it belongs to.' }),
    parentSessionId: t.exposeID('parentSessionId', { nullable: true, description: 'The session that started this one.' }),
    status: t.field({ type: SessionStatus, description: 'Where it stands.', select: { status: true }, resolve: (session) => session.status as Status }),
    success: t.exposeBoolean('success', { nullable: true, description: 'Whether the agent reached its goal; null while unknown.' }),
    failureReason: t.exposeString('failureReason', { nullable: true, description: 'Why it failed.' }),
    summary: t.exposeString('summary', { nullable: true, description: 'What it did, in short.' }),
    userInput: t.expose('userInput', { type: 'JSON', nullable: true, description: 'What the user asked.' }),
    assistantOutput: t.expose('assistantOutput', { type: 'JSON', nullable: true, description: 'What the agent finally answered.' }),
    metadata: t.expose('metadata', { type: 'JSON', nullable: true, description: 'Anything else that was sent about it.' }),
    customMetrics: t.expose('customMetrics', { type: 'JSON', nullable: true, description: 'Figures of your own, by name.' }),
    promptTokens: t.float({
      description: 'Tokens read: as reported for the session, else the sum over its events. A whole number; may be beyond 32 bits.',
      select: { promptTokens: true, eventPromptTokens: true },
      resolve: effective.promptTokens,
    }),
    completionTokens: t.float({
      description: 'Tokens written: as reported for the session, else the sum over its events. A whole number.',
      select: { completionTokens: true, eventCompletionTokens: true },
      resolve: effective.completionTokens,
    }),
    totalTokens: t.float({
      description: 'All tokens: as reported for the session, else the sum over its events. A whole number.',
      select: { totalTokens: true, eventTotalTokens: true, promptTokens: true, completionTokens: true },
      resolve: effective.totalTokens,
    }),
    estimatedCost: t.float({
      description: 'US dollars: as reported for the session, else the sum over its events.',
      select: { estimatedCost: true, eventCost: true },
      resolve: effective.estimatedCost,
    }),
    durationMs: t.exposeFloat('durationMs', { nullable: true, description: 'Milliseconds from start to end; null while it runs.' }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When the server got it: when it began, unless the client was cut off then.' }),
    clientTimestamp: t.expose('clientTimestamp', { type: 'DateTime', nullable: true, description: "When it began, by the client's clock." }),
    updatedAt: t.expose('updatedAt', { type: 'DateTime', description: 'When it last changed.' }),
    completedAt: t.expose('completedAt', { type: 'DateTime', nullable: true, description: 'When it ended.' }),
    eventCount: t.exposeInt('eventCount', { description: 'How many events it has.' }),
    toolCallCount: t.exposeInt('toolCallCount', { description: 'How many are tool calls.' }),
    decisionCount: t.exposeInt('decisionCount', { description: 'How many are decisions.' }),
    llmCallCount: t.exposeInt('llmCallCount', { description: 'How many are LLM calls.' }),
    stateChangeCount: t.exposeInt('stateChangeCount', { description: 'How many are state changes.' }),
    errorCount: t.exposeInt('errorCount', { description: 'How many are errors, or tool calls that failed.' }),
    lastEventAt: t.expose('lastEventAt', { type: 'DateTime', nullable: true, description: 'When its newest event came.' }),
    textReplaced: t.exposeBoolean('replaced', { description: 'True when characters or numbers that cannot be stored (U+0000, lone surrogates, infinities) were replaced.' }),
  }),
});

builder.prismaObjectField(Session, 'parent', (t) =>
  t.field({
    type: Session,
    nullable: true,
    description: 'The session that started this one; null where it has none, or it has not been reported yet.',
    select: { parentSessionId: true },
    resolve: (session, _args, context, info) => (session.parentSessionId === null ? null : context.loaders.session(selectedColumns(context, info)).load(session.parentSessionId)),
  }),
);

const MetadataEntryInput = builder.inputType('MetadataEntry', {
  description: 'An entry at the top of metadata.',
  fields: (t) => ({
    key: t.string({ required: true, description: 'Its name.' }),
    value: t.string({ required: true, description: 'Its value, as text: prod, 42, true. The first 200 characters count.' }),
  }),
});

export const SessionFilterInput = builder.inputType('SessionFilter', {
  description: 'Which sessions; what is left out does not narrow.',
  fields: (t) => ({
    ids: t.idList({ description: 'With one of these ids, at most 200.' }),
    statuses: t.field({ type: [SessionStatus], description: 'In one of these states.' }),
    agentName: t.string({ description: 'Of this agent.' }),
    userId: t.string({ description: 'For this user.' }),
    convoId: t.string({ description: 'In this conversation.' }),
    parentSessionId: t.id({ description: 'Started by this session.' }),
    createdAfter: t.field({ type: 'DateTime', description: 'Begun later than this.' }),
    createdBefore: t.field({ type: 'DateTime', description: 'Begun earlier than this.' }),
    hasErrors: t.boolean({ description: 'With errors, or without.' }),
    search: t.string({
      description:
        'With all of these words, at most 10, in any case (of letters beyond ASCII where the locale of the database knows it): in name, id, agent, user, conversation, summary or failure reason, or in the first 4,000 characters of input or output. A part of a word will do.',
    }),
    metadata: t.field({ type: [MetadataEntryInput], description: 'With all of these entries in metadata.' }),
  }),
});

const SessionOrderField = builder.enumType('SessionOrderField', {
  description: 'What sessions can be sorted by.',
  values: {
    CREATED_AT: { value: 'createdAt', description: 'When they began.' },
    LAST_CHANGE: { value: 'position', description: 'When they last changed.' },
    DURATION: { value: 'durationMs', description: 'How long they took. Leaves out those that have no duration yet.' },
    COST: { value: 'cost', description: 'What they cost. Leaves out those that run.' },
  } as const,
});
const SortDirection = builder.enumType('SortDirection', {
  description: 'Which end comes first.',
  values: { ASC: { value: 'asc', description: 'Smallest or oldest first.' }, DESC: { value: 'desc', description: 'Largest or newest first.' } } as const,
});
const SessionOrderInput = builder.inputType('SessionOrder', {
  description: 'How to sort sessions.',
  fields: (t) => ({
    field: t.field({ type: SessionOrderField, required: true, description: 'What by.' }),
    direction: t.field({ type: SortDirection, required: true, defaultValue: 'desc', description: 'Which end first.' }),
  }),
});

builder.queryField('session', (t) =>
  t.field({
    type: Session,
    nullable: true,
    description: 'The session of this id. NOT_FOUND where this project has none.',
    args: { id: t.arg.id({ required: true }) },
    resolve: async (_root, { id }, context, info) => {
      const session = await context.loaders.session(selectedColumns(context, info)).load(id);
      if (!session) throw sessionNotFound(id);
      return session;
    },
  }),
);

export const SessionConnection = builder.connectionObject(
  { type: Session, name: 'SessionConnection', description: 'A page of sessions; fewer than asked for where their payloads are large.' },
  { name: 'SessionEdge', description: 'A session on a page.' },
);

builder.queryField('sessions', (t) =>
  t.connection(
    {
      type: Session,
      description: 'Sessions of this project, newest first unless sorted otherwise.',
      args: { filter: t.arg({ type: SessionFilterInput }), orderBy: t.arg({ type: SessionOrderInput }) },
      complexity: pageComplexity,
      resolve: (_root, args, context, info) => pageOfSessions(context, args.filter ?? {}, args.orderBy ? { by: args.orderBy.field, direction: args.orderBy.direction } : NEWEST_FIRST, args, info),
    },
    SessionConnection,
  ),
);

builder.prismaObjectField(Session, 'children', (t) =>
  t.connection(
    {
      type: Session,
      description: 'Sessions that this one started, oldest first.',
      complexity: pageComplexity,
      select: { id: true },
      resolve: async (session, args, context, info) => {
        const page = pageOf(args);
        const children = await context.loaders.children({ ...page, fields: selectedColumns(context, info, ['edges', 'node']) }).load(session.id);
        return connectionOf(children, page, (child) => sessionCursor(child, OLDEST_FIRST));
      },
    },
    SessionConnection,
  ),
);

const NEWEST_FIRST: SessionOrder = { by: 'createdAt', direction: 'desc' };
const OLDEST_FIRST: SessionOrder = { by: 'createdAt', direction: 'asc' };

/** A connection of sessions that reads only the columns selected. Used wherever sessions are listed. */
export async function pageOfSessions(context: Context, filter: SessionFilter, order: SessionOrder, args: PageArgs, info: GraphQLResolveInfo) {
  const page = pageOf(args);
  const found = await sessionPage(context.scope, filter, order, { ...page, fields: selectedColumns(context, info, ['edges', 'node']) });
  return connectionOf(found, page, (session) => sessionCursor(session, order));
}

/**
 * The columns of a session that are asked for at a path below a field (default: the field itself is one), and those
 * of its cursors; in one order, so that equal selections are one statement.
 */
export function selectedColumns(context: Context, info: GraphQLResolveInfo, path: string[] = []): SessionField[] {
  const { select } = queryFromInfo({ context, info, path, select: { projectId: true, id: true, createdAt: true, position: true } });
  return (Object.keys(select) as SessionField[]).sort();
}

const SESSION_OUTCOME = (t: InputFields) => ({
  status: t.field({ type: SessionStatus, description: 'Where it stands.' }),
  success: t.boolean({ description: 'Whether the agent reached its goal. Decides status where that is not given.' }),
  failureReason: t.string({ description: 'Why it failed.' }),
  summary: t.string({ description: 'What it did, in short.' }),
  userInput: t.field({ type: 'JSON', description: 'What the user asked.' }),
  assistantOutput: t.field({ type: 'JSON', description: 'What the agent finally answered.' }),
  metadata: t.field({ type: 'JSON', description: 'An object; an update is merged into it, key by key.' }),
  customMetrics: t.field({ type: 'JSON', description: 'An object of your own figures; an update is merged into it, key by key.' }),
  promptTokens: t.int({ description: 'Tokens read in the whole session.' }),
  completionTokens: t.int({ description: 'Tokens written in the whole session.' }),
  totalTokens: t.int({ description: 'All tokens of the session.' }),
  estimatedCost: t.float({ description: 'Cost of the whole session in US dollars.' }),
  durationMs: t.float({ description: 'Milliseconds. Default: from creation to completion.' }),
});

const CreateSessionInput = builder.inputType('CreateSessionInput', {
  description: 'A run that begins.',
  fields: (t) => ({
    id: t.id({ description: 'Your own id for it, which makes sending twice safe. Default: made by the server.' }),
    name: t.string({ required: true, description: 'Descriptive name of the run.' }),
    agentName: t.string({ required: true, description: 'Groups sessions by agent.' }),
    userId: t.string({ required: true, description: 'The end user it runs for.' }),
    convoId: t.string({ description: 'Links sessions into one conversation.' }),
    parentSessionId: t.id({ description: 'The session that starts this one.' }),
    clientTimestamp: t.field({ type: 'DateTime', description: 'When it began, by your clock.' }),
    ...SESSION_OUTCOME(t),
  }),
});

const UpdateSessionInput = builder.inputType('UpdateSessionInput', {
  description: 'What changes about a session; what is left out or null stays.',
  fields: (t) => ({
    id: t.id({ required: true, description: 'Which session.' }),
    name: t.string({ description: 'Descriptive name of the run.' }),
    agentName: t.string({ description: 'Groups sessions by agent.' }),
    userId: t.string({ description: 'The end user it runs for.' }),
    convoId: t.string({ description: 'Links sessions into one conversation.' }),
    parentSessionId: t.id({ description: 'The session that started this one.' }),
    ...SESSION_OUTCOME(t),
  }),
});

const CompleteSessionInput = builder.inputType('CompleteSessionInput', {
  description: 'How a session ended. Without status and success it completed and succeeded.',
  fields: (t) => ({ id: t.id({ required: true, description: 'Which session.' }), ...SESSION_OUTCOME(t) }),
});

const DeleteSessionInput = builder.inputType('DeleteSessionInput', {
  description: 'Which session to remove.',
  fields: (t) => ({ id: t.id({ required: true, description: 'Which session.' }) }),
});

/** The scope of a mutation. Throws FORBIDDEN, before anything is written, where it selects more than the key may be told. */
function writerOf(context: Context, info: GraphQLResolveInfo, fields: readonly string[]): Scope {
  const unread = mayRead(context.scope.caller) ? undefined : [...selectedFields(info, [])].find((field) => field !== '__typename' && !fields.includes(field));
  if (unread !== undefined) throw mayNotSelect(unread, fields);
  return scopeOf(context, info);
}

builder.mutationFields((t) => ({
  createSession: t.field({
    type: Session,
    description: 'Begins a session. Scope sessions:write; more than its id, name, agentName, userId, status, success, times and duration needs read. CONFLICT where the id has other content.',
    args: { input: t.arg({ type: CreateSessionInput, required: true }) },
    resolve: (_root, { input }, context, info) => createSession(writerOf(context, info, CREATED_FIELDS), { ...input, clientTimestamp: input.clientTimestamp?.toISOString() }),
  }),
  updateSession: t.field({
    type: Session,
    description: 'Changes a session, running or ended. Scope sessions:write; more than its id, status, success, times and duration needs read.',
    args: { input: t.arg({ type: UpdateSessionInput, required: true }) },
    resolve: (_root, { input: { id, ...patch } }, context, info) => updateSession(writerOf(context, info, CHANGED_FIELDS), id, patch),
  }),
  completeSession: t.field({
    type: Session,
    description: 'Ends a session. Scope sessions:write; more than its id, status, success, times and duration needs read.',
    args: { input: t.arg({ type: CompleteSessionInput, required: true }) },
    resolve: (_root, { input: { id, ...outcome } }, context, info) => completeSession(writerOf(context, info, CHANGED_FIELDS), id, outcome),
  }),
  deleteSession: t.field({
    type: Session,
    description: 'Removes a session and its events for good, and gives what it was. Scope admin.',
    args: { input: t.arg({ type: DeleteSessionInput, required: true }) },
    resolve: (_root, { input }, { scope }) => deleteSession(scope, input.id),
  }),
}));

const SessionUpdateType = builder.objectRef<SessionUpdate>('SessionUpdate').implement({
  description: 'A session that changed.',
  fields: (t) => ({
    cursor: t.field({ type: 'Cursor', description: 'Resume after this.', resolve: (update) => update.cursor }),
    session: t.field({ type: Session, description: 'As it now stands.', resolve: (update) => update.session }),
  }),
});

builder.subscriptionField('sessionUpdates', (t) =>
  t.field({
    type: SessionUpdateType,
    description: 'The state of each session that changes, once at its newest. With `after` what changed since then comes first. Scope read.',
    args: {
      after: t.arg({ type: 'Cursor', description: 'Where to resume; "0" gives every session. Default: what changes from now on.' }),
      filter: t.arg({ type: SessionFilterInput, description: 'Which sessions. Default: all.' }),
    },
    subscribe: (_root, { after, filter }, context, info) => watchSessions(context.scope, after ?? undefined, filter ?? {}, selectedColumns(context, info, ['session'])),
    resolve: (update) => update,
  }),
);
