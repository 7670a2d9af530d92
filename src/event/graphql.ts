import { eventNotFound, fieldLeftOut } from '../errors.ts';
import type { AppError, Issue } from '../errors.ts';
import { builder } from '../graphql/builder.ts';
import { connectionOf, pageComplexity, pageOf } from '../graphql/connection.ts';
import { graphqlCode } from '../graphql/errors.ts';
import { scopeOf } from '../graphql/idempotency.ts';
import { selectedFields } from '../graphql/selected-fields.ts';
import type { Event as EventRow } from '../generated/prisma/client.ts';
import { JsonText, plain } from '../json-text.ts';
import { formatCursor, parseCursor } from '../live/cursor.ts';
import type { EventUpdate } from '../live/hub.ts';
import { Session, selectedColumns } from '../session/graphql.ts';
import { EVENT_COLUMNS } from '../store/records.ts';
import { watchEvents } from './access.ts';
import type { EventField } from './access.ts';
import { EventInput, TrackDecisionInput, TrackErrorInput, TrackLlmCallInput, TrackStateChangeInput, TrackToolCallInput, asInput, oneOf } from './graphql/inputs.ts';
import { LARGEST_BATCH, assertBatch } from './input.ts';
import { promptOf, responseOf } from './llm-call.ts';
import { recordEvent, recordEvents } from './service.ts';
import type { Recorded } from './service.ts';

const EventType = builder.enumType('EventType', {
  description: 'What kind of thing happened.',
  values: {
    TOOL_CALL: { value: 'tool_call', description: 'The agent called a tool.' },
    LLM_DECISION: { value: 'llm_decision', description: 'The agent decided what to do.' },
    LLM_CALL: { value: 'llm_call', description: 'The agent called a language model.' },
    STATE_CHANGE: { value: 'state_change', description: "The agent's state changed." },
    ERROR: { value: 'error', description: 'Something went wrong.' },
  } as const,
});

const TYPE_NAMES: { readonly [type: string]: string } = {
  tool_call: 'ToolCallEvent',
  llm_decision: 'LlmDecisionEvent',
  llm_call: 'LlmCallEvent',
  state_change: 'StateChangeEvent',
  error: 'ErrorEvent',
};

/** What every event is read with. */
const IDENTITY = { projectId: true, position: true, id: true, sessionId: true, eventType: true } as const;

