import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApp } from './support/app.ts';
import type { TestApp } from './support/app.ts';
import type { Tenant } from './support/tenant.ts';

// P2: sending twice is safe, through both doors.

let server: TestApp;
beforeAll(async () => {
  server = await startApp();
});
afterAll(() => server.close());

type Fields = Record<string, unknown>;
type Reply = { ok: true; value: Fields } | { ok: false; code: string };

/** What a client can write, and name so that it may send it again. */
type Write = (tenant: Tenant, sessionId: string, content: Fields, name: Fields, headers: Record<string, string>) => Promise<Reply>;

const CODES: Record<number, string> = { 400: 'BAD_USER_INPUT', 404: 'NOT_FOUND', 409: 'CONFLICT' };

const throughRest = (method: string, path: (sessionId: string) => string, body: (sessionId: string, content: Fields, name: Fields) => Fields): Write =>
  async (tenant, sessionId, content, name, headers) => {
    const answer = await tenant.rest(method, path(sessionId), body(sessionId, content, name), headers);
    return answer.status === 200 ? { ok: true, value: answer.body } : { ok: false, code: CODES[answer.status] ?? String(answer.status) };
  };

const throughGraphql = (field: string, type: string, selection: string, input: (sessionId: string, content: Fields, name: Fields) => unknown): Write =>
  async (tenant, sessionId, content, name, headers) => {
    const answer = await tenant.graphql(`mutation ($input: ${type}) { ${field}(input: $input) { ${selection} } }`, { input: input(sessionId, content, name) }, headers);
    if (answer.errors) return { ok: false, code: answer.errors[0]!.extensions.code };
    const value = answer.data![field];
    return { ok: true, value: Array.isArray(value) ? { results: value } : (value as Fields) };
  };

const CONTENT = { metadata: { a: { x: 1, y: [1, 2] }, b: 'two' } };
const OTHER = { metadata: { a: { x: 1, y: [2, 1] }, b: 'two' } };
const EVENT = 'id cursor sessionId createdAt metadata';

const EVENTS: [string, Write][] = [
  ['POST /events', throughRest('POST', () => '/events', (sessionId, content, name) => ({ sessionId, eventType: 'tool_call', toolName: 't', estimatedCost: 1, ...content, ...name }))],
  ['trackToolCall', throughGraphql('trackToolCall', 'TrackToolCallInput!', EVENT, (sessionId, content, name) => ({ sessionId, toolName: 't', estimatedCost: 1, ...content, ...name }))],
  ['trackDecision', throughGraphql('trackDecision', 'TrackDecisionInput!', EVENT, (sessionId, content, name) => ({ sessionId, reasoning: 'r', ...content, ...name }))],
  ['trackLlmCall', throughGraphql('trackLlmCall', 'TrackLlmCallInput!', EVENT, (sessionId, content, name) => ({ sessionId, model: 'm', totalTokens: 3, ...content, ...name }))],
  ['trackStateChange', throughGraphql('trackStateChange', 'TrackStateChangeInput!', EVENT, (sessionId, content, name) => ({ sessionId, ...content, ...name }))],
  ['trackError', throughGraphql('trackError', 'TrackErrorInput!', EVENT, (sessionId, content, name) => ({ sessionId, errorMessage: 'm', ...content, ...name }))],
];
const SESSIONS: [string, Write][] = [
  ['POST /sessions', throughRest('POST', () => '/sessions', (_, content, name) => ({ name: 'n', agentName: 'a', userId: 'u', ...content, ...name }))],
  ['createSession', throughGraphql('createSession', 'CreateSessionInput!', 'id cursor name createdAt metadata', (_, content, name) => ({ name: 'n', agentName: 'a', userId: 'u', ...content, ...name }))],
];
const UPDATES: [string, Write][] = [
  ['PATCH /sessions/:id', throughRest('PATCH', (id) => `/sessions/${id}`, (_, content) => ({ success: true, ...content }))],
  ['updateSession', throughGraphql('updateSession', 'UpdateSessionInput!', 'id cursor status metadata', (id, content) => ({ id, success: true, ...content }))],
  ['completeSession', throughGraphql('completeSession', 'CompleteSessionInput!', 'id cursor status metadata', (id, content) => ({ id, ...content }))],
];

/** Everything that a repeated request must leave as it is: the log's head, every session with its rollups, every event. */
async function contents(tenant: Tenant): Promise<unknown> {
  const { pool } = server.app.services;
  const [head, sessions, events] = await Promise.all([
    pool.query('SELECT log_position FROM project WHERE id = $1', [tenant.projectId]),
    pool.query('SELECT * FROM session WHERE project_id = $1 ORDER BY id', [tenant.projectId]),
    pool.query('SELECT * FROM event WHERE project_id = $1 ORDER BY position', [tenant.projectId]),
  ]);
  return [head.rows, sessions.rows, events.rows];
}

