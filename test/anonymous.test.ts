import { getIntrospectionQuery } from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { startApp } from './support/app.ts';
import type { TestApp } from './support/app.ts';
import { openRawWebSocket } from './support/raw-websocket.ts';
import type { RawWebSocket } from './support/raw-websocket.ts';
import type { GraphqlAnswer } from './support/tenant.ts';

// What costs the server something is done for keys: without a good one nobody holds much of its memory or time.

let server: TestApp;
beforeAll(async () => {
  server = await startApp({ GRAPHQL_INTROSPECTION: 'true' });
});
afterAll(() => server.close());

const NOBODY = 'sentrial_live_0000000000000000000000000000000000000000000';
const KIB = 1024;

/** The code that the server closes a socket with, by the published client's rules. */
function closing(url: string, apiKey: string): Promise<number> {
  return new Promise((resolve) => {
    const socket = new WebSocket(`${url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws');
    socket.once('open', () => socket.send(JSON.stringify({ type: 'connection_init', payload: { apiKey } })));
    socket.once('message', () => socket.close(1000));
    socket.once('close', resolve);
  });
}

describe('a WebSocket without a key', () => {
  it('is closed with 1009 after 64 KiB, though its message is not at its end', async () => {
    const sockets = await Promise.all(Array.from({ length: 20 }, () => openRawWebSocket(server.url)));
    for (const socket of sockets) socket.send(Buffer.alloc(200 * KIB), 15 * KIB * KIB);
    expect(await Promise.all(sockets.map(({ ended }) => ended))).toEqual(sockets.map(() => 1009));
  });

  it('is ended when it has not introduced itself in time, also in the middle of a message', async () => {
    const socket = await openRawWebSocket(server.url);
    const began = Date.now();
    socket.send(Buffer.alloc(10 * KIB), 50 * KIB);
    expect(await socket.ended).toBe(4408);
    expect(Date.now() - began).toBeLessThan(15_000);
  });

  it('is closed with 1013 where all of its address hold too much, and the address may come again when they are gone', async () => {
    const { key } = await server.tenant();
    const sockets: RawWebSocket[] = [];
    for (let i = 0; i < 80; i += 1) {
      const socket = await openRawWebSocket(server.url);
      socket.send(Buffer.alloc(60 * KIB), 15 * KIB * KIB);
      sockets.push(socket);
    }
    const codes = await Promise.all(sockets.map(({ ended }) => ended));
    expect([...new Set(codes)].sort()).toEqual([1013, 4408]);
    expect(await closing(server.url, key)).toBe(1000);
  });

  it('has the bound of the server as soon as its key is accepted', async () => {
    const { key } = await server.tenant();
    const socket = new WebSocket(`${server.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws');
    const messages: { type: string }[] = [];
    socket.on('message', (data: Buffer) => messages.push(JSON.parse(data.toString()) as { type: string }));
    socket.once('open', () => socket.send(JSON.stringify({ type: 'connection_init', payload: { apiKey: key } })));
    await expect.poll(() => messages).toEqual([{ type: 'connection_ack' }]);
    socket.send(JSON.stringify({ type: 'ping', payload: { pad: 'x'.repeat(300 * KIB) } }));
    await expect.poll(() => messages[1]?.type).toBe('pong');
    socket.close();
  });
});

describe('GraphQL without a key', () => {
  async function ask(query: string, { url = server.url, headers = {} }: { url?: string; headers?: Record<string, string> } = {}) {
    const response = await fetch(`${url}/graphql`, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify({ query }) });
    const { data, errors } = (await response.json()) as GraphqlAnswer;
    return { status: response.status, retryAfter: response.headers.get('retry-after'), data, codes: errors?.map(({ extensions }) => extensions.code), message: errors?.[0]?.message };
  }

  it('answers the schema, as GraphiQL and code generators ask for it, and nothing else', async () => {
    const schema = await ask(getIntrospectionQuery({ inputValueDeprecation: true, oneOf: true, schemaDescription: true, directiveIsRepeatable: true, specifiedByUrl: true }));
    expect([schema.status, schema.codes, Object.keys(schema.data ?? {})]).toEqual([200, undefined, ['__schema']]);
    expect(await ask('{ __typename __type(name: "Session") { name } }')).toMatchObject({ status: 200, data: { __typename: 'Query', __type: { name: 'Session' } } });
    expect(await ask('{ sessions { edges { cursor } } }')).toMatchObject({ status: 401, codes: ['UNAUTHENTICATED'] });
  });

  it.each([
    ['does not exist, so it is not validated', '{ nothing }'],
    ['asks for the schema beside something else', '{ __schema { queryType { name } } viewer { keyId } }'],
    ['asks for it under 48 other names', `{ ${Array.from({ length: 48 }, (_, i) => `a${i}: __schema { types { name fields { name } } }`).join(' ')} }`],
    ['asks for it in a fragment', 'query { ...F } fragment F on Query { __schema { queryType { name } } }'],
    ['is longer than any question for the schema', `{ __schema { types { ${'name '.repeat(1_000)} } } }`],
    ['writes', 'mutation { createSession(input: { name: "n", agentName: "a", userId: "u" }) { id } }'],
    ['subscribes', 'subscription { events { cursor } }'],
  ])('refuses what %s', async (_what, query) => {
    expect(await ask(query)).toMatchObject({ status: 401, codes: ['UNAUTHENTICATED'] });
  });

  it('answers an address thirty times a minute, and a key as often as it asks', async () => {
    await using limited = await startApp({ GRAPHQL_INTROSPECTION: 'true' });
    const { key } = await limited.tenant();
    const many = await Promise.all(Array.from({ length: 40 }, () => ask(getIntrospectionQuery(), limited)));
    expect(many.filter(({ status }) => status === 200)).toHaveLength(30);
    const refused = many.filter(({ status }) => status === 429);
    expect(refused).toHaveLength(10);
    expect(refused[0]).toMatchObject({ codes: ['OVERLOADED'], message: expect.stringContaining('more than 30 GraphQL operations without an API key') as string });
    expect(Number(refused[0]!.retryAfter)).toBeGreaterThan(0);
    expect(await ask('{ viewer { project { id } } }', { url: limited.url, headers: { authorization: `Bearer ${key}` } })).toMatchObject({ status: 200 });
    expect((await fetch(`${limited.url}/graphql`, { headers: { accept: 'text/html' } })).status).toBe(200);
  });
});

