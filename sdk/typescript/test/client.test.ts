import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApp } from '../../../test/support/app.ts';
import type { TestApp } from '../../../test/support/app.ts';
import { systemClock } from '../src/clock.ts';
import { begin, configure, newEventId, newSessionId, SentrialClient, SentrialError } from '../src/index.ts';
import { clientFor, codesOf, spoolFolder } from './support/client.ts';
import { eventsOf } from './support/read.ts';

let server: TestApp;
beforeAll(async () => {
  server = await startApp();
});
afterAll(() => server.close());

const run = { name: 'a run', agentName: 'agent', userId: 'user' };

describe('what is tracked', () => {
  it('is on the server after a flush: every kind of event with its fields, in the order of the calls', async () => {
    const tenant = await server.tenant();
    const { client, errors } = await clientFor(tenant);
    const sessionId = (await client.createSession({ ...run, metadata: { plan: 'pro' }, convoId: 'c1' }))!;
    const common = { sessionId, estimatedCost: 0.5, durationMs: 12, parentEventId: 'evt_parent', traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), branchName: 'main', metadata: { k: 1 } };
    const ids = [
      await client.trackToolCall({ ...common, toolName: 'search', toolInput: { q: 'x' }, toolOutput: ['y'], reasoning: 'why', tokenCount: 3 }),
      await client.trackDecision({ ...common, reasoning: 'because', alternatives: ['a', 'b'], chosen: 'a', confidence: 0.7 }),
      await client.trackLlmCall({ ...common, model: 'm', prompt: 'hi', response: 'ho', promptTokens: 2, completionTokens: 3, tokensUsed: 5 }),
      await client.trackLLMCall({ sessionId, model: 'm2', toolError: 'overloaded', cost: 0.1 }),
      await client.trackStateChange({ ...common, stateBefore: { step: 1 }, stateAfter: { step: 2 } }),
      await client.trackError({ ...common, errorMessage: 'no', errorType: 'TypeError', stackTrace: 'at x', toolName: 'search', recoverable: true, recoveryAction: 'again' }),
      await client.trackEvent({ eventType: 'tool_call', sessionId, toolName: 'other', toolError: { message: 'broken', type: 'E' } }),
    ];
    expect(await client.flush()).toEqual({ delivered: 8, spooled: 0, dropped: 0, pending: 0 });
    const events = await eventsOf(tenant, sessionId);
    expect(events.map((event) => event.id)).toEqual(ids);
    const shared = { sessionId, estimatedCost: 0.5, durationMs: 12, parentEventId: 'evt_parent', traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), branchName: 'main', metadata: { k: 1 } };
    expect(events).toMatchObject([
      { ...shared, eventType: 'TOOL_CALL', toolName: 'search', toolInput: { q: 'x' }, toolOutput: ['y'], reasoning: 'why', totalTokens: 3 },
      { ...shared, eventType: 'LLM_DECISION', reasoning: 'because', alternativesConsidered: ['a', 'b'], chosen: 'a', confidence: 0.7 },
      { ...shared, eventType: 'LLM_CALL', model: 'm', prompt: 'hi', response: 'ho', promptTokens: 2, completionTokens: 3, totalTokens: 5 },
      { eventType: 'LLM_CALL', model: 'm2', callStatus: 'error', callError: { message: 'overloaded' }, estimatedCost: 0.1 },
      { ...shared, eventType: 'STATE_CHANGE', stateBefore: { step: 1 }, stateAfter: { step: 2 } },
      { ...shared, eventType: 'ERROR', errorMessage: 'no', errorType: 'TypeError', errorStack: 'at x', failedTool: 'search', recoverable: true, recoveryAction: 'again' },
      { eventType: 'TOOL_CALL', toolName: 'other', status: 'error', toolError: { message: 'broken', type: 'E' } },
    ]);
    expect(errors).toEqual([]);
  });

  it('is sent as it was at the call, whatever the caller changes afterwards', async () => {
    const tenant = await server.tenant();
    const { client } = await clientFor(tenant);
    const sessionId = (await client.createSession(run))!;
    const toolInput = { list: [1, 2], inner: { text: 'before' } };
    void client.trackToolCall({ sessionId, toolName: 't', toolInput });
    toolInput.list.push(3);
    toolInput.inner.text = 'after';
    await client.flush();
    expect((await eventsOf(tenant, sessionId))[0]).toMatchObject({ toolInput: { list: [1, 2], inner: { text: 'before' } } });
  });

  it('may hold what JSON cannot: it arrives as text or objects that say what it was', async () => {
    const tenant = await server.tenant();
    const { client, errors } = await clientFor(tenant);
    const sessionId = (await client.createSession(run))!;
    const circle: Record<string, unknown> = { big: 10n, map: new Map([['a', 1]]), set: new Set([1]), date: new Date(0), nan: NaN };
    circle['self'] = circle;
    void client.trackToolCall({ sessionId, toolName: 't', toolInput: circle, toolOutput: new TypeError('no') });
    void client.trackToolCall({ sessionId, toolName: 'bytes', toolInput: Buffer.from('hello'), toolOutput: () => 1, metadata: 'text' as never });
    expect(await client.flush()).toMatchObject({ delivered: 3, dropped: 0 });
    expect(await eventsOf(tenant, sessionId)).toMatchObject([
      { toolInput: { big: '10', map: { a: 1 }, set: [1], date: '1970-01-01T00:00:00.000Z', nan: 'NaN', self: '[Circular]' }, toolOutput: { name: 'TypeError', message: 'no' } },
      { toolInput: { type: 'Buffer', byteLength: 5, base64: 'aGVsbG8=' }, toolOutput: '[Function toolOutput]', metadata: { value: 'text' } },
    ]);
    expect(errors).toEqual([]);
  });

  it('loses a figure and not the event when a figure is nonsense', async () => {
    const tenant = await server.tenant();
    const { client, errors } = await clientFor(tenant);
    const sessionId = (await client.createSession(run))!;
    void client.trackLlmCall({ sessionId, model: 'm', promptTokens: 1.4, completionTokens: -1, totalTokens: NaN, cost: Infinity, durationMs: -5, timestamp: 'yesterday' });
    void client.trackDecision({ sessionId, reasoning: 7 as never, confidence: 2 });
    expect(await client.flush()).toMatchObject({ delivered: 3, dropped: 0 });
    expect(await eventsOf(tenant, sessionId)).toMatchObject([{ promptTokens: 1, completionTokens: null, estimatedCost: null, durationMs: null }, { reasoning: '7', confidence: null }]);
    expect(errors).toEqual([]);
  });

  it('takes null for nothing, and what is not of the right kind as near as it can', async () => {
    const tenant = await server.tenant();
    const { client, errors } = await clientFor(tenant, { projectId: 'proj_x' });
    const sessionId = (await client.createSession({ ...run, metadata: new Map([['plan', 'pro']]) as never }))!;
    void client.trackToolCall({ sessionId, toolName: 't', toolError: null, timestamp: null, metadata: null } as never);
    void client.trackDecision({ sessionId, reasoning: 'r', alternatives: 'wait' as never });
    void client.trackError({ sessionId, errorMessage: 'e', recoverable: 'perhaps' as never });
    expect(await client.flush()).toMatchObject({ delivered: 4, dropped: 0 });
    const [call, decision, error] = await eventsOf(tenant, sessionId);
    expect(call).toMatchObject({ status: expect.not.stringContaining('error') as unknown, toolError: null });
    expect(Date.now() - Date.parse(call!['clientTimestamp'] as string)).toBeLessThan(60_000);
    expect(decision).toMatchObject({ alternativesConsidered: ['wait'] });
    expect(error).toMatchObject({ recoverable: null });
    expect(await client.getSession(sessionId)).toMatchObject({ metadata: { plan: 'pro', projectId: 'proj_x' } });
    expect(errors).toEqual([]);
  });

  it('is cut where it is too large, and still arrives', async () => {
    const tenant = await server.tenant();
    const { client } = await clientFor(tenant);
    const sessionId = (await client.createSession(run))!;
    void client.trackToolCall({ sessionId, toolName: 'huge', toolInput: 'x'.repeat(3_000_000), toolOutput: { rows: [1, 2] }, status: 'success', metadata: { a: 1 } });
    expect(await client.flush()).toMatchObject({ delivered: 2, dropped: 0 });
    const [event] = await eventsOf(tenant, sessionId);
    expect(event).toMatchObject({ toolName: 'huge', status: 'success', metadata: { a: 1 } });
    expect(event!['toolInput']).toMatch(/\[\d+ characters cut\]$/);
  });

  it('is stored once when it is sent again under the same id', async () => {
    const tenant = await server.tenant();
    const { client } = await clientFor(tenant);
    const sessionId = newSessionId();
    const id = newEventId();
    const timestamp = new Date();
    for (let time = 0; time < 2; time += 1) {
      void client.createSession({ ...run, id: sessionId });
      void client.trackToolCall({ id, sessionId, toolName: 't', timestamp });
      expect(await client.flush()).toMatchObject({ delivered: 2 });
    }
    expect(await eventsOf(tenant, sessionId)).toHaveLength(1);
  });

  it('fails alone when the server refuses it: the rest of its batch is stored', async () => {
    const tenant = await server.tenant();
    const { client, errors } = await clientFor(tenant);
    const sessionId = (await client.createSession(run))!;
    for (let n = 0; n < 20; n += 1) void client.trackToolCall({ sessionId, toolName: `t${n}` });
    void client.trackToolCall({ sessionId: 'sess_unknown', toolName: 'nowhere' });
    void client.trackToolCall({ sessionId, toolName: 'flag', status: { not: 'text' } as never });
    expect(await client.flush()).toEqual({ delivered: 21, spooled: 0, dropped: 2, pending: 0 });
    expect(await eventsOf(tenant, sessionId)).toHaveLength(20);
    expect(codesOf(errors).sort()).toEqual(['BAD_USER_INPUT', 'NOT_FOUND']);
    expect(errors.map((error) => error.message).join()).toContain('sess_unknown');
  });
});

