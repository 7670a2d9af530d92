import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { schema } from '../src/graphql/schema.ts';
import { startApp } from './support/app.ts';
import type { TestApp } from './support/app.ts';
import { subscribe } from './support/live.ts';
import type { Operation } from './support/live.ts';
import type { Tenant } from './support/tenant.ts';

// Each write through REST and through GraphQL gives the same row, the same live message and the same refusals.

const MAX_BODY_BYTES = 1_000_000;

let server: TestApp;
beforeAll(async () => {
  server = await startApp({ MAX_BODY_BYTES: String(MAX_BODY_BYTES) });
});
afterAll(() => server.close());

type Fields = Record<string, unknown>;
type Rest = { method: string; path: string; body: Fields };
type Write = { rest: Rest; graphql: unknown };
type TwoDoors = {
  inputType: string;
  /** The write, told to each door; `fields` are set on top. */
  write: (fields: Fields) => Write;
  /** As much of it as can be said. */
  full: Fields;
  /** What is refused, and the code. */
  refused: [title: string, fields: Fields, code: string][];
};

const SESSION = 'sess_both';
const COMMON = {
  id: 'evt_both', sessionId: SESSION, clientTimestamp: '2025-01-12T10:30:00.000Z', durationMs: 12.5, estimatedCost: 0.0015, totalTokens: 30, reasoning: 'because',
  stateBefore: { step: 1 }, stateAfter: [2], traceId: 't'.repeat(32), spanId: 's'.repeat(16), parentEventId: 'evt_parent', branchName: 'main', metadata: { k: { deep: [1, 'ä'] } },
};
const OUTCOME = {
  status: 'failed', success: false, failureReason: 'no luck', summary: 'tried', userInput: 'please', assistantOutput: { text: 'sorry' }, metadata: { m: 1 }, customMetrics: { score: 0.5 },
  promptTokens: 10, completionTokens: 20, totalTokens: 30, estimatedCost: 0.25, durationMs: 1500,
};
const EVENT_REFUSALS: TwoDoors['refused'] = [
  ['an unknown session', { sessionId: 'sess_nowhere' }, 'NOT_FOUND'],
  ['a cost below zero', { estimatedCost: -1 }, 'BAD_USER_INPUT'],
  ['a duration without bound', { durationMs: 1e300 }, 'BAD_USER_INPUT'],
  ['metadata that is no object', { metadata: 'text' }, 'BAD_USER_INPUT'],
  ['an id that is too long', { id: 'x'.repeat(201) }, 'BAD_USER_INPUT'],
  ['several faults', { id: '', estimatedCost: -1, durationMs: -2, metadata: [], parentEventId: 'x'.repeat(300) }, 'BAD_USER_INPUT'],
  ['state that is nested too deep', { stateAfter: nested(300) }, 'BAD_USER_INPUT'],
];
const SESSION_REFUSALS: TwoDoors['refused'] = [
  ['a cost below zero', { estimatedCost: -1 }, 'BAD_USER_INPUT'],
  ['custom metrics that are no object', { customMetrics: 3 }, 'BAD_USER_INPUT'],
  ['metadata that is nested too deep', { metadata: { a: nested(300) } }, 'BAD_USER_INPUT'],
];

function nested(depth: number): unknown {
  let value: unknown = 1;
  for (let i = 0; i < depth; i++) value = [value];
  return value;
}

const event = (eventType: string, inputType: string, own: Fields, refused: TwoDoors['refused'] = []): TwoDoors => ({
  inputType,
  write: (fields) => ({ rest: { method: 'POST', path: '/events', body: { eventType, ...fields } }, graphql: fields }),
  full: { ...COMMON, ...own },
  refused: [...EVENT_REFUSALS, ...refused],
});

const upper = (status: unknown) => (typeof status === 'string' ? status.toUpperCase() : status);

const update = (inputType: string, full: Fields, restDefault: Fields = {}): TwoDoors => ({
  inputType,
  write: ({ id = SESSION, ...fields }) => ({
    rest: { method: 'PATCH', path: `/sessions/${String(id)}`, body: { ...restDefault, ...fields } },
    graphql: { id, ...fields, ...('status' in fields && { status: upper(fields['status']) }) },
  }),
  full,
  refused: [['an unknown session', { id: 'sess_nowhere' }, 'NOT_FOUND'], ...SESSION_REFUSALS],
});