/** The same object, with the keys of every object in it turned round. */
function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).reverse().map(([key, inner]) => [key, reversed(inner)]));
}

const NAMED: [string, Fields, Record<string, string>][] = [
  ['a chosen id', { id: 'chosen_1' }, {}],
  ['an Idempotency-Key', {}, { 'idempotency-key': 'a key: with "any" characters' }],
];

describe.each([...EVENTS, ...SESSIONS].flatMap(([door, write]) => NAMED.map(([naming, name, headers]) => ({ door, write, naming, name, headers }))))(
  '$door with $naming',
  ({ write, name, headers }) => {
    it('answers as it did the first time and changes nothing', async () => {
      const tenant = await server.tenant();
      const session = await tenant.session();
      const first = await write(tenant, session, CONTENT, name, headers);
      expect(first.ok).toBe(true);
      const before = await contents(tenant);
      expect(await write(tenant, session, CONTENT, name, headers)).toEqual(first);
      expect(await write(tenant, session, reversed(CONTENT) as Fields, name, headers)).toEqual(first);
      expect(await contents(tenant)).toEqual(before);
    });

    it('refuses other content and keeps the first', async () => {
      const tenant = await server.tenant();
      const session = await tenant.session();
      await write(tenant, session, CONTENT, name, headers);
      const before = await contents(tenant);
      expect(await write(tenant, session, OTHER, name, headers)).toEqual({ ok: false, code: 'CONFLICT' });
      expect(await write(tenant, session, {}, name, headers)).toEqual({ ok: false, code: 'CONFLICT' });
      expect(await contents(tenant)).toEqual(before);
    });

    it('makes one row of twenty requests at once', async () => {
      const tenant = await server.tenant();
      const session = await tenant.session();
      const replies = await Promise.all(Array.from({ length: 20 }, () => write(tenant, session, CONTENT, name, headers)));
      for (const reply of replies) expect(reply).toEqual(replies[0]);
      expect(replies[0]!.ok).toBe(true);
      const [[project], sessions, events] = (await contents(tenant)) as [[{ log_position: unknown }], Fields[], Fields[]];
      expect([Number(project.log_position), sessions.length + events.length]).toEqual([2, 2]);
    });
  },
);

it.each(EVENTS)('%s counts a repeated event once', async (_door, write) => {
  const tenant = await server.tenant();
  const session = await tenant.session();
  for (let i = 0; i < 3; i++) await write(tenant, session, {}, { id: 'once' }, {});
  const { body } = await tenant.rest('GET', `/sessions/${session}`);
  expect(body['eventCount']).toBe(1);
  expect(['toolCallCount', 'decisionCount', 'llmCallCount', 'stateChangeCount', 'errorCount'].map((name) => body[name])).toContain(1);
  expect(body['estimatedCost']).toBeLessThanOrEqual(1);
  expect(body['totalTokens']).toBeLessThanOrEqual(3);
});

describe.each(UPDATES)('%s with an Idempotency-Key', (_door, write) => {
  const headers = { 'idempotency-key': 'update-1' };

  it('is applied once, also when the session has changed since', async () => {
    const tenant = await server.tenant();
    const session = await tenant.session();
    const first = await write(tenant, session, CONTENT, {}, headers);
    expect(first.ok).toBe(true);
    const before = await contents(tenant);
    expect(await write(tenant, session, reversed(CONTENT) as Fields, {}, headers)).toEqual(first);
    expect(await contents(tenant)).toEqual(before);
    await tenant.rest('PATCH', `/sessions/${session}`, { metadata: { b: 'three' } });
    const changed = await contents(tenant);
    expect(await write(tenant, session, CONTENT, {}, headers)).toMatchObject({ ok: true, value: { metadata: { b: 'three' } } });
    expect(await contents(tenant)).toEqual(changed);
  });

  it('refuses other content, and the same for another session', async () => {
    const tenant = await server.tenant();
    const [session, another] = [await tenant.session(), await tenant.session()];
    await write(tenant, session, CONTENT, {}, headers);
    const before = await contents(tenant);
    expect(await write(tenant, session, OTHER, {}, headers)).toEqual({ ok: false, code: 'CONFLICT' });
    expect(await write(tenant, another, CONTENT, {}, headers)).toEqual({ ok: false, code: 'CONFLICT' });
    expect(await contents(tenant)).toEqual(before);
  });

  it('is applied once when twenty come at once', async () => {
    const tenant = await server.tenant();
    const session = await tenant.session();
    const replies = await Promise.all(Array.from({ length: 20 }, () => write(tenant, session, CONTENT, {}, headers)));
    for (const reply of replies) expect(reply).toEqual(replies[0]);
    const [[project]] = (await contents(tenant)) as [[{ log_position: unknown }]];
    expect(Number(project.log_position)).toBe(2);
  });

  it('does not use up the key when the session is not there', async () => {
    const tenant = await server.tenant();
    expect(await write(tenant, 'sess_later', CONTENT, {}, headers)).toEqual({ ok: false, code: 'NOT_FOUND' });
    await tenant.session({ id: 'sess_later' });
    expect(await write(tenant, 'sess_later', CONTENT, {}, headers)).toMatchObject({ ok: true });
  });
});

