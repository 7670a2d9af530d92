import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { connect } from 'node:net';
import { serverAudits } from 'graphql-http';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { startApp } from './support/app.ts';
import type { TestApp } from './support/app.ts';
import type { GraphqlAnswer, Tenant } from './support/tenant.ts';

let server: TestApp;
let tenant: Tenant;
beforeAll(async () => {
  server = await startApp({ GRAPHQL_INTROSPECTION: 'true' });
  tenant = await server.tenant();
});
afterAll(() => server.close());

const codesOf = (answer: GraphqlAnswer) => answer.errors?.map(({ extensions }) => extensions.code);

async function raw(body: string | null, { headers = {}, method = 'POST', path = '', url = server.url }: { headers?: Record<string, string>; method?: string; path?: string; url?: string } = {}) {
  const response = await fetch(`${url}/graphql${path}`, { method, headers: { 'content-type': 'application/json', ...headers }, body });
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, json: () => JSON.parse(text) as GraphqlAnswer };
}

describe('GraphQL over HTTP', () => {
  it('passes the audits of graphql-http', async () => {
    const audits = serverAudits({
      url: `${server.url}/graphql`,
      fetchFn: (url: string, init: RequestInit = {}) => fetch(url, { ...init, headers: { ...(init.headers as Record<string, string>), authorization: `Bearer ${tenant.key}` } }),
    });
    const failed: string[] = [];
    for (const audit of audits) {
      const result = await audit.fn();
      if (result.status !== 'ok') failed.push(`${result.status}: ${audit.name}: ${result.reason}`);
    }
    expect(audits.length).toBeGreaterThan(50);
    expect(failed).toEqual([]);
  });

  it('runs no mutation that comes by GET', async () => {
    const query = encodeURIComponent('mutation { createSession(input: { name: "n", agentName: "a", userId: "u" }) { id } }');
    const answer = await raw(null, { method: 'GET', path: `?query=${query}`, headers: { authorization: `Bearer ${tenant.key}` } });
    expect(answer.status).toBe(405);
    expect(codesOf(answer.json())).toEqual(['BAD_USER_INPUT']);
    const other = await server.tenant();
    expect((await other.run<{ sessions: { edges: unknown[] } }>('{ sessions { edges { cursor } } }')).sessions.edges).toEqual([]);
  });

  it('keeps nothing of a request on a connection that is used for many', async () => {
    const warnings: Error[] = [];
    const warned = (warning: Error) => void warnings.push(warning);
    process.on('warning', warned);
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    for (let count = 0; count < 30; count += 1) {
      await new Promise<void>((resolve, reject) => {
        const sent = request(`${server.url}/graphql`, { method: 'POST', agent, headers: { authorization: `Bearer ${tenant.key}`, 'content-type': 'application/json' } }, (response) => response.resume().on('end', resolve));
        sent.on('error', reject);
        sent.end('{"query":"{ viewer { keyId } }"}');
      });
    }
    agent.destroy();
    process.off('warning', warned);
    expect(warnings).toEqual([]);
  });
});

