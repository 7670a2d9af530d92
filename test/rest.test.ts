import { execFile } from 'node:child_process';
import { request as httpRequest } from 'node:http';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApp } from './support/app.ts';
import type { TestApp } from './support/app.ts';
import type { Tenant } from './support/tenant.ts';

// The REST door as it is documented: the examples of https://www.sentrial.com/docs/api/events as they stand there.

let server: TestApp;
beforeAll(async () => {
  server = await startApp();
});
afterAll(() => server.close());

const SESSION = 'sess_abc123def456';
const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z$/;

const CURL_TOOL_CALL = `curl -X POST https://api.sentrial.com/api/sdk/events \\
-H "Authorization: Bearer sentrial_live_xxx" \\
-H "Content-Type: application/json" \\
-d '{
"sessionId": "sess_abc123def456",
"eventType": "tool_call",
"toolName": "search_kb",
"toolInput": {"query": "password reset"},
"toolOutput": {"results": ["KB-001"]}
}'`;

const CURL_DECISION = `curl -X POST https://api.sentrial.com/api/sdk/events \\
-H "Authorization: Bearer sentrial_live_xxx" \\
-H "Content-Type: application/json" \\
-d '{
"sessionId": "sess_abc123def456",
"eventType": "llm_decision",
"reasoning": "Will search KB before escalating",
"alternativesConsidered": ["escalate", "clarify"],
"confidence": 0.92
}'`;

const REQUEST = `{
"sessionId": "sess_abc123def456",
"eventType": "tool_call",
"toolName": "search_kb",
"toolInput": {
"query": "password reset"
},
"toolOutput": {
"results": ["KB-001", "KB-002"]
},
"reasoning": "User needs password help",
"estimatedCost": 0.001
}`;

const TOOL_CALL = `{
"sessionId": "sess_abc123def456",
"eventType": "tool_call",
"toolName": "search_knowledge_base",
"toolInput": {
"query": "how to reset password"
},
"toolOutput": {
"results": ["KB-001", "KB-002"],
"count": 2
},
"reasoning": "User asked about password reset",
"estimatedCost": 0.001
}`;

const DECISION = `{
"sessionId": "sess_abc123def456",
"eventType": "llm_decision",
"reasoning": "User needs password help. Will search KB first before escalating.",
"alternativesConsidered": [
"escalate_to_human",
"ask_clarifying_question"
],
"confidence": 0.92,
"estimatedCost": 0.0015
}`;

/** Runs an example in a shell, as a reader of the page would; only host and key are ours. */
async function shell(example: string, tenant: Tenant): Promise<Record<string, unknown>> {
  const command = example.replace('https://api.sentrial.com', tenant.url).replace('sentrial_live_xxx', tenant.key);
  const { stdout } = await promisify(execFile)('bash', ['-c', command]);
  return JSON.parse(stdout) as Record<string, unknown>;
}

async function tenantWithSession(): Promise<Tenant> {
  const tenant = await server.tenant();
  await tenant.session({ id: SESSION });
  return tenant;
}

