import fc from 'fast-check';
import { getNamedType, isInputObjectType, isNonNullType } from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EventInput } from '../src/event/input.ts';
import { schema } from '../src/graphql/schema.ts';
import { SessionInput } from '../src/session/input.ts';
import { startApp } from './support/app.ts';
import type { TestApp } from './support/app.ts';
import { subscribe } from './support/live.ts';
import type { Tenant } from './support/tenant.ts';

// P8: whatever comes, it is a 4xx with the envelope, or a stored event that reads back as it was sent; never a
// 5xx, and never at the cost of a neighbour.

let server: TestApp;
let tenant: Tenant;
let session: string;
beforeAll(async () => {
  server = await startApp();
  tenant = await server.tenant();
  session = await tenant.session();
});
afterAll(() => server.close());

type Fields = Record<string, unknown>;

/** Bounded in runs and in time: a slow machine tries less. */
const bounded = (numRuns: number) => ({ numRuns, interruptAfterTimeLimit: 6_000, markInterruptAsFailure: false, endOnFailure: false });

/** JSON as a client may write it: 1e400 is JSON, though no number of ours. */
function json(value: unknown): string {
  if (typeof value === 'number') return Number.isFinite(value) ? String(Object.is(value, -0) ? 0 : value) : value > 0 ? '1e400' : '-1e400';
  if (Array.isArray(value)) return `[${value.map(json).join(',')}]`;
  if (value !== null && typeof value === 'object') return `{${Object.entries(value).map(([key, inner]) => `${JSON.stringify(key)}:${json(inner)}`).join(',')}}`;
  return JSON.stringify(value ?? null);
}

/** How many digits a number has where it is written without an exponent. */
function digits(value: number): number {
  const [mantissa = '', exponent = ''] = value.toExponential().replace('-', '').split('e');
  return Number(exponent) < 0 ? mantissa.replace('.', '').length - Number(exponent) : Math.max(mantissa.replace('.', '').length, Number(exponent) + 1);
}

/** What is read back: U+FFFD for what PostgreSQL refuses, text for a number that is infinite or has more than 40 digits. */
function stored(value: unknown): unknown {
  if (typeof value === 'string') return storedText(value);
  if (typeof value === 'number') return Number.isFinite(value) && digits(value) <= 40 ? (Object.is(value, -0) ? 0 : value) : String(value);
  if (Array.isArray(value)) return value.map(stored);
  if (value !== null && typeof value === 'object') return Object.fromEntries(Object.entries(value).map(([key, inner]) => [storedText(key), stored(inner)]));
  return value;
}
const storedText = (text: string) => text.toWellFormed().replaceAll('\0', '\ufffd');

/** Key order does not count; jsonb has its own. Entries, because toEqual would not look at a key named __proto__. */
function comparable(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(comparable);
  if (value === null || typeof value !== 'object') return value;
  return { entries: Object.entries(value).map(([key, inner]) => [key, comparable(inner)] as const).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)) };
}

const HOSTILE_TEXT = ['\0', '\ud800', '\udfff', '\udfff\ud800', '\u2028', '\ufeff', '\ufffd', '😀', '"', '\\', '\n', '%00', "'; DROP TABLE event; --", '$1', '{{x}}', '../..', '__proto__', 'constructor', 'toString', 'toJSON', 'length', 'NaN', ''];
const hostileText = fc.oneof(fc.constantFrom(...HOSTILE_TEXT), fc.string({ unit: 'binary' }), fc.array(fc.constantFrom(...HOSTILE_TEXT), { maxLength: 4 }).map((parts) => parts.join('')));
const hostileNumber = fc.oneof(fc.double({ noNaN: true }), fc.integer(), fc.constantFrom(-0, 1e308, 5e-324, Infinity, -Infinity, 2 ** 53, 2 ** 53 + 2, -1e21, 0.1 + 0.2, 2 ** 31, -1));
const { value: hostileJson } = fc.letrec((tie) => ({
  value: fc.oneof({ maxDepth: 4, depthSize: 'small' }, hostileText, hostileNumber, fc.boolean(), fc.constant(null), fc.array(tie('value'), { maxLength: 4 }), tie('object')),
  // Keys that become the same once they are replaced are looked at in the unit tests of clean().
  object: fc.uniqueArray(fc.tuple(hostileText, tie('value')), { maxLength: 4, selector: ([key]) => storedText(key) }).map((entries) => Object.fromEntries(entries)),
}));