describe('errors have a code:', () => {
  it.each([
    ['syntax', '{ viewer {', {}],
    ['an unknown field', '{ viewer { shoeSize } }', {}],
    ['an unknown argument', '{ sessions(top: 3) { edges { cursor } } }', {}],
    ['a missing variable', 'query ($id: ID!) { session(id: $id) { id } }', {}],
    ['a variable of the wrong type', 'query ($n: Int) { sessions(first: $n) { edges { cursor } } }', { n: 'ten' }],
    ['a literal of the wrong type', '{ sessions(first: "ten") { edges { cursor } } }', {}],
    ['a time that is none', '{ sessions(filter: { createdAfter: "soon" }) { edges { cursor } } }', {}],
    ['a time that does not say its offset', '{ sessions(filter: { createdAfter: "2025-01-12T10:30:00" }) { edges { cursor } } }', {}],
    ['a day that is none', 'query ($t: DateTime) { sessions(filter: { createdAfter: $t }) { edges { cursor } } }', { t: '2025-02-30T00:00:00Z' }],
    ['a cursor that is none', '{ sessions(after: "yesterday") { edges { cursor } } }', {}],
    ['a page without bounds', '{ sessions(first: 201) { edges { cursor } } }', {}],
    ['a page below nothing', '{ sessions(last: -1) { edges { cursor } } }', {}],
    ['both ends of a page', '{ sessions(first: 1, last: 1) { edges { cursor } } }', {}],
    ['input that the domain refuses', 'mutation { createSession(input: { name: "", agentName: "a", userId: "u" }) { id } }', {}],
    ['two of one', 'mutation { recordEvents(input: [{ stateChange: { sessionId: "s" }, error: { sessionId: "s", errorMessage: "m" } }]) { duplicate } }', {}],
    ['an operation that is not there', 'query A { viewer { keyId } } query B { viewer { keyId } }', {}],
  ])('BAD_USER_INPUT for %s', async (_what, query, variables) => {
    expect(new Set(codesOf(await tenant.graphql(query, variables)))).toEqual(new Set(['BAD_USER_INPUT']));
  });

  it('BAD_USER_INPUT names each fault of the input', async () => {
    const answer = await tenant.graphql('mutation { createSession(input: { name: "", agentName: "", userId: "u", durationMs: -1 }) { id } }');
    const issues = answer.errors![0]!.extensions['issues'] as { path: string }[];
    expect(issues.map(({ path }) => path)).toEqual(['name', 'agentName', 'durationMs']);
  });

  it.each([
    ['query ($id: ID!) { conversation(convoId: $id) { convoId } }'],
    ['mutation ($id: ID!) { revokeApiKey(input: { id: $id }) { id } }'],
    ['query ($id: ID!) { session(id: $id) { id } }'],
  ])('NOT_FOUND names what was asked for, cut short: %s', async (query) => {
    const [error] = (await tenant.graphql(query, { id: 'x'.repeat(5_000) })).errors!;
    expect(error).toMatchObject({ extensions: { code: 'NOT_FOUND' }, message: expect.stringContaining(`"${'x'.repeat(100)}…"`) as string });
    expect(error!.message.length).toBeLessThan(300);
  });

  it('BAD_USER_INPUT for bodies that are not GraphQL, a batch, or an Idempotency-Key that is too long', async () => {
    const headers = { authorization: `Bearer ${tenant.key}`, accept: 'application/graphql-response+json' };
    const query = '{"query":"{ viewer { keyId } }"}';
    const answers = [await raw('{"query":', { headers }), await raw('"text"', { headers }), await raw('{}', { headers }), await raw(`[${query},${query}]`, { headers }), await raw(query, { headers: { ...headers, 'idempotency-key': 'k'.repeat(300) } })];
    for (const answer of answers) {
      expect(answer.status, answer.text).toBe(400);
      expect(codesOf(answer.json())).toEqual(['BAD_USER_INPUT']);
    }
  });

  it.each([
    ['a key that is not good', 'Authorization: Bearer sentrial_live_nobody\r\n'],
    ['no key', ''],
  ])('UNAUTHENTICATED for %s, before a large body is read', async (_what, header) => {
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
    socket.write(`POST /graphql HTTP/1.1\r\nHost: x\r\n${header}Content-Type: application/json\r\nContent-Length: 10000000\r\n\r\n{`);
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 401 [^]*"code":"UNAUTHENTICATED"/);
    socket.destroy();
  });

  it('UNAUTHENTICATED, with 401, without a key or with one that is not good', async () => {
    const body = '{"query":"{ viewer { keyId } }"}';
    for (const headers of [{}, { authorization: 'Bearer sentrial_live_nobody' }, { 'x-sentrial-api-key': 'nobody' }] as Record<string, string>[]) {
      const answer = await raw(body, { headers });
      expect(answer.status).toBe(401);
      expect(codesOf(answer.json())).toEqual(['UNAUTHENTICATED']);
    }
  });

  it('FORBIDDEN where the key lacks the scope, NOT_FOUND where the project has no such thing, CONFLICT where an id is taken', async () => {
    const reader = await tenant.anotherKey({ scopes: ['read'] });
    const create = (name: string) => `mutation { createSession(input: { id: "taken", name: "${name}", agentName: "a", userId: "u" }) { id } }`;
    expect(codesOf(await reader.graphql(create('n')))).toEqual(['FORBIDDEN']);
    expect(codesOf(await tenant.graphql('{ session(id: "nobody") { id } event(id: "nothing") { id } }'))).toEqual(['NOT_FOUND', 'NOT_FOUND']);
    expect(codesOf(await tenant.graphql('mutation { trackError(input: { sessionId: "nobody", errorMessage: "m" }) { id } }'))).toEqual(['NOT_FOUND']);
    await tenant.run(create('first'));
    expect(codesOf(await tenant.graphql(create('first')))).toBeUndefined();
    expect(codesOf(await tenant.graphql(create('other')))).toEqual(['CONFLICT']);
  });

  it('OVERLOADED, with 429 and when to come back, for a key that asks too often', async () => {
    await using limited = await startApp({ RATE_LIMIT_PER_MINUTE: '3' });
    const caller = await limited.tenant();
    const answers = [];
    for (let count = 0; count < 4; count += 1) answers.push(await caller.graphql('{ viewer { keyId } }'));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 429]);
    expect(answers[3]!.errors).toMatchObject([{ extensions: { code: 'OVERLOADED', retryAfter: expect.any(Number) as number } }]);
  });

  it('INTERNAL_SERVER_ERROR for a fault of the server, which is masked, and logged once with the request id', async () => {
    await using broken = await startApp();
    const caller = await broken.tenant();
    await caller.session();
    await broken.resources.pool.query('ALTER TABLE session RENAME COLUMN summary TO secret_column');
    const log = vi.spyOn(broken.app.services.log, 'error');
    const query = JSON.stringify({ query: '{ viewer { keyId } sessions(first: 1) { edges { node { summary } } } }' });
    const answer = await raw(query, { url: broken.url, headers: { authorization: `Bearer ${caller.key}`, 'x-request-id': 'the-request' } });
    expect(answer.headers.get('x-request-id')).toBe('the-request');
    expect(answer.text).not.toMatch(/secret_column|does not exist|prisma/i);
    expect(codesOf(answer.json())).toEqual(['INTERNAL_SERVER_ERROR']);
    expect(log.mock.calls.map(([fields]) => (fields as { requestId: string }).requestId)).toEqual(['the-request']);
  });
});