/** Every mutation of the schema: how REST says the same, or why it does not. */
const WRITES: { readonly [mutation: string]: TwoDoors | { onlyGraphql: string } } = {
  createSession: {
    inputType: 'CreateSessionInput!',
    write: (fields) => ({ rest: { method: 'POST', path: '/sessions', body: fields }, graphql: { ...fields, ...('status' in fields && { status: upper(fields['status']) }) } }),
    full: { id: 'sess_new', name: 'a run', agentName: 'agent', userId: 'user', convoId: 'convo', parentSessionId: SESSION, clientTimestamp: '2025-01-12T10:30:00.000Z', ...OUTCOME },
    refused: [['a name that is empty', { name: '' }, 'BAD_USER_INPUT'], ['a user id that is too long', { userId: 'u'.repeat(501) }, 'BAD_USER_INPUT'], ['an id with other content', { id: SESSION }, 'CONFLICT'], ...SESSION_REFUSALS],
  },
  updateSession: update('UpdateSessionInput!', { name: 'renamed', agentName: 'another', userId: 'someone', convoId: 'c', parentSessionId: 'sess_p', ...OUTCOME }),
  completeSession: update('CompleteSessionInput!', OUTCOME, { status: 'completed', success: true }),
  trackToolCall: event('tool_call', 'TrackToolCallInput!', { toolName: 'search', toolInput: { q: [1] }, toolOutput: 'found', toolError: { message: 'partly' }, status: 'error' }),
  trackDecision: event('llm_decision', 'TrackDecisionInput!', { alternativesConsidered: ['a', null, { b: 1 }], chosen: 'a', confidence: 0.75 }, [['a confidence beyond 1', { confidence: 1.5 }, 'BAD_USER_INPUT']]),
  trackLlmCall: event('llm_call', 'TrackLlmCallInput!', { model: 'm-1', prompt: [{ role: 'user', content: 'hi' }], response: 'hello', promptTokens: 10, completionTokens: 20, toolError: null, status: 'success' }, [
    ['tokens below zero', { promptTokens: -1 }, 'BAD_USER_INPUT'],
  ]),
  trackStateChange: event('state_change', 'TrackStateChangeInput!', {}),
  trackError: event('error', 'TrackErrorInput!', { errorMessage: 'broken', errorType: 'E', errorStack: 'at …', recoverable: true, recoveryAction: 'retry', toolName: 'search', toolError: { message: 'broken', code: 7 } }),
  recordEvents: {
    inputType: '[EventInput!]!',
    write: ({ id, ...fields }) => ({
      rest: { method: 'POST', path: '/events/batch', body: { events: [{ eventType: 'tool_call', ...fields, id }, { eventType: 'error', ...fields, errorMessage: 'e' }].map(withoutUndefined) } },
      graphql: [{ toolCall: { ...fields, id } }, { error: { ...fields, errorMessage: 'e' } }],
    }),
    full: { id: 'evt_both', sessionId: SESSION, toolName: 'search', estimatedCost: 1 },
    refused: [],
  },
  deleteSession: { onlyGraphql: 'administration' },
  createApiKey: { onlyGraphql: 'administration' },
  revokeApiKey: { onlyGraphql: 'administration' },
};

const withoutUndefined = (fields: Fields) => Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));

it('every mutation is in the table of doors', () => {
  expect(Object.keys(WRITES).sort()).toEqual(Object.keys(schema.getMutationType()!.getFields()).sort());
});

const twoDoors = Object.entries(WRITES).flatMap(([mutation, doors]) => ('onlyGraphql' in doors ? [] : [{ mutation, ...doors }]));

/** What a door answered, said the same way for both. */
type Said = { code: string; message: string } | 'done';

const STATUS_CODES: Record<number, string> = { 400: 'BAD_USER_INPUT', 401: 'UNAUTHENTICATED', 403: 'FORBIDDEN', 404: 'NOT_FOUND', 409: 'CONFLICT', 503: 'OVERLOADED' };

async function throughRest(tenant: Tenant, { rest }: Write, headers?: Record<string, string>): Promise<Said> {
  const { status, body } = await tenant.rest(rest.method, rest.path, rest.body, headers);
  return status === 200 ? 'done' : { code: STATUS_CODES[status] ?? String(status), message: body['message'] as string };
}