type RestReply = { status: number; body: Fields };

async function rest(path: string, body: string | Uint8Array, method = 'POST'): Promise<RestReply> {
  const { status, body: answer } = await tenant.rest(method, path, body);
  return { status, body: answer };
}

/** Refused in good order: 4xx, and nothing but the envelope. */
function expectRefused({ status, body }: RestReply): void {
  expect([status, body]).toEqual([expect.toSatisfy((code: number) => code >= 400 && code < 500), { ...body, error: expect.any(String) as string, message: expect.any(String) as string }]);
}

const expectTaken = (reply: RestReply) => (reply.status === 200 ? undefined : expectRefused(reply));

type GraphqlReply = { status: number; data?: Fields | null; errors?: { message: string; extensions: { code: string } }[] };

async function graphql(body: string | Uint8Array): Promise<GraphqlReply> {
  const response = await fetch(`${server.url}/graphql`, { method: 'POST', headers: { authorization: `Bearer ${tenant.key}`, 'content-type': 'application/json' }, body: body as string });
  return { status: response.status, ...((await response.json()) as Omit<GraphqlReply, 'status'>) };
}

/** Answered in good order: data, or errors that are the request's fault. */
function expectAnswered({ status, data, errors }: GraphqlReply): void {
  expect([status < 500, data !== undefined || errors !== undefined]).toEqual([true, true]);
  for (const error of errors ?? []) expect(['BAD_USER_INPUT', 'TOO_LARGE', 'NOT_FOUND', 'CONFLICT'], error.message).toContain(error.extensions.code);
}

const eventBody = (fields: string) => `{"sessionId": ${JSON.stringify(session)}, "eventType": "tool_call", ${fields}}`;
const EVENT = 'query ($id: ID!) { event(id: $id) { textReplaced metadata ... on ToolCallEvent { toolInput toolOutput toolName } reasoning } }';

async function readBack(id: unknown): Promise<Fields> {
  return (await tenant.run<{ event: Fields }>(EVENT, { id })).event;
}

