import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { clean, printedBytes } from '../src/store/clean.ts';
import { startApp } from './support/app.ts';
import type { TestApp } from './support/app.ts';

// P10, the writing side: nothing is stored that is heavier than its bound when it is read back, however little was sent.

const MB = 1024 * 1024;

let server: TestApp;
beforeAll(async () => {
  server = await startApp();
});
afterAll(() => server.close());

const hostileNumber = fc.oneof(fc.double({ noNaN: true }), fc.integer(), fc.constantFrom(0, -0, 1e21, -1e21, 1e39, -1.5e39, 1e40, 1e308, 1e-6, 1e-7, 1.5e-39, 1e-39, 5e-324, Infinity));
const hostileJson = fc.jsonValue({ stringUnit: 'binary' }).chain((value) => fc.array(hostileNumber, { maxLength: 5 }).map((numbers): unknown => ({ value, numbers, 'a"\\\n\u0001': [{}, []] })));

describe('the weight of a value', () => {
  it('is what PostgreSQL prints, to the byte', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(hostileJson, { minLength: 1, maxLength: 20 }), async (values) => {
        const kept = values.map((value) => clean(value).value);
        const { rows } = await server.app.services.pool.query<{ bytes: number }>('SELECT octet_length(value::jsonb::text) AS bytes FROM unnest($1::text[]) WITH ORDINALITY AS v (value, n) ORDER BY n', [kept.map((value) => JSON.stringify(value))]);
        expect(rows.map(({ bytes }) => bytes)).toEqual(kept.map(printedBytes));
      }),
      { numRuns: 50 },
    );
  });
});

describe('an event whose text grows when it is read', () => {
  /** Fifteen megabytes that the database would print as 800. */
  const huge = `[${'1e308,'.repeat(2_500_000)}1e308]`;
  const body = (sessionId: string, value: string) => `{"sessionId": "${sessionId}", "eventType": "tool_call", "toolName": "t", "toolInput": ${value}}`;

  it('is stored with such numbers as text, which the row says, and is read back by everybody', async () => {
    const tenant = await server.tenant();
    const sessionId = await tenant.session();
    const { status, body: event } = await tenant.rest('POST', '/events', body(sessionId, '[1e308, -1e41, 1e-45, 7]'));
    expect(status).toBe(200);
    const kept = ['1e+308', '-1e+41', '1e-45', 7];
    const read = await tenant.run<{ event: unknown }>('query ($id: ID!) { event(id: $id) { textReplaced ... on ToolCallEvent { toolInput } } }', { id: event['id'] });
    expect(read.event).toEqual({ textReplaced: true, toolInput: kept });
    const page = await tenant.rest('GET', `/sessions/${sessionId}/events`);
    expect(page.body['events']).toMatchObject([{ toolInput: kept, replaced: true }]);
  });

  it('is refused with both numbers when it is heavier than the bound, alone among its neighbours', async () => {
    const tenant = await server.tenant();
    const sessionId = await tenant.session();
    const refused = await tenant.rest('POST', '/events', body(sessionId, huge));
    expect(refused).toMatchObject({ status: 413, body: { error: 'Payload Too Large', message: expect.stringMatching(/^The event would take [\d,]+ bytes when it is read; at most 16,777,216 are accepted \(MAX_EVENT_BYTES\)/) as string } });
    const zeros = `[${'1e39,'.repeat(420_000)}1e39]`; // 2 MB that are printed as 18
    const batch = await tenant.rest('POST', '/events/batch', `{"events": [${body(sessionId, '1')}, ${body(sessionId, zeros)}, ${body(sessionId, '3')}]}`);
    expect((batch.body['results'] as { status: number }[]).map(({ status }) => status)).toEqual([200, 413, 200]);
    const { data } = await tenant.graphql('mutation ($input: [EventInput!]!) { recordEvents(input: $input) { event { id } error { code message } } }', {
      input: [{ toolCall: { sessionId, toolName: 't', toolInput: new Array(420_000).fill(1e39) } }, { toolCall: { sessionId, toolName: 't' } }],
    });
    expect(data?.['recordEvents']).toMatchObject([{ event: null, error: { code: 'TOO_LARGE' } }, { event: { id: expect.any(String) as string }, error: null }]);
  });

  it('weighs in its row at least what the database prints of it', async () => {
    const tenant = await server.tenant();
    const sessionId = await tenant.session();
    const sent = `{"numbers": [${'1e39,1e-39,'.repeat(1_000)}1], "empty": [${'[],{},'.repeat(1_000)}0], "text": "${'\\u0001\\"é'.repeat(1_000)}"}`;
    await tenant.rest('POST', '/events', body(sessionId, sent));
    const { rows } = await server.app.services.pool.query<{ bytes: number; printed: number }>('SELECT bytes, octet_length(tool_input::text) AS printed FROM event WHERE project_id = $1', [tenant.projectId]);
    expect(rows[0]!.printed).toBeGreaterThan(sent.length);
    expect(rows[0]!.bytes).toBeGreaterThanOrEqual(rows[0]!.printed);
    expect(rows[0]!.bytes).toBeLessThan(rows[0]!.printed + 1_000);
  });
});