async function throughGraphql(tenant: Tenant, mutation: string, inputType: string, { graphql }: Write, headers?: Record<string, string>): Promise<Said> {
  const answer = await tenant.graphql(`mutation ($input: ${inputType}) { ${mutation}(input: $input) { __typename } }`, { input: graphql }, headers);
  const error = answer.errors?.[0];
  return error ? { code: error.extensions.code, message: error.message } : 'done';
}

const MOMENTS = ['created_at', 'updated_at', 'completed_at', 'last_event_at', 'createdAt', 'updatedAt', 'completedAt', 'lastEventAt'];
const GENERATED = /^(evt|sess)_[0-9a-f]{32}$/;

/** Without what differs between any two writes: moments, the project, and ids that the server made. */
function comparable(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(comparable);
  if (value instanceof Date || value === null || typeof value !== 'object') return typeof value === 'string' && GENERATED.test(value) ? 'made by the server' : value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => key !== 'project_id' && key !== 'fingerprint')
      .map(([key, inner]) => [key, MOMENTS.includes(key) && inner !== null ? 'a moment' : comparable(inner)]),
  );
}

async function rowsOf({ projectId }: Tenant): Promise<unknown> {
  const { pool } = server.app.services;
  const [sessions, events] = await Promise.all([
    pool.query('SELECT * FROM session WHERE project_id = $1 ORDER BY position', [projectId]),
    pool.query('SELECT * FROM event WHERE project_id = $1 ORDER BY position', [projectId]),
  ]);
  return comparable([sessions.rows, events.rows]);
}

const EVENTS_LIVE = `subscription ($after: Cursor) { events(after: $after) { cursor event {
  __typename id sessionId eventType createdAt clientTimestamp durationMs estimatedCost totalTokens reasoning stateBefore stateAfter traceId spanId parentEventId branchName metadata textReplaced
  ... on ToolCallEvent { toolName toolInput toolOutput toolError status }
  ... on LlmDecisionEvent { alternativesConsidered chosen confidence }
  ... on LlmCallEvent { model prompt response promptTokens completionTokens toolName toolError status }
  ... on ErrorEvent { errorType errorMessage errorStack recoverable recoveryAction toolName toolError }
} } }`;
const SESSIONS_LIVE = `subscription ($after: Cursor) { sessionUpdates(after: $after) { cursor session {
  id name agentName userId convoId parentSessionId status success failureReason summary userInput assistantOutput metadata customMetrics promptTokens completionTokens totalTokens estimatedCost
  durationMs createdAt updatedAt completedAt eventCount toolCallCount decisionCount llmCallCount stateChangeCount errorCount lastEventAt textReplaced
} } }`;

/** The messages that a write causes: those of events and of sessions, up to the head of the log. */
async function messagesOf(tenant: Tenant, write: () => Promise<unknown>): Promise<unknown> {
  const head = async () => (await tenant.run<{ viewer: { project: { cursor: string } } }>('{ viewer { project { cursor } } }')).viewer.project.cursor;
  const variables = { after: await head() };
  await using events = subscribe<{ events: { cursor: string } }>(tenant, { query: EVENTS_LIVE, variables }, 'sse');
  await using sessions = subscribe<{ sessionUpdates: { cursor: string } }>(tenant, { query: SESSIONS_LIVE, variables }, 'ws');
  await write();
  const { rows } = await server.app.services.pool.query<{ last: string | null }>('SELECT max(position) AS last FROM event WHERE project_id = $1', [tenant.projectId]);
  const [lastEvent, last] = [Number(rows[0]!.last ?? 0), await head()];
  await Promise.all([
    sessions.received((data) => data.at(-1)?.sessionUpdates.cursor === last),
    lastEvent > Number(variables.after) && events.received((data) => data.at(-1)?.events.cursor === String(lastEvent)),
  ]);
  return comparable([events.data, sessions.data.at(-1)]);
}

async function tenantWithSession(): Promise<Tenant> {
  const tenant = await server.tenant();
  await tenant.session({ id: SESSION, metadata: { before: true } });
  return tenant;
}