describe('the documented examples', () => {
  it('takes the tool call by curl and answers with exactly the documented fields', async () => {
    const tenant = await tenantWithSession();
    const answer = await shell(CURL_TOOL_CALL, tenant);
    expect(Object.keys(answer)).toEqual(['id', 'sessionId', 'eventType', 'toolName', 'createdAt']);
    expect(answer).toEqual({
      id: expect.stringMatching(/^evt_/) as string,
      sessionId: SESSION,
      eventType: 'tool_call',
      toolName: 'search_kb',
      createdAt: expect.stringMatching(ISO) as string,
    });
    const { body } = await tenant.rest('GET', `/sessions/${SESSION}/events`);
    expect(body['events']).toMatchObject([{ id: answer['id'], toolInput: { query: 'password reset' }, toolOutput: { results: ['KB-001'] } }]);
  });

  it('takes the decision by curl and answers without a tool name', async () => {
    const tenant = await tenantWithSession();
    const answer = await shell(CURL_DECISION, tenant);
    expect(Object.keys(answer)).toEqual(['id', 'sessionId', 'eventType', 'createdAt']);
    const { body } = await tenant.rest('GET', `/sessions/${SESSION}/events`);
    expect(body['events']).toMatchObject([
      { id: answer['id'], eventType: 'llm_decision', reasoning: 'Will search KB before escalating', alternativesConsidered: ['escalate', 'clarify'], confidence: 0.92 },
    ]);
  });

  it.each([
    ['the request of "Create Event"', REQUEST],
    ['the tool call of "Event Types"', TOOL_CALL],
    ['the decision of "Event Types"', DECISION],
  ])('stores every field of %s as it was sent', async (_title, example) => {
    const tenant = await tenantWithSession();
    const answer = await tenant.rest('POST', '/events', example);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toMatch(/^application\/json/);
    const { body } = await tenant.rest('GET', `/sessions/${SESSION}/events`);
    expect(body['events']).toMatchObject([JSON.parse(example)]);
  });

  it('answers a created session with the documented fields', async () => {
    const tenant = await server.tenant();
    const { status, body } = await tenant.rest('POST', '/sessions', { name: 'Support request #123', agentName: 'support-agent', userId: 'user_456', metadata: null });
    expect(status).toBe(200);
    expect(body).toMatchObject({ id: expect.stringMatching(/^sess_/) as string, name: 'Support request #123', agentName: 'support-agent', userId: 'user_456', status: 'active', createdAt: expect.stringMatching(ISO) as string });
    expect(Object.values(body)).not.toContain(null);
    expect(body).not.toHaveProperty('projectId');
    expect(body).not.toHaveProperty('fingerprint');
  });

  it('answers a completed session with the documented fields', async () => {
    const tenant = await server.tenant();
    const id = await tenant.session();
    const { status, body } = await tenant.rest('PATCH', `/sessions/${id}`, { status: 'completed', success: true, estimatedCost: 0.023, durationMs: 4500, customMetrics: { satisfaction: 4.5 } });
    expect(status).toBe(200);
    expect(body).toMatchObject({ id, status: 'completed', success: true, estimatedCost: 0.023, durationMs: 4500, completedAt: expect.stringMatching(ISO) as string });
  });
});

type Refusal = { method?: string; path: string; body?: unknown; headers?: Record<string, string> };

async function refusal(tenant: Tenant, { method = 'POST', path, body, headers }: Refusal) {
  const answer = await tenant.rest(method, path, body, headers);
  expect(answer.headers.get('content-type')).toMatch(/^application\/json/);
  expect(answer.headers.get('x-request-id')).toBeTruthy();
  expect(answer.body['error']).toEqual(expect.any(String));
  expect(answer.body['message']).toEqual(expect.any(String));
  expect(Object.keys(answer.body).filter((key) => !['error', 'message', 'issues'].includes(key))).toEqual([]);
  return { status: answer.status, error: answer.body['error'], message: answer.body['message'] as string };
}