describe('a body without a key', () => {
  it.each(['/login', '/nowhere'])('is read up to 64 KiB at %s', async (path) => {
    const post = (size: number) => fetch(server.url + path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ apiKey: 'x'.repeat(size) }) });
    expect((await post(60 * KIB)).status).not.toBe(413);
    expect((await post(65 * KIB)).status).toBe(413);
  });
});

describe('keys that are guessed', () => {
  const status = (url: string, key: string, headers: Record<string, string> = {}) => fetch(`${url}/api/sdk/sessions`, { headers: { authorization: `Bearer ${key}`, ...headers } }).then((response) => response.status);
  const from = (address: string) => ({ 'x-forwarded-for': address });
  const guess = (n: number) => `sentrial_live_guess_${n}`;

  it('are answered with 429 after sixty in a minute, at every API, while good keys of the same address go on', async () => {
    await using guessed = await startApp();
    const [used, fresh] = [await guessed.tenant(), await guessed.tenant()];
    expect(await status(guessed.url, used.key)).toBe(200);
    const answers = await Promise.all(Array.from({ length: 60 }, (_, n) => status(guessed.url, guess(n))));
    expect(new Set(answers)).toEqual(new Set([401]));

    const refused = await fetch(`${guessed.url}/api/sdk/sessions`, { headers: { authorization: `Bearer ${guess(60)}` } });
    expect([refused.status, await refused.json()]).toEqual([429, { error: 'Too Many Requests', message: expect.stringContaining('Invalid API key, and this address sent more than 60') as string }]);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    const graphql = await fetch(`${guessed.url}/graphql`, { method: 'POST', headers: { authorization: `Bearer ${guess(61)}`, 'content-type': 'application/json' }, body: '{"query":"{ __typename }"}' });
    expect([graphql.status, await graphql.json()]).toMatchObject([429, { errors: [{ extensions: { code: 'OVERLOADED' } }] }]);
    const login = await fetch(`${guessed.url}/login`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ apiKey: guess(62) }) });
    expect(login.status).toBe(429);
    expect(await closing(guessed.url, guess(63))).toBe(1013);

    // One that was seen before, and one that has to be looked up; each among guesses.
    const [one, other, ...rest] = await Promise.all([status(guessed.url, used.key), status(guessed.url, fresh.key), ...Array.from({ length: 20 }, (_, n) => status(guessed.url, guess(100 + n)))]);
    expect([one, other]).toEqual([200, 200]);
    expect(new Set(rest)).toEqual(new Set([429]));
    expect(await closing(guessed.url, (await guessed.tenant()).key)).toBe(1000);
  });

  it('are counted by the address that a trusted proxy names', async () => {
    await using behind = await startApp({ TRUST_PROXY: 'loopback' });
    await Promise.all(Array.from({ length: 60 }, (_, n) => status(behind.url, guess(n), from('203.0.113.7'))));
    expect(await status(behind.url, NOBODY, from('203.0.113.7'))).toBe(429);
    expect(await status(behind.url, NOBODY, from('203.0.113.8'))).toBe(401);
  });

  it('are counted by the peer where no proxy is trusted, whatever it says', async () => {
    await using direct = await startApp();
    await Promise.all(Array.from({ length: 60 }, (_, n) => status(direct.url, guess(n), from(`203.0.113.${n}`))));
    expect(await status(direct.url, NOBODY, from('203.0.113.99'))).toBe(429);
  });
});