describe.each(twoDoors)('$mutation and its REST route', ({ mutation, inputType, write, full, refused }) => {
  const minimal = Object.fromEntries(Object.entries(full).filter(([name]) => ['name', 'agentName', 'userId', 'sessionId', 'toolName', 'model', 'errorMessage', 'id', 'durationMs'].includes(name)));

  it.each([
    ['in full', full],
    ['in short', minimal],
    ['with characters that cannot be stored', { ...minimal, ...(mutation === 'recordEvents' ? { toolName: 'a\0b\ud800' } : { metadata: { 'k\0': 'a\0b\ud800' } }) }],
  ])('write the same row and the same live message, %s', async (_title, fields) => {
    const [one, other] = [await tenantWithSession(), await tenantWithSession()];
    const said: Said[] = [];
    const live = await messagesOf(one, async () => said.push(await throughRest(one, write(fields))));
    const alsoLive = await messagesOf(other, async () => said.push(await throughGraphql(other, mutation, inputType, write(fields))));
    expect(said).toEqual(['done', 'done']);
    expect(await rowsOf(other)).toEqual(await rowsOf(one));
    expect(alsoLive).toEqual(live);
  });

  it.each(refused)('refuse %s with the same code and message, and write nothing', async (_title, fields, code) => {
    const tenant = await tenantWithSession();
    const before = await rowsOf(tenant);
    const asked = write({ ...full, ...fields });
    const said = await throughRest(tenant, asked);
    expect(said).toMatchObject({ code });
    expect(await throughGraphql(tenant, mutation, inputType, asked)).toEqual(said);
    expect(await rowsOf(tenant)).toEqual(before);
  });

  it('refuse a key that is missing, wrong or lacks the scope, with the same code and message', async () => {
    const tenant = await tenantWithSession();
    for (const authorization of ['', 'Bearer wrong']) {
      const said = await throughRest(tenant, write(full), { authorization });
      expect(said).toEqual({ code: 'UNAUTHENTICATED', message: 'Invalid or missing API key' });
      expect(await throughGraphql(tenant, mutation, inputType, write(full), { authorization })).toEqual(said);
    }
    const reader = await tenant.anotherKey({ scopes: ['read'] });
    const said = await throughRest(reader, write(full));
    expect(said).toMatchObject({ code: 'FORBIDDEN' });
    expect(await throughGraphql(reader, mutation, inputType, write(full))).toEqual(said);
  });
});

it('the items of a batch are refused with the same codes, messages and issues at both doors', async () => {
  const tenant = await tenantWithSession();
  await tenant.event(SESSION, { id: 'taken', toolName: 'x' });
  const items = [{ sessionId: 'sess_nowhere', toolName: 't' }, { sessionId: SESSION, toolName: 't', estimatedCost: -1, metadata: 'text' }, { sessionId: SESSION, toolName: 't', id: 'taken' }, { sessionId: SESSION, toolName: 't' }];
  const rest = await tenant.rest('POST', '/events/batch', { events: items.map((item) => ({ eventType: 'tool_call', ...item })) });
  const graphql = await tenant.graphql('mutation ($input: [EventInput!]!) { recordEvents(input: $input) { error { code message issues { path message } } } }', { input: items.map((toolCall) => ({ toolCall })) });
  expect(graphql.errors).toBeUndefined();
  type Result = { status: number; message?: string; issues?: Fields[] };
  const restSaid = (rest.body['results'] as Result[]).map(({ status, message, issues = [] }) => (status === 200 ? null : { code: STATUS_CODES[status], message, issues }));
  expect(restSaid.map((said) => said?.code)).toEqual(['NOT_FOUND', 'BAD_USER_INPUT', 'CONFLICT', undefined]);
  expect(restSaid.map((said) => said?.issues.map(({ path }) => path).sort())).toEqual([[], ['estimatedCost', 'metadata'], [], undefined]);
  expect((graphql.data!['recordEvents'] as { error: unknown }[]).map(({ error }) => error)).toEqual(restSaid);
});