describe('400', () => {
  it.each<[string, unknown, string]>([
    ['no sessionId', { eventType: 'tool_call' }, 'sessionId is required'],
    ['no eventType', { sessionId: SESSION }, 'eventType is required'],
    ['a null sessionId', { sessionId: null, eventType: 'tool_call' }, 'sessionId is required'],
    ['neither', {}, 'sessionId is required; eventType is required'],
    ['an event type that is none', { sessionId: SESSION, eventType: 'party' }, 'eventType must be one of tool_call, llm_decision, llm_call, state_change, error, got "party"'],
    ['a confidence beyond 1', { sessionId: SESSION, eventType: 'llm_decision', confidence: 2 }, 'confidence must be at most 1, got 2'],
    ['a cost below 0', { sessionId: SESSION, eventType: 'tool_call', estimatedCost: -1 }, 'estimatedCost must be at least 0, got -1'],
    ['a tool name that is no text', { sessionId: SESSION, eventType: 'tool_call', toolName: 7 }, 'toolName must be text, got 7'],
    ['metadata that is no object', { sessionId: SESSION, eventType: 'tool_call', metadata: [1] }, 'metadata must be an object, got an array'],
    ['a time that is none', { sessionId: SESSION, eventType: 'tool_call', timestamp: 'yesterday' }, 'clientTimestamp must be a time such as'],
    ['an array as body', [], 'Expected a JSON object as the body, got an array'],
    ['a number as body', '5', 'Expected a JSON object as the body, got a number'],
    ['null as body', 'null', 'Expected a JSON object as the body, got null'],
    ['truncated JSON', '{"sessionId": "sess_abc', 'The body is not valid JSON'],
    ['invalid UTF-8', new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), 'The body is not valid UTF-8'],
  ])('refuses an event with %s', async (_title, body, message) => {
    const tenant = await tenantWithSession();
    const answer = await refusal(tenant, { path: '/events', body });
    expect(answer).toMatchObject({ status: 400, error: 'Bad Request' });
    expect(answer.message).toContain(message);
    const { body: list } = await tenant.rest('GET', `/sessions/${SESSION}/events`);
    expect(list['events']).toEqual([]);
  });

  it('refuses an empty body', async () => {
    const tenant = await server.tenant();
    for (const path of ['/events', '/sessions', '/events/batch']) {
      expect(await refusal(tenant, { path, headers: { 'content-type': 'application/json' } })).toEqual({ status: 400, error: 'Bad Request', message: 'Expected a JSON object as the body, got nothing' });
      expect(await refusal(tenant, { path })).toMatchObject({ status: 400, error: 'Bad Request' });
    }
  });

  it('names every missing field of a session', async () => {
    const tenant = await server.tenant();
    const { status, body } = await tenant.rest('POST', '/sessions', {});
    expect(status).toBe(400);
    expect(body).toEqual({
      error: 'Bad Request',
      message: 'Session is not valid: name is required; agentName is required',
      issues: ['name', 'agentName'].map((path) => ({ path, message: `${path} is required` })),
    });
  });

  it('refuses a status that is none, in a body and in a list', async () => {
    const tenant = await server.tenant();
    const id = await tenant.session();
    expect(await refusal(tenant, { method: 'PATCH', path: `/sessions/${id}`, body: { status: 'sleeping' } })).toMatchObject({
      status: 400,
      message: 'Session update is not valid: status must be one of active, completed, failed, cancelled, got "sleeping"',
    });
    expect(await refusal(tenant, { method: 'GET', path: '/sessions?status=sleeping' })).toMatchObject({ status: 400, message: 'status: expected one of active, completed, failed, cancelled, got "sleeping"' });
  });

  it.each(['limit=0', 'limit=101', 'limit=ten', 'limit=-1', 'limit=1&limit=2', 'offset=-1', 'offset=1e3', 'cursor=nonsense', 'createdAfter=soon', 'createdAfter=5', 'createdBefore=2025-01-12T10:30:00', 'created_after=-200000-01-01T00:00:00Z'])(
    'refuses the list parameter %s',
    async (query) => {
      const tenant = await server.tenant();
      expect(await refusal(tenant, { method: 'GET', path: `/sessions?${query}` })).toMatchObject({ status: 400, error: 'Bad Request' });
    },
  );

  it('refuses a batch that is no list, and one that is too long', async () => {
    const tenant = await tenantWithSession();
    expect(await refusal(tenant, { path: '/events/batch', body: { events: 'all' } })).toMatchObject({ status: 400, message: 'Expected { "events": [ … ] }' });
    const events = Array.from({ length: 1_001 }, () => ({ sessionId: SESSION, eventType: 'tool_call' }));
    expect(await refusal(tenant, { path: '/events/batch', body: { events } })).toMatchObject({ status: 400, message: 'A batch holds at most 1000 events, got 1001. Send it in parts' });
  });
});

const DOCUMENTED_401 = { error: 'Unauthorized', message: 'Invalid or missing API key' };