describe('any JSON in an event', () => {
  it('is read back as it was sent through REST, or with replacements that are told', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(hostileJson, hostileText), { minLength: 1, maxLength: 12 }), async (values) => {
        const items = values.map(([value, text]) => eventBody(`"toolInput": ${json(value)}, "toolName": ${JSON.stringify(text)}, "metadata": {"value": ${json(value)}}`));
        const { status, body } = await rest('/events/batch', `{"events": [${items.join(',')}]}`);
        expect(status).toBe(200);
        const results = body['results'] as { status: number; event: Fields }[];
        expect(results.map((result) => result.status)).toEqual(values.map(() => 200));
        const [value, text] = values[0]!;
        const event = await readBack(results[0]!.event['id']);
        expect(comparable(event['toolInput'])).toEqual(comparable(stored(value)));
        expect(comparable(event['metadata'])).toEqual(comparable({ value: stored(value) }));
        expect(event['toolName']).toBe(storedText(text));
        expect(event['textReplaced']).toBe(json(stored([value, text])) !== json([value, text]));
      }),
      bounded(60),
    );
  });

  it('is read back as it was sent through GraphQL, or with replacements that are told', async () => {
    await fc.assert(
      fc.asyncProperty(hostileJson, hostileText, async (value, text) => {
        const variables = `{"input": {"sessionId": ${JSON.stringify(session)}, "toolName": "t", "toolInput": ${json(value)}, "reasoning": ${JSON.stringify(text)}}}`;
        const reply = await graphql(`{"query": "mutation ($input: TrackToolCallInput!) { trackToolCall(input: $input) { textReplaced toolInput reasoning } }", "variables": ${variables}}`);
        expect(reply.errors).toBeUndefined();
        const event = reply.data!['trackToolCall'] as Fields;
        expect(comparable(event['toolInput'])).toEqual(comparable(stored(value)));
        expect(event['reasoning']).toBe(storedText(text));
        expect(event['textReplaced']).toBe(json(stored([value, text])) !== json([value, text]));
      }),
      bounded(60),
    );
  });

  it('is read back by every reader', async () => {
    const value = JSON.parse('{"__proto__": {"a": 1}, "constructor": {"prototype": 2}, "n": 1e-7, "t": "a\\u0000b", "toJSON": 1, "deep": {"__proto__": []}}') as unknown;
    const own = await server.tenant();
    const sessionId = await own.session({ metadata: value, userInput: value, customMetrics: value });
    await own.event(sessionId, { toolInput: value, metadata: value, unheardOf: value });
    const expected = comparable(stored(value));
    const [fromRest, list, fromGraphql] = [
      (await own.rest('GET', `/sessions/${sessionId}`)).body,
      ((await own.rest('GET', `/sessions/${sessionId}/events`)).body['events'] as Fields[])[0]!,
      (await own.run<{ session: Fields }>('query ($id: ID!) { session(id: $id) { metadata userInput customMetrics } }', { id: sessionId })).session,
    ];
    for (const read of [fromRest['metadata'], fromRest['userInput'], fromRest['customMetrics'], fromGraphql['metadata'], fromGraphql['userInput'], fromGraphql['customMetrics'], list['toolInput']]) {
      expect(comparable(read)).toEqual(expected);
    }
    expect(comparable((list['metadata'] as Fields)['unheardOf'])).toEqual(expected);
    expect(comparable((await own.rest('PATCH', `/sessions/${sessionId}`, { summary: 's' })).body['metadata'])).toEqual(expected);
    expect(fromRest['replaced']).toBe(true);
  });

  it('is stored 100 deep and refused 1,000 and 1,000,000 deep, through both doors', async () => {
    const nested = (depth: number, open = '[', close = ']') => open.repeat(depth) + '1' + close.repeat(depth);
    for (const [open, close] of [['[', ']'], ['{"a":', '}']] as const) {
      const { status, body } = await rest('/events', eventBody(`"toolInput": ${nested(100, open, close)}`));
      expect(status).toBe(200);
      expect(JSON.stringify((await readBack(body['id']))['toolInput'])).toBe(nested(100, open, close));
      for (const depth of [1_000, 1_000_000]) {
        for (const field of depth === 1_000 ? ['toolInput', 'metadata', 'reasoning', 'id', 'unheardOf', 'clientTimestamp', 'data'] : ['toolInput', 'clientTimestamp']) {
          const reply = await rest('/events', eventBody(`"${field}": ${nested(depth, open, close)}`));
          expectRefused(reply);
          expect((reply.body['message'] as string).length).toBeLessThan(500);
        }
        const variables = `{"input": {"sessionId": ${JSON.stringify(session)}, "toolName": "t", "toolInput": ${nested(depth, open, close)}}}`;
        const reply = await graphql(`{"query": "mutation ($input: TrackToolCallInput!) { trackToolCall(input: $input) { id } }", "variables": ${variables}}`);
        expectAnswered(reply);
        expect(reply.data ?? null).toBeNull();
      }
    }
  });

  it('may be ten million characters, in a value, a key or a list of small ones', async () => {
    const size = 10_000_000;
    const big = 'x'.repeat(size);
    for (const [value, equal] of [
      [JSON.stringify(big), (read: unknown) => read === big],
      [`{"${big}": 1}`, (read: unknown) => Object.keys(read as object)[0] === big],
      [`[${'0,'.repeat(1_000_000)}0]`, (read: unknown) => Array.isArray(read) && read.length === 1_000_001],
      [`{${Array.from({ length: 200_000 }, (_, n) => `"k${n}\\u0000":${n}`).join(',')}}`, (read: unknown) => Object.keys(read as object).length === 200_000],
    ] as const) {
      const { status, body } = await rest('/events', eventBody(`"toolInput": ${value}`));
      expect(status).toBe(200);
      expect(equal((await readBack(body['id']))['toolInput'])).toBe(true);
    }
    expect(await rest('/events', eventBody(`"toolInput": "${'x'.repeat(17_000_000)}"`))).toMatchObject({ status: 413, body: { error: 'Payload Too Large' } });
    const tooLarge = await graphql(`{"query": "{ viewer { keyId } }", "variables": {"x": "${'x'.repeat(17_000_000)}"}}`);
    expect([tooLarge.status, tooLarge.errors?.[0]?.extensions.code]).toEqual([413, 'TOO_LARGE']);
  });
});