type Result = { status: number; event?: Fields; error?: string };
type GraphqlResult = { duplicate: boolean; event: Fields | null; error: { code: string } | null };

const BATCHES: [string, (tenant: Tenant, items: Fields[], headers?: Record<string, string>) => Promise<{ id?: unknown; code?: string }[]>][] = [
  [
    'POST /events/batch',
    async (tenant, items, headers) => {
      const { status, body } = await tenant.rest('POST', '/events/batch', { events: items.map((item) => ({ eventType: 'tool_call', ...item })) }, headers);
      expect(status).toBe(200);
      const results = body['results'] as Result[];
      expect(body['created']).toBe(results.filter((result) => result.status === 200).length);
      return results.map((result) => (result.event ? { id: result.event['id'] } : { code: CODES[result.status]! }));
    },
  ],
  [
    'recordEvents',
    async (tenant, items, headers) => {
      const { data, errors } = await tenant.graphql(
        'mutation ($input: [EventInput!]!) { recordEvents(input: $input) { duplicate event { id } error { code message } } }',
        { input: items.map((item) => ({ toolCall: { toolName: 't', ...item } })) },
        headers,
      );
      expect(errors).toBeUndefined();
      return (data!['recordEvents'] as GraphqlResult[]).map((result) => (result.event ? { id: result.event['id'] } : { code: result.error!.code }));
    },
  ],
];

describe.each(BATCHES)('%s', (_door, send) => {
  it('gives each item its own result, and one bad item fails alone', async () => {
    const tenant = await server.tenant();
    const sessionId = await tenant.session();
    const results = await send(tenant, [
      { sessionId, id: 'e1' },
      { sessionId: 'sess_nowhere', id: 'e2' },
      { sessionId, id: 'e3', estimatedCost: -1 },
      { sessionId, id: 'e1' },
      { sessionId, id: 'e1', reasoning: 'other' },
      { sessionId },
      { sessionId, id: 'e4', metadata: [] },
    ]);
    expect(results).toEqual([{ id: 'e1' }, { code: 'NOT_FOUND' }, { code: 'BAD_USER_INPUT' }, { id: 'e1' }, { code: 'CONFLICT' }, { id: expect.stringMatching(/^evt_/) as string }, { code: 'BAD_USER_INPUT' }]);
    const { body } = await tenant.rest('GET', `/sessions/${sessionId}/events`);
    expect((body['events'] as Fields[]).map((event) => event['id'])).toEqual(['e1', results[5]!.id]);
    expect((await tenant.rest('GET', `/sessions/${sessionId}`)).body['eventCount']).toBe(2);
  });

  it('sent again by ids changes nothing, and stores what was missing', async () => {
    const tenant = await server.tenant();
    const sessionId = await tenant.session();
    const items = ['a', 'b', 'c'].map((id) => ({ id, sessionId, metadata: { id } }));
    const first = await send(tenant, items.slice(0, 2));
    const before = await contents(tenant);
    expect(await send(tenant, items.slice(0, 2))).toEqual(first);
    expect(await contents(tenant)).toEqual(before);
    expect(await send(tenant, items)).toEqual([{ id: 'a' }, { id: 'b' }, { id: 'c' }]);
    expect((await tenant.rest('GET', `/sessions/${sessionId}`)).body['eventCount']).toBe(3);
  });

  it('sent again with its Idempotency-Key changes nothing, and refuses the items that differ', async () => {
    const tenant = await server.tenant();
    const sessionId = await tenant.session();
    const headers = { 'idempotency-key': 'batch-1' };
    const items = [1, 2, 3].map((n) => ({ sessionId, metadata: { n } }));
    const first = await send(tenant, items, headers);
    expect(new Set(first.map(({ id }) => id)).size).toBe(3);
    const before = await contents(tenant);
    expect(await send(tenant, items, headers)).toEqual(first);
    expect(await send(tenant, [items[0]!, items[2]!, items[2]!], headers)).toEqual([first[0], { code: 'CONFLICT' }, first[2]]);
    expect(await contents(tenant)).toEqual(before);
  });

  it('of twenty at once makes one row of each item', async () => {
    const tenant = await server.tenant();
    const sessionId = await tenant.session();
    const items = Array.from({ length: 10 }, (_, n) => ({ id: `e${n}`, sessionId }));
    const results = await Promise.all(Array.from({ length: 20 }, (_, n) => send(tenant, n % 2 ? items : [...items].reverse())));
    for (const [n, result] of results.entries()) expect(result).toEqual((n % 2 ? items : [...items].reverse()).map(({ id }) => ({ id })));
    expect((await tenant.rest('GET', `/sessions/${sessionId}`)).body['eventCount']).toBe(10);
    const [[project]] = (await contents(tenant)) as [[{ log_position: unknown }]];
    expect(Number(project.log_position)).toBe(11);
  });
});

