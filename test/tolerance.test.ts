import { request as httpRequest } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApp } from './support/app.ts';
import type { TestApp } from './support/app.ts';
import type { Tenant } from './support/tenant.ts';

// Clients of every generation of the API send what they send; none of them loses a run to a spelling.

let server: TestApp;
beforeAll(async () => {
  server = await startApp();
});
afterAll(() => server.close());

type Fields = Record<string, unknown>;

const SESSION_FIELDS = `id name agentName userId convoId parentSessionId status success failureReason summary userInput assistantOutput
  metadata customMetrics promptTokens completionTokens totalTokens estimatedCost durationMs completedAt eventCount llmCallCount toolCallCount errorCount`;

async function sessionOf(tenant: Tenant, id: string): Promise<Fields> {
  return (await tenant.run<{ session: Fields }>(`query ($id: ID!) { session(id: $id) { ${SESSION_FIELDS} } }`, { id })).session;
}

async function eventOf(tenant: Tenant, id: string): Promise<Fields> {
  const { event } = await tenant.run<{ event: Fields }>(
    `query ($id: ID!) { event(id: $id) {
      __typename id sessionId eventType durationMs estimatedCost totalTokens reasoning stateBefore stateAfter traceId spanId parentEventId branchName metadata clientTimestamp
      ... on ToolCallEvent { toolName toolInput toolOutput toolError status }
      ... on LlmDecisionEvent { alternativesConsidered chosen confidence }
      ... on LlmCallEvent { model prompt response promptTokens completionTokens toolName status }
      ... on ErrorEvent { errorType errorMessage errorStack recoverable recoveryAction toolName toolError }
    } }`,
    { id },
  );
  return event;
}

async function accepted(tenant: Tenant, method: string, path: string, body: unknown, headers?: Record<string, string>): Promise<Fields> {
  const answer = await tenant.rest(method, path, body, headers);
  expect([answer.status, answer.body]).toEqual([200, expect.anything()]);
  return answer.body;
}

const create = (tenant: Tenant, fields: Fields) => accepted(tenant, 'POST', '/sessions', { name: 'run', agentName: 'agent', userId: 'user', ...fields });
async function track(tenant: Tenant, fields: Fields): Promise<Fields> {
  const sessionId = fields['sessionId'] ?? fields['session_id'] ?? (await tenant.session());
  const answer = await accepted(tenant, 'POST', '/events', { ...('session_id' in fields ? {} : { sessionId }), ...fields });
  return eventOf(tenant, answer['id'] as string);
}

describe('the status of a session', () => {
  it.each([
    ['success', 'completed', true],
    ['error', 'failed', false],
    ['completed', 'completed', true],
    ['failed', 'failed', false],
    ['cancelled', 'cancelled', undefined],
    ['canceled', 'cancelled', undefined],
    ['running', 'active', undefined],
    ['active', 'active', undefined],
  ])('%s is stored as %s', async (sent, stored, success) => {
    const tenant = await server.tenant();
    const id = await tenant.session();
    const body = await accepted(tenant, 'PATCH', `/sessions/${id}`, { status: sent });
    expect([body['status'], body['success']]).toEqual([stored, success]);
    const { body: list } = await tenant.rest('GET', `/sessions?status=${sent}`);
    expect(list['sessions']).toMatchObject([{ id, status: stored }]);
  });

  it('follows from success where it is missing, and success from it', async () => {
    const tenant = await server.tenant();
    for (const [sent, status, success] of [
      [{ success: true }, 'completed', true],
      [{ success: false }, 'failed', false],
      [{ status: 'completed' }, 'completed', true],
      [{ status: 'failed', success: null }, 'failed', false],
      [{ status: null, success: false }, 'failed', false],
      [{ status: 'completed', success: false }, 'completed', false],
      [{ status: 'cancelled', success: true }, 'cancelled', true],
    ] as const) {
      const body = await accepted(tenant, 'PATCH', `/sessions/${await tenant.session()}`, sent);
      expect([sent, body['status'], body['success']]).toEqual([sent, status, success]);
    }
  });

  it('may be terminal from the start', async () => {
    const tenant = await server.tenant();
    expect(await create(tenant, { status: 'error', failureReason: 'no money' })).toMatchObject({ status: 'failed', success: false, failureReason: 'no money', completedAt: expect.any(String) as string });
  });
});