describe('401', () => {
  it.each<[string, Record<string, string>]>([
    ['no key', { authorization: '' }],
    ['a key that nobody has', { authorization: 'Bearer sentrial_live_0000000000000000000000000000000000000000000' }],
    ['another scheme', { authorization: 'Basic dXNlcjpwYXNz' }],
    ['the scheme alone', { authorization: 'Bearer ' }],
    ['an unknown key in the other header', { authorization: '', 'x-sentrial-api-key': 'wrong' }],
  ])('is the documented answer to %s, on every route', async (_title, headers) => {
    const tenant = await tenantWithSession();
    for (const [method, path] of [
      ['POST', '/events'],
      ['POST', '/events/batch'],
      ['POST', '/sessions'],
      ['PATCH', `/sessions/${SESSION}`],
      ['GET', '/sessions'],
      ['GET', `/sessions/${SESSION}`],
      ['GET', `/sessions/${SESSION}/events`],
      ['GET', '/policies'],
    ] as const) {
      const answer = await tenant.rest(method, path, method === 'GET' ? undefined : {}, headers);
      expect([method, path, answer.status, answer.body]).toEqual([method, path, 401, DOCUMENTED_401]);
      expect(answer.headers.get('www-authenticate')).toBe('Bearer');
    }
  });

  it('comes before anything is said about the body', async () => {
    const tenant = await server.tenant();
    for (const body of ['{"truncated', '[]', new Uint8Array([0xff])]) {
      const answer = await tenant.rest('POST', '/events', body, { authorization: '' });
      expect([answer.status, answer.body]).toEqual([401, DOCUMENTED_401]);
    }
  });

  it('follows the end of a key', async () => {
    const tenant = await server.tenant();
    const key = await tenant.anotherKey();
    expect((await key.rest('GET', '/sessions')).status).toBe(200);
    await tenant.run('mutation ($id: ID!) { revokeApiKey(input: { id: $id }) { id } }', { id: key.keyId });
    await expect.poll(async () => (await key.rest('GET', '/sessions')).status).toBe(401);
  });
});

describe('403', () => {
  it('says which scope the key lacks', async () => {
    const tenant = await server.tenant({ scopes: ['read'] });
    expect(await refusal(tenant, { path: '/sessions', body: { name: 'n', agentName: 'a', userId: 'u' } })).toEqual({
      status: 403,
      error: 'Forbidden',
      message: 'API key does not have access to this resource: it lacks the scope "sessions:write"',
    });
    expect(await refusal(tenant, { path: '/events', body: { sessionId: SESSION, eventType: 'error' } })).toMatchObject({ status: 403, message: expect.stringContaining('"events:write"') as string });
    const writer = await tenant.anotherKey({ scopes: ['events:write'] });
    expect(await refusal(writer, { method: 'GET', path: '/sessions' })).toMatchObject({ status: 403, message: expect.stringContaining('"read"') as string });
  });
});