describe('a session', () => {
  it('is created, updated and completed with everything that was said about it', async () => {
    const tenant = await server.tenant();
    const { client } = await clientFor(tenant, { projectId: 'proj_x' });
    const parent = (await client.createSession(run))!;
    const sessionId = (await client.createSession({ ...run, parentSessionId: parent, convoId: 'c', metadata: { a: 1 } }))!;
    await client.updateSession({ sessionId, name: 'renamed', metadata: { b: 2 }, customMetrics: { score: 4.5 } });
    await client.completeSession({ sessionId, estimatedCost: 1.5, promptTokens: 10, completionTokens: 5, totalTokens: 15, userInput: 'hi', output: 'ho', durationMs: 77, summary: 'short' });
    expect(await client.getSession(sessionId)).toMatchObject({
      id: sessionId, name: 'renamed', agentName: 'agent', userId: 'user', parentSessionId: parent, convoId: 'c', status: 'completed', success: true, failureReason: null,
      metadata: { a: 1, b: 2, projectId: 'proj_x' }, customMetrics: { score: 4.5 }, estimatedCost: 1.5, promptTokens: 10, completionTokens: 5, totalTokens: 15,
      userInput: 'hi', assistantOutput: 'ho', durationMs: 77, summary: 'short',
    });
  });

  it('began and lasted as its own clock says, however late the server gets it', async () => {
    const tenant = await server.tenant();
    let now = Date.parse('2025-01-12T10:30:00.000Z');
    const { client } = await clientFor(tenant, { clock: { ...systemClock, now: () => now } });
    const [sessionId, other] = [client.recorder.createSession(run), client.recorder.createSession(run)];
    now += 90_000;
    client.recorder.completeSession({ sessionId });
    client.recorder.completeSession({ sessionId: other, durationMs: 5 });
    await client.flush();
    const read = (id: string) => tenant.run('query ($id: ID!) { session(id: $id) { clientTimestamp durationMs } }', { id });
    expect(await read(sessionId)).toEqual({ session: { clientTimestamp: '2025-01-12T10:30:00.000Z', durationMs: 90_000 } });
    expect(await read(other)).toMatchObject({ session: { durationMs: 5 } });
  });

  it('is failed by a failure reason, and cancelled by a status', async () => {
    const tenant = await server.tenant();
    const { client } = await clientFor(tenant);
    const [failed, cancelled] = [(await client.createSession(run))!, (await client.createSession(run))!];
    await client.closeSession({ sessionId: failed, failureReason: 'out of money' });
    await client.completeSession({ sessionId: cancelled, status: 'cancelled' });
    expect(await client.getSession(failed)).toMatchObject({ status: 'failed', success: false, failureReason: 'out of money' });
    expect(await client.getSession(cancelled)).toMatchObject({ status: 'cancelled' });
  });

  it('that does not exist is null, without an error', async () => {
    const { client, errors } = await clientFor(await server.tenant());
    expect(await client.getSession('sess_nowhere')).toBeNull();
    expect(errors).toEqual([]);
  });

  it('carries its running state in its events: before and after, and of no other session', async () => {
    const tenant = await server.tenant();
    const { client } = await clientFor(tenant);
    const [one, other] = [(await client.createSession(run))!, (await client.createSession(run))!];
    client.updateState('step', 1, one);
    void client.trackToolCall({ sessionId: one, toolName: 'a' });
    client.updateState('step', 2, one);
    void client.trackToolCall({ sessionId: one, toolName: 'b' });
    void client.trackToolCall({ sessionId: other, toolName: 'c' });
    client.updateState('shared', new Map([['x', 1n]]));
    void client.trackToolCall({ sessionId: one, toolName: 'd' });
    await client.flush();
    expect(await eventsOf(tenant, one)).toMatchObject([
      { stateBefore: { step: 1 }, stateAfter: { step: 1 } },
      { stateBefore: { step: 1 }, stateAfter: { step: 2 } },
      { stateBefore: { step: 2 }, stateAfter: { step: 2, shared: { x: '1' } } },
    ]);
    expect(await eventsOf(tenant, other)).toMatchObject([{ stateBefore: null, stateAfter: null }]);
  });
});