const Event = builder.prismaInterface('Event', {
  name: 'Event',
  description: 'Something that happened in a session.',
  select: IDENTITY,
  resolveType: (event) => TYPE_NAMES[event.eventType],
  fields: (t) => ({
    id: t.exposeID('id', { description: 'Unique in its project.' }),
    cursor: t.field({ type: 'Cursor', description: 'Its place in the log.', resolve: (event) => formatCursor(event.position) }),
    sessionId: t.exposeID('sessionId', { description: 'The session it happened in.' }),
    session: t.field({
      type: Session,
      nullable: true,
      description: 'The session it happened in.',
      resolve: (event, _args, context, info) => context.loaders.session(selectedColumns(context, info)).load(event.sessionId),
    }),
    eventType: t.field({ type: EventType, description: 'What kind of thing happened.', resolve: (event) => event.eventType as typeof EventType.$inferType }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When the server got it.' }),
    clientTimestamp: t.expose('clientTimestamp', { type: 'DateTime', nullable: true, description: "When it happened, by the client's clock." }),
    durationMs: t.exposeFloat('durationMs', { nullable: true, description: 'How long it took, in milliseconds.' }),
    estimatedCost: t.float({ nullable: true, description: 'US dollars.', select: { estimatedCost: true }, resolve: (event) => event.estimatedCost?.toNumber() ?? null }),
    totalTokens: t.exposeInt('totalTokens', { nullable: true, description: 'Tokens it used.' }),
    reasoning: t.exposeString('reasoning', { nullable: true, description: 'Why the agent did it.' }),
    stateBefore: t.expose('stateBefore', { type: 'JSON', nullable: true, description: "The agent's state before it." }),
    stateAfter: t.expose('stateAfter', { type: 'JSON', nullable: true, description: "The agent's state after it." }),
    traceId: t.exposeString('traceId', { nullable: true, description: 'OpenTelemetry trace id.' }),
    spanId: t.exposeString('spanId', { nullable: true, description: 'OpenTelemetry span id.' }),
    parentEventId: t.exposeID('parentEventId', { nullable: true, description: 'The event it belongs to.' }),
    branchName: t.exposeString('branchName', { nullable: true, description: 'The branch of the run.' }),
    metadata: t.expose('metadata', { type: 'JSON', nullable: true, description: 'Anything else that was sent about it.' }),
    textReplaced: t.exposeBoolean('replaced', { description: 'True when characters or numbers that cannot be stored (U+0000, lone surrogates, infinities) were replaced.' }),
  }),
});

const ToolCallEvent = builder.prismaObject('Event', {
  variant: 'ToolCallEvent',
  interfaces: [Event],
  description: 'The agent called a tool.',
  select: IDENTITY,
  fields: (t) => ({
    toolName: t.exposeString('toolName', { nullable: true, description: 'Which tool.' }),
    toolInput: t.expose('toolInput', { type: 'JSON', nullable: true, description: 'What it was given.' }),
    toolOutput: t.expose('toolOutput', { type: 'JSON', nullable: true, description: 'What it returned.' }),
    toolError: t.expose('toolError', { type: 'JSON', nullable: true, description: 'Why it failed: usually { message, type }.' }),
    status: t.exposeString('status', { nullable: true, description: 'success or error, where it was reported.' }),
  }),
});

const LlmDecisionEvent = builder.prismaObject('Event', {
  variant: 'LlmDecisionEvent',
  interfaces: [Event],
  description: 'The agent decided what to do.',
  select: IDENTITY,
  fields: (t) => ({
    alternativesConsidered: t.field({
      type: ['JSON'],
      nullable: { list: true, items: true },
      description: 'The options it weighed; usually text.',
      select: { alternativesConsidered: true },
      resolve: (event) => alternativesOf(event.alternativesConsidered),
    }),
    chosen: t.exposeString('chosen', { nullable: true, description: 'The option it took.' }),
    confidence: t.exposeFloat('confidence', { nullable: true, description: 'How sure it was, from 0 to 1.' }),
  }),
});

/** A list of more text than this is not taken apart into its items; REST gives it whole. */
const LONGEST_LIST_BYTES = 1024 * 1024;

function alternativesOf(value: unknown): unknown[] | null {
  if (value instanceof JsonText && value.bytes > LONGEST_LIST_BYTES) throw fieldLeftOut('LlmDecisionEvent.alternativesConsidered', value.bytes);
  return plain(value) as unknown[] | null;
}

const LlmCallEvent = builder.prismaObject('Event', {
  variant: 'LlmCallEvent',
  interfaces: [Event],
  description: 'The agent called a language model. A tool call named llm:<provider>:<model> is one as well.',
  select: IDENTITY,
  fields: (t) => ({
    model: t.exposeString('model', { nullable: true, description: 'Which model.' }),
    prompt: t.field({ type: 'JSON', nullable: true, description: 'What it was given: text or messages.', select: { prompt: true, toolInput: true }, resolve: (event) => promptOf(event) }),
    response: t.field({ type: 'JSON', nullable: true, description: 'What it answered.', select: { response: true, toolOutput: true }, resolve: (event) => responseOf(event) }),
    promptTokens: t.exposeInt('promptTokens', { nullable: true, description: 'Tokens read.' }),
    completionTokens: t.exposeInt('completionTokens', { nullable: true, description: 'Tokens written.' }),
    toolName: t.exposeString('toolName', { nullable: true, description: 'The name it came under, where it came as a tool call.' }),
    toolError: t.expose('toolError', { type: 'JSON', nullable: true, description: 'Why it failed.' }),
    status: t.exposeString('status', { nullable: true, description: 'success or error, where it was reported.' }),
  }),
});

const StateChangeEvent = builder.prismaObject('Event', {
  variant: 'StateChangeEvent',
  interfaces: [Event],
  description: "The agent's state changed: compare stateBefore with stateAfter.",
  select: IDENTITY,
  fields: () => ({}),
});

const ErrorEvent = builder.prismaObject('Event', {
  variant: 'ErrorEvent',
  interfaces: [Event],
  description: 'Something went wrong.',
  select: IDENTITY,
  fields: (t) => ({
    errorType: t.exposeString('errorType', { nullable: true, description: 'What kind of error.' }),
    errorMessage: t.exposeString('errorMessage', { nullable: true, description: 'What it said.' }),
    errorStack: t.exposeString('errorStack', { nullable: true, description: 'Where it happened.' }),
    recoverable: t.exposeBoolean('recoverable', { nullable: true, description: 'Whether the agent could go on.' }),
    recoveryAction: t.exposeString('recoveryAction', { nullable: true, description: 'What it did about it.' }),
    toolName: t.exposeString('toolName', { nullable: true, description: 'The tool that failed.' }),
    toolError: t.expose('toolError', { type: 'JSON', nullable: true, description: 'The error as it was sent.' }),
  }),
});

builder.queryField('event', (t) =>
  t.field({
    type: Event,
    nullable: true,
    description: 'The event of this id. NOT_FOUND where this project has none.',
    args: { id: t.arg.id({ required: true }) },
    resolve: async (_root, { id }, context, info) => {
      const event = await context.loaders.event(columnsFor(selectedFields(info))).load(id);
      if (!event) throw eventNotFound(id);
      return event;
    },
  }),
);

const EventFilterInput = builder.inputType('EventFilter', {
  description: 'Which events; what is left out does not narrow.',
  fields: (t) => ({ types: t.field({ type: [EventType], description: 'Of one of these kinds.' }) }),
});

/** GraphQL fields that read other columns than their own name. */
const READS: { readonly [field: string]: readonly EventField[] } = {
  prompt: ['prompt', 'toolInput'],
  response: ['response', 'toolOutput'],
  cursor: ['position'],
  textReplaced: ['replaced'],
};
const ALWAYS: readonly EventField[] = ['projectId', 'position', 'id', 'sessionId', 'eventType'];
const columnsFor = (selected: Iterable<string>): EventField[] =>
  [...new Set([...ALWAYS, ...[...selected].flatMap((field) => READS[field] ?? (field in EVENT_COLUMNS ? [field as EventField] : []))])].sort();

const positionOf = (cursor: string | undefined) => (cursor === undefined ? undefined : parseCursor(cursor));

builder.prismaObjectField(Session, 'events', (t) =>
  t.connection(
    {
      type: Event,
      description: 'What happened in it, in order.',
      args: { filter: t.arg({ type: EventFilterInput }) },
      complexity: pageComplexity,
      select: { id: true },
      resolve: async (session, args, context, info) => {
        const page = pageOf(args);
        const types = args.filter?.types ?? undefined;
        const events = await context.loaders
          .events({
            after: positionOf(page.after),
            before: positionOf(page.before),
            limit: page.limit,
            fromEnd: page.fromEnd,
            types: types && types.length > 0 ? types : undefined,
            fields: columnsFor(selectedFields(info, ['edges', 'node'])),
          })
          .load(session.id);
        return connectionOf(events, page, (event) => formatCursor(event.position));
      },
    },
    { name: 'EventConnection', description: 'A page of events; fewer than asked for where their payloads are large.' },
    { name: 'EventEdge', description: 'An event on a page.' },
  ),
);

const IssueType = builder.objectRef<Issue>('Issue').implement({
  description: 'One fault of an input.',
  fields: (t) => ({
    path: t.exposeString('path', { description: 'The field, such as toolName; empty where it is the whole input.' }),
    message: t.exposeString('message', { description: 'What is wrong with it.' }),
  }),
});

const RecordError = builder.objectRef<Pick<AppError, 'message' | 'issues'> & { code: string }>('RecordError').implement({
  description: 'Why an item was not stored.',
  fields: (t) => ({
    code: t.exposeString('code', { description: 'As in extensions.code: BAD_USER_INPUT, TOO_LARGE, NOT_FOUND, CONFLICT, OVERLOADED, INTERNAL_SERVER_ERROR.' }),
    message: t.exposeString('message', { description: 'What was expected, what came, what to do.' }),
    issues: t.field({ type: [IssueType], description: 'Each fault of the item, where its fields are at fault; else empty.', resolve: ({ issues }) => [...issues] }),
  }),
});

const RecordResult = builder.objectRef<Recorded>('RecordResult').implement({
  description: 'What became of one item: `event` or `error`.',
  fields: (t) => ({
    event: t.field({ type: Event, nullable: true, description: 'As it is stored.', resolve: (result) => ('event' in result ? result.event : null) }),
    duplicate: t.boolean({ description: 'True when it was there before, with the same content.', resolve: (result) => 'event' in result && result.duplicate }),
    error: t.field({
      type: RecordError,
      nullable: true,
      description: 'Why it was not stored.',
      // Not the error itself: graphql-js throws whatever instance of Error a resolver returns.
      resolve: (result) => ('error' in result ? { code: graphqlCode(result.error), message: result.error.message, issues: result.error.issues } : null),
    }),
  }),
});

builder.mutationFields((t) => ({
  trackToolCall: t.field({
    type: ToolCallEvent,
    description: 'Records a tool call. Scope events:write.',
    args: { input: t.arg({ type: TrackToolCallInput, required: true }) },
    resolve: (_root, { input }, context, info) => recordEvent(scopeOf(context, info), asInput('tool_call', input)),
  }),
  trackDecision: t.field({
    type: LlmDecisionEvent,
    description: 'Records a decision. Scope events:write.',
    args: { input: t.arg({ type: TrackDecisionInput, required: true }) },
    resolve: (_root, { input }, context, info) => recordEvent(scopeOf(context, info), asInput('llm_decision', input)),
  }),
  trackLlmCall: t.field({
    type: LlmCallEvent,
    description: 'Records a call of a language model. Scope events:write.',
    args: { input: t.arg({ type: TrackLlmCallInput, required: true }) },
    resolve: (_root, { input }, context, info) => recordEvent(scopeOf(context, info), asInput('llm_call', input)),
  }),
  trackStateChange: t.field({
    type: StateChangeEvent,
    description: 'Records a change of state. Scope events:write.',
    args: { input: t.arg({ type: TrackStateChangeInput, required: true }) },
    resolve: (_root, { input }, context, info) => recordEvent(scopeOf(context, info), asInput('state_change', input)),
  }),
  trackError: t.field({
    type: ErrorEvent,
    description: 'Records an error. Scope events:write.',
    args: { input: t.arg({ type: TrackErrorInput, required: true }) },
    resolve: (_root, { input }, context, info) => recordEvent(scopeOf(context, info), asInput('error', input)),
  }),
  recordEvents: t.field({
    type: [RecordResult],
    description: `Records up to ${LARGEST_BATCH} events; each is stored or refused on its own, and has its result in the same place. Scope events:write.`,
    args: { input: t.arg({ type: [EventInput], required: true }) },
    complexity: (args) => ({ field: 1, multiplier: Math.max(1, args.input.length) }),
    resolve: (_root, { input }, context, info) => {
      assertBatch(input);
      return recordEvents(scopeOf(context, info), input.map(oneOf));
    },
  }),
}));

const EventUpdateType = builder.objectRef<EventUpdate>('EventUpdate').implement({
  description: 'An event that was committed.',
  fields: (t) => ({
    cursor: t.field({ type: 'Cursor', description: 'Resume after this.', resolve: (update) => update.cursor }),
    event: t.field({ type: Event, description: 'The event.', resolve: (update): EventRow => update.event }),
  }),
});

builder.subscriptionField('events', (t) =>
  t.field({
    type: EventUpdateType,
    description: 'Every event as it is committed: in order, each once. With `after` what came since then is replayed first. Scope read.',
    args: {
      after: t.arg({ type: 'Cursor', description: 'Where to resume; "0" replays all. Default: what comes from now on.' }),
      sessionId: t.arg.id({ description: 'Of this session. Default: of all.' }),
      types: t.arg({ type: [EventType], description: 'Of these kinds. Default: of all.' }),
    },
    subscribe: (_root, { after, sessionId, types }, { scope }) => watchEvents(scope, after ?? undefined, { sessionId: sessionId ?? undefined, types: types ?? undefined }),
    resolve: (update) => update,
  }),
);