describe('a key that may write but not read', () => {
  const SECRET = 'told to nobody';
  const all = { name: 'n', agentName: 'a', userId: 'u', convoId: 'c', summary: SECRET, userInput: SECRET, metadata: { note: SECRET }, customMetrics: { note: SECRET } };

  it('is told what it changed: the id, where it stands, and when', async () => {
    const owner = await server.tenant();
    const writer = await owner.anotherKey({ scopes: ['sessions:write'] });
    const id = await owner.session(all);
    await owner.event(id);
    const changed = await writer.rest('PATCH', `/sessions/${id}`, {});
    expect([changed.status, Object.keys(changed.body).sort()]).toEqual([200, ['createdAt', 'id', 'status', 'updatedAt']]);
    const ended = await writer.rest('PATCH', `/sessions/${id}`, { success: true, durationMs: 5 });
    expect(ended.body).toEqual({ id, status: 'completed', success: true, durationMs: 5, createdAt: expect.any(String) as string, updatedAt: expect.any(String) as string, completedAt: expect.any(String) as string });
    const created = await writer.rest('POST', '/sessions', { ...all, id: 'mine' });
    expect(created.body).toEqual({ id: 'mine', name: 'n', agentName: 'a', userId: 'u', status: 'active', createdAt: expect.any(String) as string, updatedAt: expect.any(String) as string });
    const first = await fetch(`${server.url}/v1/sessions/${id}`, { method: 'PATCH', headers: { authorization: `Bearer ${writer.key}`, 'content-type': 'application/json' }, body: '{}' });
    expect(Object.keys((await first.json()) as object).sort()).toEqual(['completed_at', 'created_at', 'duration_ms', 'id', 'status', 'success', 'updated_at']);
    expect((await owner.rest('PATCH', `/sessions/${id}`, {})).body).toMatchObject({ summary: SECRET, metadata: { note: SECRET } });
  });

  it('is refused by GraphQL, before anything is written, where it selects more', async () => {
    const owner = await server.tenant();
    const writer = await owner.anotherKey({ scopes: ['sessions:write'] });
    const id = await owner.session(all);
    const update = (selection: string) => writer.graphql(`mutation ($id: ID!) { updateSession(input: { id: $id, name: "changed" }) { ${selection} } }`, { id });
    for (const selection of ['id metadata', 'id ... on Session { summary }', 'id name', 'id children { edges { cursor } }']) {
      const { data, errors } = await update(selection);
      expect([data, errors?.[0]?.extensions.code, errors?.[0]?.message], selection).toEqual([null, 'FORBIDDEN', expect.stringContaining('Nothing was written')]);
    }
    expect((await owner.rest('GET', `/sessions/${id}`)).body).toMatchObject({ name: 'n' });
    expect((await update('__typename id status createdAt updatedAt durationMs')).errors).toBeUndefined();
    const created = await writer.graphql('mutation { createSession(input: { name: "n", agentName: "a", userId: "u" }) { id name agentName userId status } }');
    expect([created.errors, created.data?.['createSession']]).toEqual([undefined, expect.objectContaining({ name: 'n', userId: 'u' })]);
    expect((await owner.rest('GET', `/sessions/${id}`)).body).toMatchObject({ name: 'changed' });
  });
});

describe('404', () => {
  it('is the answer to an unknown session, which it names', async () => {
    const tenant = await server.tenant();
    for (const asked of [
      { method: 'GET', path: '/sessions/sess_nowhere' },
      { method: 'GET', path: '/sessions/sess_nowhere/events' },
      { method: 'PATCH', path: '/sessions/sess_nowhere', body: { success: true } },
      { path: '/events', body: { sessionId: 'sess_nowhere', eventType: 'tool_call' } },
    ]) {
      const answer = await refusal(tenant, asked);
      expect(answer).toMatchObject({ status: 404, error: 'Not Found' });
      expect(answer.message).toContain('Session ID not found: no session "sess_nowhere" in this project');
    }
  });

  it.each(['/nowhere', '/session', '/events/evt_1', '/sessions/x/y/z'])('is the answer to the unknown route %s, with the envelope', async (path) => {
    const tenant = await server.tenant();
    const answer = await refusal(tenant, { path, body: {} });
    expect(answer).toMatchObject({ status: 404, error: 'Not Found' });
    expect(answer.message).toContain(`No such route: POST /api/sdk${path}`);
  });
});

describe('409', () => {
  it('refuses an id that has other content', async () => {
    const tenant = await tenantWithSession();
    const event = { id: 'evt_mine', sessionId: SESSION, eventType: 'tool_call', toolName: 'a' };
    expect((await tenant.rest('POST', '/events', event)).status).toBe(200);
    expect((await tenant.rest('POST', '/events', event)).status).toBe(200);
    expect(await refusal(tenant, { path: '/events', body: { ...event, toolName: 'b' } })).toEqual({
      status: 409,
      error: 'Conflict',
      message: 'Event "evt_mine" already exists with other content. Send the same content to repeat a request, or a new id for a new event',
    });
    expect(await refusal(tenant, { path: '/sessions', body: { id: SESSION, name: 'another', agentName: 'a', userId: 'u' } })).toMatchObject({ status: 409, error: 'Conflict' });
  });

  it('refuses an Idempotency-Key that came with other content', async () => {
    const tenant = await tenantWithSession();
    const headers = { 'idempotency-key': 'k1' };
    const event = { sessionId: SESSION, eventType: 'tool_call', toolName: 'a' };
    expect((await tenant.rest('POST', '/events', event, headers)).status).toBe(200);
    expect(await refusal(tenant, { path: '/events', body: { ...event, toolName: 'b' }, headers })).toMatchObject({ status: 409, error: 'Conflict' });
    const session = { name: 'n', agentName: 'a', userId: 'u' };
    expect((await tenant.rest('POST', '/sessions', session, headers)).status).toBe(200);
    expect(await refusal(tenant, { path: '/sessions', body: { ...session, name: 'm' }, headers })).toMatchObject({ status: 409 });
    expect((await tenant.rest('PATCH', `/sessions/${SESSION}`, { success: true }, headers)).status).toBe(200);
    expect(await refusal(tenant, { method: 'PATCH', path: `/sessions/${SESSION}`, body: { success: false }, headers })).toMatchObject({ status: 409 });
  });

  it('refuses an Idempotency-Key that is too long', async () => {
    const tenant = await tenantWithSession();
    expect(await refusal(tenant, { path: '/events', body: { sessionId: SESSION, eventType: 'error' }, headers: { 'idempotency-key': 'k'.repeat(256) } })).toMatchObject({ status: 400 });
  });
});