describe('spellings', () => {
  it('of a session are camelCase or snake_case', async () => {
    const tenant = await server.tenant();
    const body = await accepted(tenant, 'POST', '/sessions', { name: 'run', agent_name: 'a', user_id: 'u', convo_id: 'c', parent_session_id: 'p', user_input: 'hi', metadata: { k: 1 } });
    expect(await sessionOf(tenant, body['id'] as string)).toMatchObject({ agentName: 'a', userId: 'u', convoId: 'c', parentSessionId: 'p', userInput: 'hi', metadata: { k: 1 } });
    const update = { failure_reason: 'f', custom_metrics: { m: 1 }, prompt_tokens: 1, completion_tokens: 2, total_tokens: 3, estimated_cost: 0.5, duration_ms: 7, assistant_output: 'bye', summary: 's' };
    await accepted(tenant, 'PATCH', `/sessions/${String(body['id'])}`, update);
    expect(await sessionOf(tenant, body['id'] as string)).toMatchObject({
      failureReason: 'f', customMetrics: { m: 1 }, promptTokens: 1, completionTokens: 2, totalTokens: 3, estimatedCost: 0.5, durationMs: 7, assistantOutput: 'bye', summary: 's',
    });
  });

  it('of an event are camelCase or snake_case', async () => {
    const tenant = await server.tenant();
    const session_id = await tenant.session();
    const event = await track(tenant, {
      session_id, event_type: 'tool_call', tool_name: 't', tool_input: { a: 1 }, tool_output: [1], tool_error: { message: 'm' }, token_count: 3, estimated_cost: 0.1, state_before: {}, state_after: { b: 2 }, trace_id: 'tr', span_id: 'sp', parent_event_id: 'evt_p', branch_name: 'main', duration_ms: 9,
    });
    expect(event).toMatchObject({
      __typename: 'ToolCallEvent', sessionId: session_id, toolName: 't', toolInput: { a: 1 }, toolOutput: [1], toolError: { message: 'm' }, totalTokens: 3, estimatedCost: 0.1, stateBefore: {}, stateAfter: { b: 2 }, traceId: 'tr', spanId: 'sp', parentEventId: 'evt_p', branchName: 'main', durationMs: 9, metadata: null,
    });
  });

  it.each<[Fields, Fields]>([
    [{ eventType: 'llm_decision', alternatives: ['x'] }, { alternativesConsidered: ['x'] }],
    [{ eventType: 'llm_decision', alternatives: 'x' }, { alternativesConsidered: ['x'] }],
    [{ eventType: 'tool_call', cost: 0.25 }, { estimatedCost: 0.25 }],
    [{ eventType: 'tool_call', tokens_used: 4 }, { totalTokens: 4 }],
    [{ eventType: 'tool_call', tokenCount: 4 }, { totalTokens: 4 }],
    [{ type: 'tool_call' }, { eventType: 'TOOL_CALL' }],
    [{ type: 'decision' }, { eventType: 'LLM_DECISION' }],
    [{ eventType: 'decision' }, { __typename: 'LlmDecisionEvent' }],
    [{ eventType: 'llm_call', model: 'm', prompt: 'p', response: 'r' }, { __typename: 'LlmCallEvent', model: 'm', prompt: 'p', response: 'r' }],
    [{ eventType: 'tool_call', timestamp: '2025-01-12T10:30:01+01:00' }, { clientTimestamp: '2025-01-12T09:30:01.000Z' }],
    [{ eventType: 'tool_call', timestamp: 1_736_677_801_000 }, { clientTimestamp: '2025-01-12T10:30:01.000Z' }],
  ])('of an event include the aliases in %j', async (sent, stored) => {
    const tenant = await server.tenant();
    const event = await track(tenant, sent);
    expect(event).toMatchObject(stored);
    expect(event['metadata']).toBeNull();
  });

  it('of a session include the aliases output, input and cost', async () => {
    const tenant = await server.tenant();
    const { id } = await create(tenant, { input: 'question', output: 'answer', cost: 0.5 });
    expect(await sessionOf(tenant, id as string)).toMatchObject({ userInput: 'question', assistantOutput: 'answer', estimatedCost: 0.5 });
    const { id: both } = await create(tenant, { output: 'alias', assistantOutput: 'own name' });
    expect(await sessionOf(tenant, both as string)).toMatchObject({ assistantOutput: 'own name', metadata: { output: 'alias' } });
  });
});