/** One of each kind of thing that a field might be sent, as JSON text. */
const WRONG = [
  'true', '0', '-1', '1.5', '1e400', '-1e400', '1e308', '9007199254740993', '2147483648', '""', '"text"', '"\\u0000"', '"\\ud800"', `"${'x'.repeat(600)}"`, '[]', '[1]', '["a"]', '[[]]', '{}',
  '{"a": 1}', '{"__proto__": 1}', '{"message": {"a": 1}}', 'null', '"0000-01-01T00:00:00Z"', '"2025-02-30T00:00:00Z"', '"9999-12-31T23:59:59-23:00"', '"1969-12-31T23:59:59Z"', '253402300800000',
];

describe('a value of the wrong type', () => {
  it('in any field of an event through REST is refused alone, between neighbours that are stored', async () => {
    const fields = [...Object.keys(EventInput.shape), 'type', 'tokenCount', 'cost', 'alternatives', 'data', 'timestamp', 'unheardOf', '__proto__'];
    const good = eventBody('"toolName": "good"');
    for (const types of ['tool_call', 'error'] as const) {
      const bad = fields.flatMap((field) => WRONG.map((value) => `{"sessionId": ${JSON.stringify(session)}, "eventType": "${types}", "${field}": ${value}}`));
      for (let at = 0; at < bad.length; at += 400) {
        const items = bad.slice(at, at + 400).flatMap((item) => [good, item]);
        const { status, body } = await rest('/events/batch', `{"events": [${[...items, good].join(',')}]}`);
        expect(status).toBe(200);
        for (const [n, result] of (body['results'] as Fields[]).entries()) {
          if (n % 2 === 0) expect([n, result['status']]).toEqual([n, 200]);
          else if (result['status'] !== 200) expect([items[n], [400, 404, 409].includes(result['status'] as number), typeof result['error'], typeof result['message']]).toEqual([items[n], true, 'string', 'string']);
        }
      }
    }
  });

  it('in any field of a session through REST is refused or stored', async () => {
    const fields = [...Object.keys(SessionInput.shape), 'projectId', 'output', '__proto__', 'metadata.convo_id'];
    for (const field of fields) {
      const replies = await Promise.all(
        WRONG.flatMap((value) => {
          const own = field === 'metadata.convo_id' ? `"metadata": {"convo_id": ${value}}` : `"${field}": ${value}`;
          return [rest('/sessions', `{"name": "n", "agentName": "a", "userId": "u", ${own}}`), rest(`/sessions/${session}`, `{${own}}`, 'PATCH')];
        }),
      );
      replies.forEach(expectTaken);
    }
  });

  it.each(Object.values(schema.getMutationType()!.getFields()).filter(({ name }) => name !== 'deleteSession'))('in any field of the input of $name is refused or stored', async (field) => {
    const { type } = field.args[0]!;
    const input = getNamedType(type);
    if (!isInputObjectType(input)) throw new Error(`${field.name} takes no input object`);
    const own = input.isOneOf ? [...Object.keys(input.getFields())] : Object.keys(input.getFields());
    const required: Fields = {};
    for (const { name, type: fieldType } of Object.values(input.getFields())) if (isNonNullType(fieldType)) required[name] = name === 'sessionId' ? session : 'x';
    const bodies = own.flatMap((name) =>
      WRONG.map((value) => {
        const { [name]: _, ...rest } = required;
        const object = `{${[...Object.entries(rest).map(([key, text]) => `"${key}": ${JSON.stringify(text)}`), `"${name}": ${value}`].join(', ')}}`;
        return `{"query": "mutation ($input: ${String(type)}) { ${field.name}(input: $input) { __typename } }", "variables": {"input": ${input.isOneOf ? `[${object}]` : object}}}`;
      }),
    );
    for (let at = 0; at < bodies.length; at += 50) (await Promise.all(bodies.slice(at, at + 50).map(graphql))).forEach(expectAnswered);
  });
});