describe('413', () => {
  it('refuses a body beyond MAX_BODY_BYTES and takes one within', async () => {
    await using small = await startApp({ MAX_BODY_BYTES: '2048' });
    const tenant = await small.tenant();
    const id = await tenant.session();
    const answer = await refusal(tenant, { path: '/events', body: { sessionId: id, eventType: 'tool_call', toolOutput: 'x'.repeat(3_000) } });
    expect(answer).toMatchObject({ status: 413, error: 'Payload Too Large' });
    expect(answer.message).toContain('MAX_BODY_BYTES');
    expect((await tenant.rest('POST', '/events', { sessionId: id, eventType: 'tool_call', toolOutput: 'x'.repeat(1_500) })).status).toBe(200);
  });
});

describe('415', () => {
  it.each<[string, Record<string, string>]>([
    ['a form', { 'content-type': 'application/x-www-form-urlencoded' }],
    ['plain text', { 'content-type': 'text/plain' }],
    ['XML', { 'content-type': 'application/xml' }],
    ['a multipart form', { 'content-type': 'multipart/form-data; boundary=x' }],
  ])('refuses %s', async (_title, headers) => {
    const tenant = await server.tenant();
    const answer = await refusal(tenant, { path: '/events', body: 'sessionId=1&eventType=error', headers });
    expect(answer).toEqual({ status: 415, error: 'Unsupported Media Type', message: 'Expected a JSON body with the header Content-Type: application/json' });
  });

  it('refuses a body without a content type', async () => {
    const tenant = await server.tenant();
    const answer = await rawRequest(`${server.url}/api/sdk/events`, { method: 'POST', headers: { authorization: `Bearer ${tenant.key}` } }, '{}');
    expect(answer.status).toBe(415);
    expect(answer.body).toEqual({ error: 'Unsupported Media Type', message: 'Expected a JSON body with the header Content-Type: application/json' });
    expect(answer.requestId).toBeTruthy();
  });

  it('takes JSON however its content type is written', async () => {
    const tenant = await tenantWithSession();
    for (const type of ['application/json; charset=utf-8', 'APPLICATION/JSON', 'application/json;charset=UTF-8', 'text/json']) {
      expect((await tenant.rest('POST', '/events', { sessionId: SESSION, eventType: 'error' }, { 'content-type': type })).status).toBe(200);
    }
  });
});

/** As node sends it: fetch adds a content type of its own. */
function rawRequest(url: string, options: { method: string; headers: Record<string, string> }, body: string): Promise<{ status: number | undefined; body: unknown; requestId: unknown }> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(url, options, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => (text += chunk.toString()));
      response.on('end', () => resolve({ status: response.statusCode, body: JSON.parse(text), requestId: response.headers['x-request-id'] }));
    });
    request.on('error', reject);
    request.end(body);
  });
}