describe('null', () => {
  it('counts as absent for every optional field', async () => {
    const tenant = await server.tenant();
    const session = await create(tenant, Object.fromEntries(['metadata', 'convoId', 'parentSessionId', 'status', 'success', 'failureReason', 'customMetrics', 'durationMs', 'estimatedCost', 'promptTokens', 'userInput', 'id'].map((name) => [name, null])));
    expect(session).toMatchObject({ status: 'active' });
    const nulls = Object.fromEntries(
      ['id', 'toolInput', 'toolOutput', 'toolError', 'reasoning', 'alternativesConsidered', 'confidence', 'metadata', 'tokenCount', 'traceId', 'spanId', 'estimatedCost', 'durationMs', 'data', 'unheardOf'].map((name) => [name, null]),
    );
    const event = await track(tenant, { ...nulls, sessionId: session['id'], eventType: 'llm_decision' });
    expect(event).toMatchObject({ reasoning: null, alternativesConsidered: null, confidence: null, metadata: null });
  });

  it('leaves what is there in an update', async () => {
    const tenant = await server.tenant();
    const { id } = await create(tenant, { metadata: { a: 1 }, convoId: 'c' });
    await accepted(tenant, 'PATCH', `/sessions/${id as string}`, { metadata: null, convoId: null, name: null });
    expect(await sessionOf(tenant, id as string)).toMatchObject({ metadata: { a: 1 }, convoId: 'c', name: 'run' });
  });

  it('does not hide another spelling', async () => {
    const tenant = await server.tenant();
    expect(await track(tenant, { eventType: 'tool_call', toolName: null, tool_name: 'search' })).toMatchObject({ toolName: 'search' });
  });
});