describe('a body that is no request', () => {
  const paths = ['/events', '/events/batch', '/sessions'];
  const valid = () => eventBody('"toolName": "t", "toolInput": {"q": "ü😀"}, "confidence": 0.5');

  it('of random JSON is refused or stored', async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...paths), hostileJson, async (path, value) => {
        expectTaken(await rest(path, json(value)));
        expectAnswered(await graphql(json(value)));
        expectAnswered(await graphql(`{"query": "{ viewer { keyId } }", "variables": ${json(value)}, "operationName": null}`));
      }),
      bounded(60),
    );
  });

  it('of random bytes is refused', async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...paths), fc.uint8Array({ minLength: 1, maxLength: 64 }), async (path, bytes) => {
        expectRefused(await rest(path, bytes));
        const reply = await graphql(bytes);
        expectAnswered(reply);
        expect(reply.data ?? null).toBeNull();
      }),
      bounded(60),
    );
  });

  it('that was cut off anywhere, even inside a character, is refused', async () => {
    const bytes = new TextEncoder().encode(valid());
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: bytes.length - 1 }), async (length) => {
        expectRefused(await rest('/events', bytes.slice(0, length)));
      }),
      bounded(40),
    );
  });

  it('with a byte changed is refused or stored', async () => {
    const bytes = new TextEncoder().encode(valid());
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length - 1), fc.integer({ min: 0, max: 255 }), async (at, byte) => {
        const changed = bytes.slice();
        changed[at] = byte;
        expectTaken(await rest('/events', changed));
      }),
      bounded(60),
    );
  });

  it('of many fields, or of one with a very long name, keeps them', async () => {
    const many = Array.from({ length: 5_000 }, (_, n) => `"field ${n}": ${n}`).join(', ');
    const { body } = await rest('/events', eventBody(many));
    expect(Object.keys((await readBack(body['id']))['metadata'] as object)).toHaveLength(5_000);
    const name = 'n'.repeat(1_000_000);
    const { body: long } = await rest('/events', eventBody(`"${name}": 1`));
    expect((await readBack(long['id']))['metadata']).toEqual({ [name]: 1 });
  });
});