describe('an interaction', () => {
  it('is a session named after its event, which finish completes with input, output and figures', async () => {
    const tenant = await server.tenant();
    const { client } = await clientFor(tenant);
    const interaction = client.begin({ userId: 'u1', event: 'support', input: 'help me', convoId: 'thread', eventId: 'abcdefgh-rest', metadata: { plan: 'pro' } });
    void interaction.trackToolCall({ toolName: 't' });
    void interaction.trackDecision({ reasoning: 'r' });
    interaction.addTokens({ promptTokens: 3, cost: 0.25 });
    interaction.addTokens({ promptTokens: 4, completionTokens: 1 });
    interaction.setOutput('an answer');
    await interaction.finish({ customMetrics: { stars: 5 } });
    expect(await client.getSession(interaction.sessionId)).toMatchObject({
      name: 'support:abcdefgh', agentName: 'support', userId: 'u1', convoId: 'thread', status: 'completed', success: true, userInput: 'help me', assistantOutput: 'an answer',
      metadata: { plan: 'pro', input: 'help me', convo_id: 'thread', event_id: 'abcdefgh-rest' }, promptTokens: 7, completionTokens: 1, estimatedCost: 0.25, customMetrics: { stars: 5 }, eventCount: 2,
    });
  });

  it('fails with the error that it tracked, and tells of a second finish', async () => {
    const tenant = await server.tenant();
    const { client, errors } = await clientFor(tenant);
    const interaction = client.begin({ userId: 'u1', event: 'support' });
    void interaction.trackError({ errorMessage: 'no luck' });
    await interaction.finish({ output: 'sorry' });
    await interaction.finish();
    expect(await client.getSession(interaction.sessionId)).toMatchObject({ status: 'failed', failureReason: 'no luck', assistantOutput: 'sorry' });
    expect(codesOf(errors)).toEqual(['USAGE']);
  });

  it('ends by itself at the end of an `await using` block', async () => {
    const tenant = await server.tenant();
    const { client } = await clientFor(tenant);
    let sessionId: string;
    {
      await using interaction = client.begin({ userId: 'u1', event: 'support' });
      sessionId = interaction.sessionId;
    }
    expect(await client.getSession(sessionId)).toMatchObject({ status: 'completed' });
  });

  it('can be begun on the default client', async () => {
    const tenant = await server.tenant();
    const client = configure({ apiKey: tenant.key, apiUrl: `${tenant.url}/`, spool: false, flushOnExit: false });
    const interaction = begin({ userId: 'u', event: 'e' });
    await interaction.finish();
    expect(await client.getSession(interaction.sessionId)).toMatchObject({ status: 'completed' });
    await client.close();
  });
});