describe('the legacy form', () => {
  it('has its fields under data', async () => {
    const tenant = await server.tenant();
    const sessionId = await tenant.session();
    expect(await track(tenant, { sessionId, type: 'tool_call', data: { tool_name: 'search', tool_input: { q: 1 }, tool_output: 'x', reasoning: 'why', duration_ms: 12, status: 'success' } })).toMatchObject({
      __typename: 'ToolCallEvent', toolName: 'search', toolInput: { q: 1 }, toolOutput: 'x', reasoning: 'why', durationMs: 12, status: 'success', metadata: null,
    });
    expect(await track(tenant, { sessionId, type: 'decision', data: { reasoning: 'r', alternatives: ['a', 'b'], chosen: 'a', confidence: 0.5, metadata: { m: 1 } } })).toMatchObject({
      __typename: 'LlmDecisionEvent', reasoning: 'r', alternativesConsidered: ['a', 'b'], chosen: 'a', confidence: 0.5, metadata: { m: 1 },
    });
    expect(await track(tenant, { sessionId, type: 'llm_call', data: { model: 'gpt', prompt: 'p', response: 'r', tokens_used: 3, prompt_tokens: 1, completion_tokens: 2, cost: 0.01, duration_ms: 5 } })).toMatchObject({
      __typename: 'LlmCallEvent', model: 'gpt', prompt: 'p', response: 'r', totalTokens: 3, promptTokens: 1, completionTokens: 2, estimatedCost: 0.01, durationMs: 5,
    });
    expect(await track(tenant, { sessionId, type: 'error', data: { error_type: 'E', error_message: 'm', stack_trace: 's', recoverable: true, recovery_action: 'retry' } })).toMatchObject({
      __typename: 'ErrorEvent', errorType: 'E', errorMessage: 'm', errorStack: 's', recoverable: true, recoveryAction: 'retry',
    });
  });

  it('is not seen in a field of that name that stands beside others', async () => {
    const tenant = await server.tenant();
    const event = await track(tenant, { eventType: 'tool_call', toolName: 'search', data: { id: 42, confidence: 'high' } });
    expect(event).toMatchObject({ toolName: 'search', metadata: { data: { id: 42, confidence: 'high' } } });
  });

  it('sends no user, who is then the one of the metadata, or anonymous', async () => {
    const tenant = await server.tenant();
    expect(await accepted(tenant, 'POST', '/sessions', { name: 'run', agentName: 'a', metadata: null })).toMatchObject({ agentName: 'a', userId: 'anonymous' });
    expect(await accepted(tenant, 'POST', '/sessions', { name: 'run', agentName: 'a', userId: null, metadata: { user_id: 'u1' } })).toMatchObject({ userId: 'u1' });
    for (const userId of ['', 7, {}]) expect(await tenant.rest('POST', '/sessions', { name: 'run', agentName: 'a', userId, metadata: { user_id: 'u1' } })).toMatchObject({ status: 400, body: { issues: [{ path: 'userId' }] } });
  });

  it('sends a project id, and then no agent is required either', async () => {
    const tenant = await server.tenant();
    const projectId = '00000000-0000-0000-0000-000000000000';
    const bare = await accepted(tenant, 'POST', '/sessions', { name: 'run', projectId, metadata: null });
    expect(bare).toMatchObject({ name: 'run', agentName: 'run', userId: 'anonymous', metadata: { projectId } });
    expect(await accepted(tenant, 'POST', '/sessions', { name: 'run', agentName: 'a', projectId, metadata: { user_id: 'u1' } })).toMatchObject({ agentName: 'a', userId: 'u1' });
    expect(await accepted(tenant, 'POST', '/sessions', { name: 'run', projectId, metadata: { userId: 7 } })).toMatchObject({ userId: '7' });
    expect(await accepted(tenant, 'POST', '/sessions', { name: 'run', projectId, metadata: { user_id: { deep: true } } })).toMatchObject({ userId: 'anonymous' });
    const { rows } = await server.app.services.pool.query('SELECT DISTINCT project_id FROM session WHERE project_id = ANY ($1)', [[tenant.projectId, projectId]]);
    expect(rows).toEqual([{ project_id: tenant.projectId }]);
  });
});

describe('unknown fields', () => {
  it('are kept in metadata, beside what was sent there', async () => {
    const tenant = await server.tenant();
    const event = await track(tenant, { eventType: 'tool_call', toolName: 't', toolCallId: 'tc_1', sequence: 4, nested: { a: [1] }, metadata: { own: true, sequence: 'mine' } });
    expect(event['metadata']).toEqual({ own: true, sequence: 'mine', _sequence: 4, toolCallId: 'tc_1', nested: { a: [1] } });
    const { id } = await create(tenant, { environment: 'staging', tags: ['x'] });
    await accepted(tenant, 'PATCH', `/sessions/${id as string}`, { apiDurationMs: 12, metadata: { extra: 1 } });
    expect((await sessionOf(tenant, id as string))['metadata']).toEqual({ environment: 'staging', tags: ['x'], apiDurationMs: 12, extra: 1 });
  });

  it('are kept whatever they are called', async () => {
    const tenant = await server.tenant();
    const body = `{"sessionId": "${await tenant.session()}", "eventType": "tool_call", "__proto__": {"a": 1}, "constructor": "c", "toString": 1, "": 0, "metadata": {"__proto__": 2, "hasOwnProperty": false}}`;
    const { id } = await accepted(tenant, 'POST', '/events', body);
    const { metadata } = await eventOf(tenant, id as string);
    expect(Object.entries(metadata as object).sort()).toEqual([['', 0], ['___proto__', { a: 1 }], ['__proto__', 2], ['constructor', 'c'], ['hasOwnProperty', false], ['toString', 1]]);
  });

  it('never take the place of a field', async () => {
    const tenant = await server.tenant();
    const event = await track(tenant, { toolName: 'own', tool_name: 'other', eventType: 'tool_call', type: 'error' });
    expect(event).toMatchObject({ eventType: 'TOOL_CALL', toolName: 'own', metadata: { tool_name: 'other', type: 'error' } });
  });
});