describe('an address that is none', () => {
  it('of a session or a page is refused', async () => {
    const other = await server.tenant();
    const session = await other.session();
    await fc.assert(
      fc.asyncProperty(hostileText.map((text) => encodeURIComponent(text.toWellFormed())), async (text) => {
        for (const path of [`/sessions/${text || '%20'}`, `/sessions/${text || '%20'}/events`, `/sessions?cursor=${text}`, `/sessions?agent=${text}&user=${text}&convo_id=${text}`, `/sessions?created_after=${text}`, `/sessions/${session}/events?after=${text}`, `/sessions/${session}/events?limit=1&type=${text}`]) {
          expectTaken(await other.rest('GET', path));
        }
        expectRefused(await other.rest('PATCH', `/sessions/${text || '%20'}`, {}));
      }),
      bounded(25),
    );
  });

  it('is refused by GraphQL wherever an id, a cursor, a time or a name is asked', async () => {
    const queries = [
      'query ($t: ID!) { session(id: $t) { id } }',
      'query ($t: ID!) { event(id: $t) { id } }',
      'query ($t: String) { sessions(after: $t) { edges { cursor } } }',
      'query ($t: String) { sessions(first: 1, filter: { agentName: $t }) { edges { cursor } } }',
      'query ($t: ID) { sessions(first: 1, filter: { parentSessionId: $t }) { edges { cursor } } }',
      'query ($t: DateTime) { sessions(first: 1, filter: { createdAfter: $t }) { edges { cursor } } }',
      'query ($t: ID!) { conversation(convoId: $t) { convoId } }',
      'query ($t: String) { agents(after: $t) { edges { cursor } } }',
      'query ($t: String) { users(before: $t) { edges { cursor } } }',
      'query ($t: String) { conversations(after: $t) { edges { cursor } } }',
      'mutation ($t: ID!) { deleteSession(input: { id: $t }) { id } }',
      'mutation ($t: ID!) { revokeApiKey(input: { id: $t }) { id } }',
    ];
    const cursors = ['["0"]', '[-8640000000000000,"x"]', '[8640000000000000,"\\u0000"]', '[1e308]', '{}', 'null', '\0', 'a\0'].map((key) => Buffer.from(key).toString('base64url'));
    const times = ['0000-01-01T00:00:00Z', '9999-12-31T23:59:59-23:59', '2025-13-01T00:00:00Z'];
    const faults: unknown[] = [];
    for (const t of [...HOSTILE_TEXT, ...cursors, ...times]) {
      for (const query of queries) {
        const { errors } = await graphql(JSON.stringify({ query, variables: { t } }));
        if (errors?.some(({ extensions: { code } }) => code === 'INTERNAL_SERVER_ERROR' || code === 'OVERLOADED')) faults.push([query, t]);
      }
    }
    expect(faults).toEqual([]);
  });
});

it('a subscription to an id or a name that cannot be stored gets what was stored in its place', async () => {
  const other = await server.tenant();
  await other.session({ id: 'a\0', agentName: 'b\ud800' });
  await other.event('a\0', { toolName: 'mine' });
  for (const [query, door] of [
    ['subscription ($id: ID) { events(after: "0", sessionId: $id) { event { sessionId } } }', 'ws'],
    ['subscription ($name: String) { sessionUpdates(after: "0", filter: { agentName: $name }) { session { id } } }', 'sse'],
    ['subscription ($id: ID) { sessionUpdates(after: "0", filter: { parentSessionId: $id, agentName: "b" }) { session { id } } }', 'sse'],
  ] as const) {
    await using live = subscribe<Fields>(other, { query, variables: { id: 'a\0', name: 'b\ud800' } }, door);
    if (query.includes('parentSessionId')) await other.session({ parentSessionId: 'a\0', agentName: 'b' });
    await live.received((data) => data.length === 1);
  }
});

it('after all of this the server serves', async () => {
  expect((await fetch(`${server.url}/readyz`)).status).toBe(200);
  const id = await tenant.event(session, { toolInput: 'still here' });
  expect(await readBack(id)).toMatchObject({ toolInput: 'still here', textReplaced: false });
  const { rows } = await server.app.services.pool.query<{ gaps: string }>('SELECT p.log_position - (SELECT count(*) FROM event e WHERE e.project_id = p.id) AS gaps FROM project p WHERE id = $1', [tenant.projectId]);
  expect(Number(rows[0]!.gaps)).toBeGreaterThanOrEqual(1);
});