describe('limits: an operation is refused before it runs', () => {
  const nested = (depth: number) => `{ sessions(first: 1) { edges { node ${'{ parent '.repeat(depth)} { id } ${'}'.repeat(depth)} } } }`;
  it.each([
    ['nests too deep', nested(20), /depth/],
    ['could return too much', '{ sessions(first: 200) { edges { node { children(first: 200) { edges { node { events(first: 200) { edges { cursor } } } } } } } } }', /complexity/],
    ['has too many aliases', `{ ${Array.from({ length: 51 }, (_, n) => `a${n}: viewer { keyId }`).join(' ')} }`, /Aliases limit/],
    ['has too many tokens', `{ viewer { ${'keyId '.repeat(5_000)} } }`, /Token limit/],
    ['has too long an alias', `{ viewer { ${'a'.repeat(101)}: keyId } }`, /at most 100 characters, got one of 101/],
    ['asks for too large a page', '{ sessions(first: 1) { edges { node { events(first: 1000) { edges { cursor } } } } } }', /at most 200/],
  ])('that %s', async (_what, query, message) => {
    await tenant.session();
    const answer = await tenant.graphql(query);
    expect(codesOf(answer)?.[0]).toBe('BAD_USER_INPUT');
    expect(answer.errors![0]!.message).toMatch(message);
  });

  it('that records too many events at once, and then none is', async () => {
    const caller = await server.tenant();
    const sessionId = await caller.session();
    const input = Array.from({ length: 1_001 }, () => ({ toolCall: { sessionId, toolName: 't' } }));
    const record = 'mutation ($input: [EventInput!]!) { recordEvents(input: $input) { error { code } } }';
    expect(codesOf(await caller.graphql(record, { input }))).toEqual(['BAD_USER_INPUT']);
    expect(await caller.run('query ($id: ID!) { session(id: $id) { eventCount } }', { id: sessionId })).toEqual({ session: { eventCount: 0 } });
    expect(codesOf(await caller.graphql(record, { input: input.slice(1) }))).toBeUndefined();
  });

  it('whose body is larger than the server takes', async () => {
    await using small = await startApp({ MAX_BODY_BYTES: '2000' });
    const { key } = await small.tenant();
    const answer = await raw(JSON.stringify({ query: '{ viewer { keyId } }', variables: { pad: 'x'.repeat(3_000) } }), { url: small.url, headers: { authorization: `Bearer ${key}` } });
    expect(answer.status).toBe(413);
    expect(codesOf(answer.json())).toEqual(['TOO_LARGE']);
  });

  it('and everything that a page of the dashboard needs is within them', async () => {
    const sessionId = await tenant.session();
    await tenant.event(sessionId);
    const page = `{ sessions(first: 50) { pageInfo { hasNextPage endCursor } edges { cursor node {
      id name agentName status eventCount estimatedCost parent { id name } children(first: 10) { edges { node { id name } } }
      events(first: 10) { edges { node { id eventType createdAt ... on ToolCallEvent { toolName toolInput } } } } } } } }`;
    expect(codesOf(await tenant.graphql(page))).toBeUndefined();
  });
});