describe('a session', () => {
  const megabyte = 'x'.repeat(MB);

  it.each(['metadata', 'customMetrics'] as const)('does not grow without end by updates of its %s', async (field) => {
    const tenant = await server.tenant();
    const sessionId = await tenant.session();
    const half = (name: string) => ({ [field]: { [name]: 'x'.repeat(0.4 * MB) } });
    for (const name of ['first', 'second']) expect((await tenant.rest('PATCH', `/sessions/${sessionId}`, half(name))).status).toBe(200);
    const refused = await tenant.rest('PATCH', `/sessions/${sessionId}`, { ...half('third'), summary: 'not this either' });
    expect(refused).toMatchObject({
      status: 413,
      body: { error: 'Payload Too Large', message: expect.stringMatching(new RegExp(`^The session's ${field} would take 1,258,\\d{3} bytes when it is read; at most 1,048,576 are accepted \\(MAX_METADATA_BYTES\\)`)) as string },
    });
    const { errors } = await tenant.graphql('mutation ($input: UpdateSessionInput!) { updateSession(input: $input) { id } }', { input: { id: sessionId, ...half('third') } });
    expect(errors?.[0]?.extensions.code).toBe('TOO_LARGE');
    const { body } = await tenant.rest('GET', `/sessions/${sessionId}`);
    expect([Object.keys(body[field] as object), body['summary']]).toEqual([['first', 'second'], undefined]);
    expect((await tenant.rest('PATCH', `/sessions/${sessionId}`, { status: 'completed' })).status).toBe(200);
  });

  it('is refused when an update would make it heavier than its bound', async () => {
    const tenant = await server.tenant();
    const sessionId = await tenant.session({ userInput: megabyte.repeat(9) });
    const refused = await tenant.rest('PATCH', `/sessions/${sessionId}`, { assistantOutput: megabyte.repeat(9) });
    expect(refused).toMatchObject({ status: 413, body: { message: expect.stringMatching(/^The session would take 18,87\d,\d{3} bytes when it is read; at most 16,777,216 are accepted \(MAX_SESSION_BYTES\)/) as string } });
    const taken = await tenant.rest('PATCH', `/sessions/${sessionId}`, { assistantOutput: 'short' });
    expect([taken.status, (taken.body['userInput'] as string).length, taken.body['assistantOutput']]).toEqual([200, 9 * MB, 'short']);
  });

  it('is refused at once when it alone is heavier than a bound', async () => {
    const tenant = await server.tenant();
    const fields = { name: 'n', agentName: 'a', userId: 'u' };
    expect((await tenant.rest('POST', '/sessions', { ...fields, metadata: { big: megabyte } })).body['message']).toMatch(/^The session's metadata would take/);
    expect((await tenant.rest('POST', '/sessions', { ...fields, userInput: new Array(420_000).fill(1e39) })).body['message']).toMatch(/^The session would take/);
    expect((await tenant.rest('GET', '/sessions')).body['sessions']).toEqual([]);
  });

  it('that is repeated is answered as it stands, however large', async () => {
    const tenant = await server.tenant();
    const fields = { id: 'large', name: 'n', agentName: 'a', userId: 'u', userInput: megabyte };
    const first = await tenant.rest('POST', '/sessions', fields);
    expect(await tenant.rest('POST', '/sessions', fields)).toMatchObject({ status: 200, body: first.body });
  });

  it('never takes less than no time, though the clock of a server steps back', async () => {
    const tenant = await server.tenant();
    const sessionId = await tenant.session();
    await server.app.services.pool.query("UPDATE session SET created_at = created_at + interval '2 hours' WHERE project_id = $1", [tenant.projectId]);
    const { body } = await tenant.rest('PATCH', `/sessions/${sessionId}`, { status: 'completed' });
    expect(body).toMatchObject({ durationMs: 0, completedAt: (await tenant.rest('GET', `/sessions/${sessionId}`)).body['createdAt'] });
  });
});