it.each(['HTTP', 'WebSocket'])('an event of a batch that does not fit its type is judged alone, as REST judges it, over %s', async (way) => {
  const tenant = await tenantWithSession();
  const calls = [
    { toolName: 'before' },
    { toolName: 't', totalTokens: 1.5 },
    { toolName: 5 },
    {},
    { toolName: 'unknown', surprise: { kept: true }, metadata: { sent: 1 } },
    { toolName: 'late', clientTimestamp: 'yesterday' },
    { toolName: 'after' },
  ].map((call) => ({ sessionId: SESSION, ...call }));
  const unfit = [{ toolCall: calls[0], error: { sessionId: SESSION, errorMessage: 'm' } }, {}, { surprise: {} }, 5, null, [], { toolCall: 'text' }];
  const query = 'mutation ($input: [EventInput!]!) { recordEvents(input: $input) { event { ... on ToolCallEvent { toolName metadata } } error { code message } } }';
  const input = [...calls.map((toolCall) => ({ toolCall })), ...unfit];
  type Result = { event: { toolName: string; metadata: unknown } | null; error: { code: string; message: string } | null };
  const results = await (way === 'HTTP' ? tenant.run<{ recordEvents: Result[] }>(query, { input }) : overWebSocket<{ recordEvents: Result[] }>(tenant, { query, variables: { input } }));

  const rest = await tenant.rest('POST', '/events/batch', { events: calls.map((call) => ({ eventType: 'tool_call', ...call })) });
  const restSaid = (rest.body['results'] as { status: number; message?: string }[]).map(({ status, message }) => (status === 200 ? null : { code: STATUS_CODES[status], message }));
  const [said, others] = [results.recordEvents.slice(0, calls.length), results.recordEvents.slice(calls.length)];
  expect(said.map(({ error }) => error)).toEqual(restSaid);
  expect(said.map(({ event }) => event?.toolName)).toEqual(['before', undefined, undefined, null, 'unknown', undefined, 'after']); // a call without a name is one
  expect(said[4]!.event!.metadata).toEqual({ sent: 1, surprise: { kept: true } });
  expect(others.map(({ error }) => error?.code)).toEqual(unfit.map(() => 'BAD_USER_INPUT'));
});

async function overWebSocket<Data>(tenant: Tenant, operation: Operation): Promise<Data> {
  await using answer = subscribe<Data>(tenant, operation);
  const [data] = await answer.received((all) => all.length === 1);
  return data!;
}

it('a batch that is too long is refused with the same code and message at both doors', async () => {
  const tenant = await tenantWithSession();
  const items = Array.from({ length: 1_001 }, () => ({ sessionId: SESSION, toolName: 't' }));
  const said = await throughRest(tenant, { rest: { method: 'POST', path: '/events/batch', body: { events: items } }, graphql: null });
  expect(said).toMatchObject({ code: 'BAD_USER_INPUT' });
  expect(await throughGraphql(tenant, 'recordEvents', '[EventInput!]!', { rest: { method: '', path: '', body: {} }, graphql: items.map((toolCall) => ({ toolCall })) })).toEqual(said);
});

it('a body that is too large is refused with the same message at both doors', async () => {
  const tenant = await server.tenant();
  const large = 'x'.repeat(MAX_BODY_BYTES);
  const [rest, graphql] = [await tenant.rest('POST', '/sessions', { name: large }), await tenant.graphql('{ viewer { keyId } }', { large })];
  expect([rest.status, graphql.status]).toEqual([413, 413]);
  expect(rest.body['message']).toContain('MAX_BODY_BYTES');
  expect(graphql.errors).toEqual([{ message: rest.body['message'], extensions: { code: 'TOO_LARGE' } }]);
});

it('what one door wrote the other reads', async () => {
  const tenant = await tenantWithSession();
  await tenant.run('mutation ($input: TrackToolCallInput!) { trackToolCall(input: $input) { id } }', { input: { sessionId: SESSION, id: 'e1', toolName: 't', toolInput: { a: 1 } } });
  expect((await tenant.rest('GET', `/sessions/${SESSION}/events`)).body['events']).toMatchObject([{ id: 'e1', eventType: 'tool_call', toolName: 't', toolInput: { a: 1 } }]);
  await tenant.rest('PATCH', `/sessions/${SESSION}`, { success: true });
  expect(await tenant.run('{ sessions { edges { node { id status eventCount } } } }')).toEqual({ sessions: { edges: [{ node: { id: SESSION, status: 'COMPLETED', eventCount: 1 } }] } });
});
