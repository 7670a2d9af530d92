import { afterAll, beforeAll, expect, it } from 'vitest';
import { startApp } from './support/app.ts';
import type { TestApp } from './support/app.ts';
import type { Tenant } from './support/tenant.ts';

let server: TestApp;
beforeAll(async () => {
  server = await startApp();
});
afterAll(() => server.close());

type Body = Record<string, unknown>;

async function v1(tenant: Pick<Tenant, 'url' | 'key'>, method: string, path: string, body?: unknown): Promise<{ status: number; body: Body }> {
  const response = await fetch(`${tenant.url}/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${tenant.key}`, ...(body !== undefined && { 'content-type': 'application/json' }) },
    body: body === undefined ? null : JSON.stringify(body),
  });
  return { status: response.status, body: (await response.json()) as Body };
}

it('a program of the first API creates, reports to and ends a session, and reads it back in its own words', async () => {
  const tenant = await server.tenant();
  const created = await v1(tenant, 'POST', '/sessions', { name: 'Support run', metadata: { user_id: 'user_7', team: 'blue' } });
  expect(created).toMatchObject({ status: 200, body: { name: 'Support run', status: 'active', user_id: 'user_7', metadata: { team: 'blue' } } });
  const id = created.body['id'] as string;

  const tool = await v1(tenant, 'POST', `/sessions/${id}/events`, { type: 'tool_call', data: { tool_name: 'search', tool_input: { camelCase: 1 }, duration_ms: 12, status: 'success' } });
  expect(tool).toMatchObject({ status: 200, body: { session_id: id, type: 'tool_call', tool_name: 'search', tool_input: { camelCase: 1 }, duration_ms: 12 } });
  const batch = await v1(tenant, 'POST', `/sessions/${id}/events/batch`, {
    events: [
      { type: 'decision', data: { reasoning: 'because', alternatives: ['a', 'b'], chosen: 'a', confidence: 0.9 } },
      { type: 'llm_call', data: { model: 'gpt-5', prompt: 'p', response: 'r', tokens_used: 12, cost: 0.01 } },
      { type: 'error', data: { error_type: 'Timeout', error_message: 'too slow', stack_trace: 'at x', recoverable: true, recovery_action: 'retry' } },
      { type: 'custom', data: { phase: 2 } },
      { type: 'unheard_of', data: {} },
    ],
  });
  expect(batch.body).toMatchObject({
    created: 4,
    events: [
      { type: 'decision', chosen: 'a', alternatives_considered: ['a', 'b'] },
      { type: 'llm_call', model: 'gpt-5', token_count: 12, estimated_cost: 0.01 },
      { type: 'error', error_type: 'Timeout', error_stack: 'at x', recovery_action: 'retry' },
      { type: 'custom', state_after: { phase: 2 } },
      { error: { code: 'invalid_request' } },
    ],
  });

  expect(await v1(tenant, 'PATCH', `/sessions/${id}`, { status: 'error', metadata: { reviewed: true } })).toMatchObject({ status: 200, body: { status: 'error', metadata: { team: 'blue', reviewed: true } } });
  const ended = (await v1(tenant, 'GET', `/sessions/${id}`)).body as Body & { stats: Body };
  expect(ended).toMatchObject({ status: 'error', stats: { total_events: 5, tool_calls: 1, decisions: 1, llm_calls: 1, errors: 1 } });
  expect([typeof ended['completed_at'], typeof ended.stats['duration_ms']]).toEqual(['string', 'number']);
  const events = (await v1(tenant, 'GET', `/sessions/${id}/events?limit=2`)).body;
  expect(events).toMatchObject({ events: [{ type: 'tool_call' }, { type: 'decision' }], has_more: true });
  expect((await v1(tenant, 'GET', `/sessions/${id}/events?limit=2&after=${String(events['next_cursor'])}`)).body).toMatchObject({ events: [{ type: 'llm_call' }, { type: 'error' }] });
});

it('both generations write one log: what one wrote, the other reads', async () => {
  const tenant = await server.tenant();
  const sessionId = await tenant.session();
  await v1(tenant, 'POST', `/sessions/${sessionId}/events`, { type: 'tool_call', data: { tool_name: 'old' } });
  await tenant.rest('POST', '/events', { sessionId, eventType: 'tool_call', toolName: 'new' });
  const names = (events: unknown, name: string) => (events as Body[]).map((event) => event[name]);
  expect(names((await v1(tenant, 'GET', `/sessions/${sessionId}/events`)).body['events'], 'tool_name')).toEqual(['old', 'new']);
  expect(names((await tenant.rest('GET', `/sessions/${sessionId}/events`)).body['events'], 'toolName')).toEqual(['old', 'new']);
});

it('its list counts, filters by its own statuses and pages by offset', async () => {
  const tenant = await server.tenant();
  for (const status of ['active', 'error', 'error', 'completed']) await v1(tenant, 'POST', '/sessions', { name: status, status });
  const list = async (query: string) => (await v1(tenant, 'GET', `/sessions?${query}`)).body;
  expect(await list('status=error&limit=1')).toMatchObject({ sessions: [{ name: 'error', status: 'error' }], total: 2, has_more: true });
  expect(await list('offset=3')).toMatchObject({ sessions: [{ name: 'active' }], total: 4, has_more: false });
  expect((await list('created_after=2100-01-01T00:00:00Z'))['total']).toBe(0);
});

it('its errors are nested, and a stranger sees nothing', async () => {
  const tenant = await server.tenant();
  const sessionId = await tenant.session();
  const stranger = await server.tenant();
  expect(await v1({ url: server.url, key: 'sentrial_live_unknown' }, 'GET', '/sessions')).toMatchObject({ status: 401, body: { error: { code: 'unauthorized', message: 'Invalid or missing API key' } } });
  expect(await v1(await tenant.anotherKey({ scopes: ['events:write'] }), 'GET', '/sessions')).toMatchObject({ status: 403, body: { error: { code: 'forbidden' } } });
  for (const [method, path, body] of [['GET', `/sessions/${sessionId}`], ['GET', `/sessions/${sessionId}/events`], ['PATCH', `/sessions/${sessionId}`, { name: 'mine' }], ['POST', `/sessions/${sessionId}/events`, { type: 'tool_call' }]] as const) {
    expect(await v1(stranger, method, path, body)).toMatchObject({ status: 404, body: { error: { code: 'not_found' } } });
  }
  expect((await v1(stranger, 'GET', '/sessions')).body).toMatchObject({ sessions: [], total: 0 });
  expect(await v1(tenant, 'POST', `/sessions/${sessionId}/events`, 'text')).toMatchObject({ status: 400, body: { error: { code: 'invalid_request' } } });
});