describe('any JSON', () => {
  it.each([['text', 'plain'], ['a number', 0], ['false', false], ['an array', [1, null, { a: 'b' }]], ['empty text', ''], ['an empty object', {}]])('may stand as %s where a tool says something', async (_title, value) => {
    const tenant = await server.tenant();
    const event = await track(tenant, { eventType: 'tool_call', toolInput: value, toolOutput: value, toolError: value, stateBefore: value });
    expect(event).toMatchObject({ toolInput: value, toolOutput: value, toolError: value, stateBefore: value });
    const { id } = await create(tenant, { userInput: value, assistantOutput: value });
    expect(await sessionOf(tenant, id as string)).toMatchObject({ userInput: value, assistantOutput: value });
  });
});

describe('the conversation of a session', () => {
  it.each<[Fields, string | null]>([
    [{ convoId: 'top', metadata: { convo_id: 'meta' } }, 'top'],
    [{ convo_id: 'top', metadata: { convo_id: 'meta' } }, 'top'],
    [{ metadata: { convo_id: 'meta' } }, 'meta'],
    [{ metadata: { convoId: 'meta' } }, 'meta'],
    [{ metadata: { convo_id: 17 } }, '17'],
    [{ metadata: { convo_id: { not: 'text' } } }, null],
    [{ metadata: { convo_id: '' } }, null],
    [{ convoId: '' }, null],
    [{ conversationId: 'alias' }, 'alias'],
    [{}, null],
  ])('of %j is %s', async (sent, convoId) => {
    const tenant = await server.tenant();
    const { id } = await create(tenant, sent);
    expect(await sessionOf(tenant, id as string)).toMatchObject({ convoId, metadata: sent['metadata'] ?? null });
  });
});

describe('durations', () => {
  it.each<[Fields, number | null]>([
    [{ durationMs: 5 }, 5],
    [{ duration_ms: 6.5 }, 6.5],
    [{ metadata: { duration_ms: 7 } }, 7],
    [{ metadata: { durationMs: 8 } }, 8],
    [{ durationMs: 0, metadata: { duration_ms: 7 } }, 0],
    [{ metadata: { duration_ms: 'long' } }, null],
    [{ metadata: { duration_ms: -1 } }, null],
    [{ metadata: { duration_ms: 1e30 } }, null],
  ])('of the event %j is %s', async (sent, durationMs) => {
    const tenant = await server.tenant();
    expect(await track(tenant, { eventType: 'tool_call', ...sent })).toMatchObject({ durationMs, metadata: sent['metadata'] ?? null });
  });

  it('of a session is counted from creation to completion where it is not given', async () => {
    const tenant = await server.tenant();
    const id = await tenant.session();
    const body = await accepted(tenant, 'PATCH', `/sessions/${id}`, { status: 'completed', success: true });
    expect(body['durationMs']).toBe(Date.parse(body['completedAt'] as string) - Date.parse(body['createdAt'] as string));
    expect(await accepted(tenant, 'PATCH', `/sessions/${id}`, { durationMs: 1234 })).toMatchObject({ durationMs: 1234 });
  });
});