describe('introspection and GraphiQL', () => {
  const QUESTION = '{ __schema { queryType { name } } }';
  const page = (url: string) => fetch(`${url}/graphql`, { headers: { accept: 'text/html' } });

  it('are there where they are wanted; the page asks no other host for anything', async () => {
    expect(await tenant.run(QUESTION)).toEqual({ __schema: { queryType: { name: 'Query' } } });
    const response = await page(server.url);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toMatch(/^text\/html/);
    const html = await response.text();
    const tags = html.replace(/(<script\b[^>]*>)[\s\S]*?<\/script>/g, '$1').replace(/(<style\b[^>]*>)[\s\S]*?<\/style>/g, '$1');
    expect(tags).toMatch(/<html/);
    expect(tags.match(/\b(?:src|href|action)\s*=\s*["']?(?:https?:)?\/\/[^"'\s>]*/gi) ?? []).toEqual([]);
    expect(html.match(/(?:@import|url\()\s*["']?https?:\/\/[^"')]*/gi) ?? []).toEqual([]);
    expect(html.match(/\b(?:import|importScripts|new Worker)\s*\(\s*["'`]https?:\/\/[^"'`]*/g) ?? []).toEqual([]);
  });

  it('are absent where they are not', async () => {
    await using closed = await startApp({ GRAPHQL_INTROSPECTION: 'false' });
    const caller = await closed.tenant();
    expect(new Set(codesOf(await caller.graphql(QUESTION)))).toEqual(new Set(['BAD_USER_INPUT']));
    expect(await caller.run('{ __typename viewer { __typename keyId } }')).toMatchObject({ __typename: 'Query' });
    const response = await page(closed.url);
    expect(response.status).toBeGreaterThanOrEqual(400);
    expect(await response.text()).not.toMatch(/graphiql/i);
  });

  it('follow the flavour where nothing is said', async () => {
    await using plain = await startApp();
    const { errors } = await (await plain.tenant()).graphql(QUESTION);
    expect(errors === undefined).toBe(plain.resources.flavour === 'embedded');
  });
});