describe('a client', () => {
  it('that does not batch waits for the server, and gives null for what was refused', async () => {
    const tenant = await server.tenant();
    const { client, errors } = await clientFor(tenant, { batching: false });
    const sessionId = await client.createSession(run);
    expect(await tenant.run('query($id: ID!) { session(id: $id) { name } }', { id: sessionId })).toEqual({ session: { name: 'a run' } });
    expect(await client.trackToolCall({ sessionId: 'sess_unknown', toolName: 't' })).toBeNull();
    expect(codesOf(errors)).toEqual(['NOT_FOUND']);
  });

  it('that does not fail silently rejects with what the server said', async () => {
    const tenant = await server.tenant();
    const { client } = await clientFor(tenant, { failSilently: false });
    const id = (await client.createSession(run))!;
    await expect(client.createSession({ ...run, id, name: 'another' })).rejects.toMatchObject({ name: 'SentrialError', code: 'CONFLICT' });
    await expect(client.trackToolCall({ sessionId: '', toolName: 't' })).rejects.toMatchObject({ code: 'USAGE' });
    await expect(client.trackToolCall({ sessionId: id, toolName: 't' })).resolves.toMatch(/^evt_/);
  });

  it('does not throw whatever it is called with, and tells onError', async () => {
    const { client, errors } = await clientFor(await server.tenant());
    const anything = client as unknown as Record<string, (argument?: unknown) => Promise<unknown>>;
    for (const method of ['createSession', 'updateSession', 'completeSession', 'trackToolCall', 'trackDecision', 'trackLlmCall', 'trackStateChange', 'trackError', 'trackEvent']) {
      await anything[method]!();
      await anything[method]!(null);
      await anything[method]!({ sessionId: 7, eventType: 'dance' });
    }
    expect(errors.length).toBeGreaterThan(20);
    expect(errors.every((error) => error instanceof Error)).toBe(true);
  });

  it('tells of a missing or a wrong key, and drops nothing silently', async () => {
    const tenant = await server.tenant();
    const { errors: missing } = await clientFor({ url: tenant.url, key: '' });
    expect(missing[0]).toMatchObject({ code: 'USAGE' });
    const { client, errors } = await clientFor({ url: tenant.url, key: 'sentrial_live_wrong' });
    void client.createSession(run);
    expect(await client.flush()).toEqual({ delivered: 0, spooled: 0, dropped: 1, pending: 0 });
    expect(errors).toMatchObject([{ code: 'UNAUTHENTICATED', status: 401 }]);
    expect(errors[0]).toBeInstanceOf(SentrialError);
  });

  it('is not harmed by a listener that throws or rejects', async () => {
    const tenant = await server.tenant();
    const listeners: (() => unknown)[] = [() => { throw new Error('of the listener'); }, () => Promise.reject(new Error('of the listener'))];
    for (const onError of listeners) {
      const { client } = await clientFor(tenant, { onError });
      void client.trackToolCall({ sessionId: 'sess_unknown', toolName: 't' });
      expect(await client.flush()).toMatchObject({ dropped: 1 });
    }
  });

  it('takes the default for a figure that is not a number, and waits however long it is told to', async () => {
    const tenant = await server.tenant();
    const sessionId = await tenant.session();
    const { client, errors } = await clientFor(tenant, { timeout: Infinity, maxRetries: NaN, batching: { maxEvents: NaN, maxBytes: NaN, intervalMs: NaN, maxQueueBytes: NaN } });
    void client.trackToolCall({ sessionId, toolName: 't' });
    expect(await client.flush(Infinity)).toEqual({ delivered: 1, spooled: 0, dropped: 0, pending: 0 });
    expect(errors).toEqual([]);
  });

  it('takes its key and address from the environment', async () => {
    const tenant = await server.tenant();
    process.env['SENTRIAL_API_KEY'] = tenant.key;
    process.env['SENTRIAL_API_URL'] = tenant.url;
    process.env['SENTRIAL_SPOOL_DIR'] = await spoolFolder();
    try {
      await using client = new SentrialClient({ flushOnExit: false });
      const sessionId = (await client.createSession(run))!;
      expect(await client.getSession(sessionId)).toMatchObject({ id: sessionId });
    } finally {
      delete process.env['SENTRIAL_API_KEY'];
      delete process.env['SENTRIAL_API_URL'];
      delete process.env['SENTRIAL_SPOOL_DIR'];
    }
  });

  it('takes nothing more once it is closed, and counts what it did not take', async () => {
    const tenant = await server.tenant();
    const { client, errors } = await clientFor(tenant);
    const sessionId = (await client.createSession(run))!;
    expect(await client.close()).toEqual({ delivered: 1, spooled: 0, dropped: 0, pending: 0 });
    void client.trackToolCall({ sessionId, toolName: 'late' });
    expect(await client.flush()).toEqual({ delivered: 0, spooled: 0, dropped: 1, pending: 0 });
    expect(codesOf(errors)).toEqual(['DROPPED']);
  });

  it('makes ids that sort in the order they were made', () => {
    const ids = Array.from({ length: 10_000 }, newEventId);
    expect([...ids].sort()).toEqual(ids);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids[0]).toMatch(/^evt_[0-9a-f]{12}7[0-9a-f]{3}[89ab][0-9a-f]{15}$/);
  });
});