describe('429', () => {
  it('refuses more requests of a key than RATE_LIMIT_PER_MINUTE, and says when to try again', async () => {
    await using limited = await startApp({ RATE_LIMIT_PER_MINUTE: '3' });
    const tenant = await limited.tenant();
    for (let i = 0; i < 3; i++) expect((await tenant.rest('GET', '/sessions')).status).toBe(200);
    const answer = await tenant.rest('GET', '/sessions');
    expect(answer.status).toBe(429);
    expect(answer.body).toEqual({ error: 'Too Many Requests', message: expect.stringMatching(/more than 3 requests in a minute/) as string });
    const wait = Number(answer.headers.get('retry-after'));
    expect(wait).toBeGreaterThanOrEqual(1);
    expect(wait).toBeLessThanOrEqual(60);
    const other = await tenant.anotherKey();
    expect((await other.rest('GET', '/sessions')).status).toBe(200);
  });
});

describe('X-Request-Id', () => {
  it('stands on every answer, and is the one that the client gave', async () => {
    const tenant = await tenantWithSession();
    const paths: [string, string, unknown?][] = [['GET', '/sessions'], ['GET', '/nowhere'], ['POST', '/events', '{'], ['POST', '/events', { sessionId: SESSION, eventType: 'error' }], ['GET', '/sessions/none']];
    for (const [method, path, body] of paths) {
      expect((await tenant.rest(method, path, body)).headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}-[0-9a-z]+$/);
      expect((await tenant.rest(method, path, body, { 'x-request-id': 'trace/7:a.b' })).headers.get('x-request-id')).toBe('trace/7:a.b');
    }
    for (const path of ['/healthz', '/graphql', '/openapi.json', '/', '/nowhere']) {
      expect((await fetch(server.url + path, { headers: { 'x-request-id': 'mine' } })).headers.get('x-request-id')).toBe('mine');
    }
  });

  it('is not taken over when it is no plain text', async () => {
    const tenant = await server.tenant();
    for (const id of ['two words', '<script>', 'x'.repeat(200)]) expect((await tenant.rest('GET', '/sessions', undefined, { 'x-request-id': id })).headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}-[0-9a-z]+$/);
  });

  it('is not needed to learn that a URL cannot be decoded', async () => {
    const tenant = await server.tenant();
    const { status, body, headers } = await tenant.rest('GET', '/sessions/%E0%A4%A', undefined, { 'x-request-id': 'mine' });
    expect([status, body['error'], headers.get('x-request-id')]).toEqual([400, 'Bad Request', 'mine']);
    expect(body['message']).toEqual(expect.any(String));
  });
});