describe('late arrivals', () => {
  it('of events at an ended session are accepted and counted', async () => {
    const tenant = await server.tenant();
    const id = await tenant.session();
    await accepted(tenant, 'PATCH', `/sessions/${id}`, { success: true });
    await track(tenant, { sessionId: id, eventType: 'tool_call' });
    expect(await sessionOf(tenant, id)).toMatchObject({ status: 'COMPLETED', eventCount: 1, toolCallCount: 1 });
  });

  it('of updates at an ended session change it', async () => {
    const tenant = await server.tenant();
    const id = await tenant.session();
    const ended = await accepted(tenant, 'PATCH', `/sessions/${id}`, { success: true, customMetrics: { a: 1 } });
    const later = await accepted(tenant, 'PATCH', `/sessions/${id}`, { success: false, failureReason: 'it was not', customMetrics: { b: 2 } });
    expect(later).toMatchObject({ status: 'failed', success: false, failureReason: 'it was not', customMetrics: { a: 1, b: 2 }, completedAt: ended['completedAt'] });
    const reopened = await accepted(tenant, 'PATCH', `/sessions/${id}`, { status: 'running' });
    expect(reopened['status']).toBe('active');
    expect(reopened).not.toHaveProperty('completedAt');
    expect(reopened).not.toHaveProperty('durationMs');
    const again = await accepted(tenant, 'PATCH', `/sessions/${id}`, { success: true });
    expect(again['durationMs']).toBe(Date.parse(String(again['completedAt'])) - Date.parse(String(again['createdAt'])));
    expect(Date.parse(String(again['completedAt']))).toBeGreaterThanOrEqual(Date.parse(String(ended['completedAt'])));
  });

  it('of children before their parent are accepted', async () => {
    const tenant = await server.tenant();
    const { id } = await create(tenant, { parentSessionId: 'sess_parent_to_come' });
    expect(await tenant.run('query ($id: ID!) { session(id: $id) { parentSessionId parent { id } } }', { id })).toEqual({ session: { parentSessionId: 'sess_parent_to_come', parent: null } });
    await create(tenant, { id: 'sess_parent_to_come' });
    expect(await tenant.run('query ($id: ID!) { session(id: $id) { parent { id } } }', { id })).toEqual({ session: { parent: { id: 'sess_parent_to_come' } } });
  });
});

describe('an LLM call that comes as a tool call', () => {
  const LLM_CALL = {
    eventType: 'tool_call',
    toolName: 'llm:openai:gpt-4o',
    toolInput: { messages: [{ role: 'user', content: 'hi' }], model: 'gpt-4o', provider: 'openai' },
    toolOutput: { content: 'hello', tokens: { prompt: 10, completion: 5, total: 15 }, cost_usd: 0.002 },
    reasoning: 'LLM call to openai gpt-4o',
    estimatedCost: 0.002,
    tokenCount: 15,
    metadata: { provider: 'openai', model: 'gpt-4o', duration_ms: 812, prompt_tokens: 10, completion_tokens: 5 },
  };

  it('is an LlmCallEvent in GraphQL and a tool call on the REST wire', async () => {
    const tenant = await server.tenant();
    const sessionId = await tenant.session();
    const answer = await accepted(tenant, 'POST', '/events', { sessionId, ...LLM_CALL });
    expect(answer).toMatchObject({ eventType: 'tool_call', toolName: 'llm:openai:gpt-4o' });
    expect(await eventOf(tenant, answer['id'] as string)).toMatchObject({
      __typename: 'LlmCallEvent', eventType: 'LLM_CALL', model: 'gpt-4o', prompt: LLM_CALL.toolInput.messages, response: 'hello', promptTokens: 10, completionTokens: 5, totalTokens: 15, durationMs: 812, toolName: 'llm:openai:gpt-4o',
    });
    const { body } = await tenant.rest('GET', `/sessions/${sessionId}/events`);
    expect(body['events']).toMatchObject([{ ...LLM_CALL, promptTokens: 10, model: 'gpt-4o' }]);
    expect(await sessionOf(tenant, sessionId)).toMatchObject({ llmCallCount: 1, toolCallCount: 0, promptTokens: 10, completionTokens: 5, totalTokens: 15, estimatedCost: 0.002 });
  });

  it('keeps a model whose name has colons, and an error event of that name is an error', async () => {
    const tenant = await server.tenant();
    expect(await track(tenant, { ...LLM_CALL, toolName: 'llm:bedrock:anthropic.claude:0' })).toMatchObject({ __typename: 'LlmCallEvent', model: 'anthropic.claude:0' });
    expect(await track(tenant, { ...LLM_CALL, toolName: 'llm_call' })).toMatchObject({ __typename: 'ToolCallEvent' });
    expect(await track(tenant, { ...LLM_CALL, eventType: 'error', toolError: { message: 'rate limited', type: 'RateLimitError' } })).toMatchObject({ __typename: 'ErrorEvent', errorMessage: 'rate limited', errorType: 'RateLimitError' });
  });

  it('is itself an event type', async () => {
    const tenant = await server.tenant();
    const answer = await accepted(tenant, 'POST', '/events', { sessionId: await tenant.session(), eventType: 'llm_call', model: 'm' });
    expect(answer['eventType']).toBe('llm_call');
  });
});