it('a batch tells in GraphQL which items were there before', async () => {
  const tenant = await server.tenant();
  const sessionId = await tenant.session();
  await tenant.event(sessionId, { id: 'there', toolName: 't' });
  const { recordEvents } = await tenant.run<{ recordEvents: GraphqlResult[] }>('mutation ($input: [EventInput!]!) { recordEvents(input: $input) { duplicate event { id } error { code } } }', {
    input: [{ toolCall: { sessionId, id: 'there', toolName: 't' } }, { toolCall: { sessionId, id: 'new', toolName: 't' } }],
  });
  expect(recordEvents.map(({ duplicate }) => duplicate)).toEqual([true, false]);
});

it('the second event with an id is judged by itself where the first of the same batch was refused', async () => {
  const tenant = await server.tenant();
  const sessionId = await tenant.session();
  await tenant.event(sessionId, { id: 'there', toolName: 'one' });
  const tool = (id: string, toolName: string, session = sessionId) => ({ id, sessionId: session, eventType: 'tool_call', toolName });
  const { body } = await tenant.rest('POST', '/events/batch', {
    events: [tool('new', 't', 'sess_nowhere'), tool('new', 't'), tool('new', 't'), tool('new', 'u'), tool('there', 'other'), tool('there', 'one')],
  });
  expect((body['results'] as { status: number }[]).map(({ status }) => status)).toEqual([404, 200, 200, 409, 409, 200]);
  expect((await tenant.rest('GET', `/sessions/${sessionId}`)).body['eventCount']).toBe(2);
});

it('an event sent through one door is known at the other', async () => {
  const tenant = await server.tenant();
  const sessionId = await tenant.session();
  const fields = { id: 'both', sessionId, toolName: 't', toolInput: { q: 1 }, metadata: { a: 1 } };
  expect((await tenant.rest('POST', '/events', { ...fields, eventType: 'tool_call' })).status).toBe(200);
  const track = 'mutation ($input: TrackToolCallInput!) { trackToolCall(input: $input) { id } }';
  expect(await tenant.graphql(track, { input: fields })).toMatchObject({ data: { trackToolCall: { id: 'both' } } });
  expect(await tenant.graphql(track, { input: { ...fields, toolInput: 2 } })).toMatchObject({ errors: [{ extensions: { code: 'CONFLICT' } }] });
  expect((await tenant.rest('GET', `/sessions/${sessionId}`)).body['eventCount']).toBe(1);
});

it('a session created again after it was used answers as it stands', async () => {
  const tenant = await server.tenant();
  const fields = { id: 'mine', name: 'n', agentName: 'a', userId: 'u' };
  await tenant.rest('POST', '/sessions', fields);
  await tenant.event('mine');
  await tenant.rest('PATCH', '/sessions/mine', { success: true });
  expect(await tenant.rest('POST', '/sessions', fields)).toMatchObject({ status: 200, body: { id: 'mine', status: 'completed', eventCount: 1 } });
});

it('without a name two equal events are two events', async () => {
  const tenant = await server.tenant();
  const sessionId = await tenant.session();
  expect(await tenant.event(sessionId)).not.toBe(await tenant.event(sessionId));
  expect((await tenant.rest('GET', `/sessions/${sessionId}`)).body['eventCount']).toBe(2);
});

it('the fields of one GraphQL operation each have their part of its Idempotency-Key', async () => {
  const tenant = await server.tenant();
  const sessionId = await tenant.session();
  const operation = 'mutation ($s: ID!) { a: trackToolCall(input: { sessionId: $s, toolName: "t" }) { id } b: trackToolCall(input: { sessionId: $s, toolName: "t" }) { id } }';
  const first = await tenant.graphql(operation, { s: sessionId }, { 'idempotency-key': 'k' });
  expect((first.data!['a'] as Fields)['id']).not.toBe((first.data!['b'] as Fields)['id']);
  expect(await tenant.graphql(operation, { s: sessionId }, { 'idempotency-key': 'k' })).toEqual(first);
});