describe('reading', () => {
  it('pages through sessions by cursor and by offset, newest first', async () => {
    const tenant = await server.tenant();
    const ids: string[] = [];
    for (let i = 0; i < 5; i++) ids.unshift(await tenant.session({ name: `run ${i}` }));
    const idsOf = (body: Record<string, unknown>) => (body['sessions'] as { id: string }[]).map(({ id }) => id);
    const first = (await tenant.rest('GET', '/sessions?limit=2')).body;
    expect([idsOf(first), first['hasMore']]).toEqual([ids.slice(0, 2), true]);
    const second = (await tenant.rest('GET', `/sessions?limit=2&cursor=${String(first['nextCursor'])}`)).body;
    expect(idsOf(second)).toEqual(ids.slice(2, 4));
    const third = (await tenant.rest('GET', `/sessions?limit=2&cursor=${String(second['nextCursor'])}`)).body;
    expect([idsOf(third), third['hasMore'], third['nextCursor']]).toEqual([ids.slice(4), false, undefined]);
    expect(idsOf((await tenant.rest('GET', '/sessions?limit=3&offset=1')).body)).toEqual(ids.slice(1, 4));
  });

  it('pages through the events of a session in order, by kind', async () => {
    const tenant = await tenantWithSession();
    const ids: string[] = [];
    for (let i = 0; i < 5; i++) ids.push(await tenant.event(SESSION, i % 2 ? { eventType: 'error' } : {}));
    const idsOf = (body: Record<string, unknown>) => (body['events'] as { id: string }[]).map(({ id }) => id);
    const first = (await tenant.rest('GET', `/sessions/${SESSION}/events?limit=3`)).body;
    expect([idsOf(first), first['hasMore']]).toEqual([ids.slice(0, 3), true]);
    const second = (await tenant.rest('GET', `/sessions/${SESSION}/events?limit=3&after=${String(first['nextCursor'])}`)).body;
    expect([idsOf(second), second['hasMore']]).toEqual([ids.slice(3), false]);
    expect(idsOf((await tenant.rest('GET', `/sessions/${SESSION}/events?type=error`)).body)).toEqual([ids[1], ids[3]]);
    expect((await tenant.rest('GET', `/sessions/${SESSION}/events?after=x`)).status).toBe(400);
    expect((await tenant.rest('GET', `/sessions/${SESSION}/events?type=x`)).status).toBe(400);
  });

  it('finds events by the kind that it answers, also LLM calls that were sent as tool calls', async () => {
    const tenant = await tenantWithSession();
    const sent = [{ eventType: 'tool_call', toolName: 'search' }, { eventType: 'tool_call', toolName: 'llm:openai:gpt-4o' }, { eventType: 'llm_call', toolName: undefined, model: 'gpt-4o' }, { eventType: 'llm_decision', reasoning: 'r' }];
    const ids: string[] = [];
    for (const fields of sent) ids.push(await tenant.event(SESSION, fields));
    const all = (await tenant.rest('GET', `/sessions/${SESSION}/events`)).body['events'] as { id: string; eventType: string }[];
    for (const type of ['tool_call', 'llm_call', 'llm_decision', 'decision', 'error']) {
      const { events } = (await tenant.rest('GET', `/sessions/${SESSION}/events?type=${type}`)).body as { events: { id: string }[] };
      expect(events.map(({ id }) => id), type).toEqual(all.filter(({ eventType }) => eventType === type || eventType === `llm_${type}`).map(({ id }) => id));
    }
    expect(all.map(({ eventType }) => eventType)).toEqual(['tool_call', 'tool_call', 'llm_call', 'llm_decision']);
  });

  it('refuses a query parameter that it does not know, or that comes twice, rather than answer another question', async () => {
    const tenant = await tenantWithSession();
    const asked: [path: string, message: RegExp][] = [
      [`/sessions/${SESSION}/events?eventType=tool_call`, /^Unknown query parameter "eventType"\. Known here: limit, after, type$/],
      ['/sessions?agentname=a', /^Unknown query parameter "agentname"\. Known here: .*agentName, userId/],
      ['/sessions?status=null&status=null', /^status: expected once/],
      ['/sessions?agent=a&agentName=b', /^agentName: expected once/],
      [`/sessions/${SESSION}/events?limit=1&limit=1`, /^limit: expected once/],
    ];
    for (const [path, message] of asked) expect(await refusal(tenant, { method: 'GET', path })).toMatchObject({ status: 400, message: expect.stringMatching(message) as string });
  });

  it('takes times before 1970, as OpenAPI says: nothing is older', async () => {
    const tenant = await tenantWithSession();
    const count = async (query: string) => ((await tenant.rest('GET', `/sessions?${query}`)).body['sessions'] as unknown[]).length;
    expect(await Promise.all(['createdAfter=0001-01-01T00:00:00Z', 'createdBefore=0001-01-01T00:00:00Z', 'createdAfter=1969-12-31', 'createdAfter=9999-12-31T23:59:59-23:59'].map(count))).toEqual([1, 0, 1, 0]);
  });

  it('describes every route in OpenAPI 3.1', async () => {
    const document = (await (await fetch(`${server.url}/openapi.json`)).json()) as { openapi: string; paths: Record<string, Record<string, unknown>> };
    expect(document.openapi).toMatch(/^3\.1/);
    expect(Object.entries(document.paths).map(([path, methods]) => `${Object.keys(methods).sort().join(',')} ${path}`).sort()).toEqual([
      'get /api/sdk/sessions/{id}/events',
      'get,patch /api/sdk/sessions/{id}',
      'get,post /api/sdk/sessions',
      'post /api/sdk/events',
      'post /api/sdk/events/batch',
    ]);
  });
});