describe('an error', () => {
  it('is read from toolError, which is kept as it was sent', async () => {
    const tenant = await server.tenant();
    const toolError = { message: 'no such file', type: 'FileNotFoundError', stack_trace: 'Traceback …', code: 2 };
    expect(await track(tenant, { eventType: 'error', toolError, toolName: 'read' })).toMatchObject({ errorMessage: 'no such file', errorType: 'FileNotFoundError', errorStack: 'Traceback …', toolError, toolName: 'read' });
    expect(await track(tenant, { eventType: 'error', toolError: 'plain words' })).toMatchObject({ errorMessage: 'plain words', toolError: 'plain words' });
    expect(await track(tenant, { eventType: 'error', toolError: { message: { odd: true } } })).toMatchObject({ errorMessage: null });
  });
});

describe('over HTTP', () => {
  it('a key counts in either header, with any case of the scheme', async () => {
    const tenant = await server.tenant();
    const headers: Record<string, string>[] = [
      { authorization: `Bearer ${tenant.key}` },
      { authorization: `bearer ${tenant.key}` },
      { authorization: `Bearer   ${tenant.key}` },
      { 'x-sentrial-api-key': tenant.key },
      { 'X-Sentrial-Api-Key': tenant.key, authorization: 'Basic abc' },
    ];
    for (const sent of headers) {
      expect((await fetch(`${server.url}/api/sdk/sessions`, { headers: sent })).status).toBe(200);
      const query = await fetch(`${server.url}/graphql`, { method: 'POST', headers: { ...sent, 'content-type': 'application/json' }, body: '{"query":"{ viewer { keyId } }"}' });
      expect(await query.json()).toEqual({ data: { viewer: { keyId: tenant.keyId } } });
    }
  });

  it('a trailing slash is answered at once, not redirected', async () => {
    const tenant = await server.tenant();
    const id = await tenant.session();
    for (const [method, path, body] of [
      ['POST', '/sessions/', { name: 'n', agentName: 'a', userId: 'u' }],
      ['POST', '/events/', { sessionId: id, eventType: 'error' }],
      ['POST', '/events/batch/', { events: [] }],
      ['PATCH', `/sessions/${id}/`, { success: true }],
      ['GET', `/sessions/${id}/`, undefined],
      ['GET', '/sessions/?limit=1', undefined],
      ['GET', `/sessions/${id}/events/`, undefined],
    ] as const) {
      const response = await fetch(`${server.url}/api/sdk${path}`, {
        method,
        redirect: 'manual',
        headers: { authorization: `Bearer ${tenant.key}`, ...(body && { 'content-type': 'application/json' }) },
        body: body ? JSON.stringify(body) : null,
      });
      expect([path, response.status]).toEqual([path, 200]);
      expect(await response.json()).toBeTypeOf('object');
    }
  });

  it('every success has a JSON body, never 201 or 204', async () => {
    const tenant = await server.tenant();
    const id = await tenant.session();
    for (const [method, path, body] of [
      ['PATCH', `/sessions/${id}`, {}],
      ['POST', '/events/batch', { events: [] }],
      ['POST', '/events/batch', []],
      ['GET', `/sessions/${id}/events`, undefined],
    ] as const) {
      const answer = await tenant.rest(method, path, body);
      expect([answer.status, typeof answer.body]).toEqual([200, 'object']);
    }
  });

  it('a body may come in chunks', async () => {
    const tenant = await server.tenant();
    const text = JSON.stringify({ name: 'chunked', agentName: 'a', userId: 'u' });
    const body = await new Promise<string>((resolve, reject) => {
      const request = httpRequest(`${server.url}/api/sdk/sessions`, { method: 'POST', headers: { authorization: `Bearer ${tenant.key}`, 'content-type': 'application/json' } }, (response) => {
        let answer = '';
        response.on('data', (chunk: Buffer) => (answer += chunk.toString()));
        response.on('end', () => resolve(answer));
      });
      request.on('error', reject);
      for (const letter of text) request.write(letter);
      request.end();
    });
    expect(JSON.parse(body)).toMatchObject({ name: 'chunked' });
  });

  it('what only older SDKs ask is answered in the form they read', async () => {
    const tenant = await server.tenant();
    const projectId = '00000000-0000-0000-0000-000000000000';
    expect(await tenant.rest('GET', `/policies?projectId=${projectId}`)).toMatchObject({ status: 200, body: { rules: [] } });
    expect(await tenant.rest('GET', '/sessions/sess_1/overrides')).toMatchObject({ status: 200, body: { overrides: [] } });
    expect(await tenant.rest('GET', `/promoted-overrides?projectId=${projectId}&agentName=a`)).toMatchObject({ status: 200, body: { overrides: [] } });
    expect(await tenant.rest('GET', `/workflow-version?projectId=${projectId}&agentName=a`)).toMatchObject({ status: 404, body: { error: 'Not Found' } });
    expect(await tenant.rest('GET', '/pii-config')).toMatchObject({ status: 200, body: { config: null } });
  });
});

describe('a list of sessions', () => {
  it('takes its parameters in camelCase, snake_case and short', async () => {
    const tenant = await server.tenant();
    const { id: old, createdAt } = await create(tenant, { agentName: 'first', userId: 'ann', convoId: 'c1' });
    await expect.poll(() => Date.now()).toBeGreaterThan(Date.parse(createdAt as string) + 1);
    const { id: young, createdAt: youngAt } = await create(tenant, { agentName: 'second', userId: 'bob', convoId: 'c2', status: 'completed' });
    const idsOf = async (query: string) => ((await tenant.rest('GET', `/sessions?${query}`)).body['sessions'] as Fields[]).map((session) => session['id']);
    for (const query of ['agentName=first', 'agent_name=first', 'agent=first', 'userId=ann', 'user_id=ann', 'user=ann', 'convoId=c1', 'convo_id=c1', 'status=running', 'status=active', `createdBefore=${youngAt as string}`, `created_before=${youngAt as string}`]) {
      expect([query, await idsOf(query)]).toEqual([query, [old]]);
    }
    for (const name of ['createdAfter', 'created_after']) expect(await idsOf(`${name}=${createdAt as string}`)).toEqual([young]);
    expect(await idsOf('created_after=2025-01-12')).toEqual([young, old]);
    for (const query of ['limit=1', 'limit=1&offset=0', 'status=success', 'status=completed']) expect([query, await idsOf(query)]).toEqual([query, [young]]);
    expect(await idsOf('offset=1')).toEqual([old]);
    expect(await idsOf('limit=&offset=&status=&agent=')).toEqual([young, old]);
    expect(await idsOf('agent=%00')).toEqual([]);
  });
});
