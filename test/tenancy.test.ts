import type { GraphQLFieldMap } from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PERMISSIONS } from '../src/auth/caller.ts';
import type { Permission } from '../src/auth/caller.ts';
import { schema } from '../src/graphql/schema.ts';
import { startApp } from './support/app.ts';
import type { TestApp } from './support/app.ts';
import { subscribe, whenSubscribers } from './support/live.ts';
import { selectAll } from './support/select-all.ts';
import type { GraphqlAnswer, Tenant } from './support/tenant.ts';

// P7: a key sees its own project only, whatever id, cursor or header it sends; and does only what its scopes say.

let server: TestApp;
beforeAll(async () => {
  server = await startApp();
});
afterAll(() => server.close());

type Fields = Record<string, unknown>;

/** Ids that the owner chose, and that a stranger knows. */
const SESSION = 'sess_known';
const CHILD = 'sess_child_known';
const EVENT = 'evt_known';
const CONVO = 'convo-known';

/** A project with a bit of everything; whatever is worth keeping to itself holds `secret`. */
type Owner = Tenant & { secret: string };

async function ownerOfEverything(): Promise<Owner> {
  const owner = await server.tenant();
  const secret = `secret-${crypto.randomUUID()}`;
  const about = { name: secret, agentName: `agent ${secret}`, userId: `user ${secret}`, metadata: { secret }, userInput: secret };
  await owner.session({ id: SESSION, convoId: CONVO, ...about });
  await owner.session({ id: CHILD, parentSessionId: SESSION, ...about });
  await owner.event(SESSION, { id: EVENT, toolName: `tool ${secret}`, toolOutput: secret, durationMs: 5 });
  await owner.event(SESSION, { eventType: 'llm_call', model: `model ${secret}`, response: secret, totalTokens: 7 });
  await owner.event(SESSION, { eventType: 'error', errorMessage: secret });
  await owner.event(SESSION, { eventType: 'llm_decision', reasoning: secret });
  await owner.event(SESSION, { eventType: 'state_change', stateAfter: secret });
  await owner.rest('PATCH', `/sessions/${SESSION}`, { success: false, failureReason: secret, assistantOutput: secret, customMetrics: { [secret]: 1 } });
  return { ...owner, secret };
}

/** Everything of a project, as its tables have it. */
async function contents({ projectId }: Tenant): Promise<Record<'sessions' | 'events' | 'keys' | 'updates', Fields[]>> {
  const read = async (table: string) => (await server.app.services.pool.query<Fields>(`SELECT * FROM ${table} WHERE project_id = $1 ORDER BY 1, 2, 3`, [projectId])).rows;
  return { sessions: await read('session'), events: await read('event'), keys: await read('api_key'), updates: await read('session_update') };
}

/** What only the owner may read: none of it may stand in an answer to a stranger. */
function expectNothingOf(owner: Owner, answer: unknown): void {
  const text = JSON.stringify(answer);
  for (const own of [owner.secret, owner.projectId, owner.keyId, owner.key]) expect(text).not.toContain(own);
}

const RANGE = '{ from: "2020-01-01T00:00:00Z", to: "2020-12-31T00:00:00Z" }';
const now = () => `{ from: "${new Date(Date.now() - 3_600_000).toISOString()}", to: "${new Date(Date.now() + 3_600_000).toISOString()}" }`;

type Case = {
  /** Arguments with which the owner finds something. */
  args: string | (() => string);
  /** The scope that it needs; none: any key may. */
  scope: Permission | undefined;
  /** The code of the answer to a stranger; without one: an answer without anything of the owner. */
  code?: string;
  /** Further arguments to try. */
  also?: string[];
};

const QUERIES: { readonly [field: string]: Case } = {
  viewer: { args: '', scope: undefined },
  apiKeys: { args: '', scope: 'admin' },
  session: { args: `(id: "${SESSION}")`, scope: 'read', code: 'NOT_FOUND', also: [`(id: "${CHILD}")`] },
  event: { args: `(id: "${EVENT}")`, scope: 'read', code: 'NOT_FOUND' },
  sessions: {
    args: '',
    scope: 'read',
    also: [`(filter: { convoId: "${CONVO}" })`, `(filter: { parentSessionId: "${SESSION}" })`, '(orderBy: { field: LAST_CHANGE, direction: ASC }, after: "WyIwIiwiIl0")', '(last: 10)'],
  },
  conversation: { args: `(convoId: "${CONVO}")`, scope: 'read', code: 'NOT_FOUND' },
  conversations: { args: '', scope: 'read', also: ['(last: 10)'] },
  agents: { args: '', scope: 'read', also: ['(last: 10)'] },
  users: { args: '', scope: 'read', also: ['(last: 10)'] },
  metrics: { args: () => `(range: ${now()}, interval: HOUR, groupBy: AGENT)`, scope: 'read', also: [`(range: ${RANGE}, interval: DAY)`] },
  toolStats: { args: '', scope: 'read' },
  modelStats: { args: '', scope: 'read' },
};

type Mutation = Omit<Case, 'args'> & { input: (owner: Owner) => string };

const about = 'name: "n", agentName: "a", userId: "u"';
const track = (fields: string): Mutation => ({ input: () => `{ sessionId: "${SESSION}", id: "evt_new", parentEventId: "${EVENT}", ${fields} }`, scope: 'events:write', code: 'NOT_FOUND' });

const MUTATIONS: { readonly [field: string]: Mutation } = {
  // Ids are a project's own: the same id is free in another one.
  createSession: { input: () => `{ id: "${SESSION}", parentSessionId: "${CHILD}", convoId: "${CONVO}", ${about} }`, scope: 'sessions:write' },
  updateSession: { input: () => `{ id: "${SESSION}", name: "taken over" }`, scope: 'sessions:write', code: 'NOT_FOUND' },
  completeSession: { input: () => `{ id: "${SESSION}", success: true }`, scope: 'sessions:write', code: 'NOT_FOUND' },
  deleteSession: { input: () => `{ id: "${SESSION}" }`, scope: 'admin', code: 'NOT_FOUND' },
  trackToolCall: track('toolName: "t"'),
  trackDecision: track('reasoning: "r"'),
  trackLlmCall: track('model: "m"'),
  trackStateChange: track('stateAfter: 1'),
  trackError: track('errorMessage: "m"'),
  recordEvents: { input: () => `[{ toolCall: { sessionId: "${SESSION}", id: "evt_new", toolName: "t" } }]`, scope: 'events:write' },
  createApiKey: { input: () => '{ name: "mine", scopes: [READ] }', scope: 'admin' },
  revokeApiKey: { input: ({ keyId }) => `{ id: "${keyId}" }`, scope: 'admin', code: 'NOT_FOUND' },
};

const SUBSCRIPTIONS: { readonly [field: string]: { args: string[]; scope: Permission } } = {
  events: { args: ['', '(after: "0")', `(after: "0", sessionId: "${SESSION}")`, '(after: "0", types: [TOOL_CALL, ERROR])'], scope: 'read' },
  sessionUpdates: { args: ['', '(after: "0")', `(after: "0", filter: { convoId: "${CONVO}" })`, '(after: "0", filter: { statuses: [ACTIVE, FAILED] })'], scope: 'read' },
};

/** REST routes by method and path; what OpenAPI does not list, because only older SDKs ask for it, is marked. */
const ROUTES: { readonly [route: string]: { path: string; body?: Fields; status: number; scope: Permission | undefined; legacy?: true } } = {
  'POST /api/sdk/sessions': { path: '/sessions', body: { id: SESSION, name: 'n', agentName: 'a', userId: 'u', parentSessionId: CHILD, convoId: CONVO }, status: 200, scope: 'sessions:write' },
  'GET /api/sdk/sessions': { path: `/sessions?convoId=${CONVO}`, status: 200, scope: 'read' },
  'GET /api/sdk/sessions/{id}': { path: `/sessions/${SESSION}`, status: 404, scope: 'read' },
  'PATCH /api/sdk/sessions/{id}': { path: `/sessions/${SESSION}`, body: { name: 'taken over' }, status: 404, scope: 'sessions:write' },
  'GET /api/sdk/sessions/{id}/events': { path: `/sessions/${SESSION}/events`, status: 404, scope: 'read' },
  'POST /api/sdk/events': { path: '/events', body: { sessionId: SESSION, eventType: 'error', parentEventId: EVENT }, status: 404, scope: 'events:write' },
  'POST /api/sdk/events/batch': { path: '/events/batch', body: { events: [{ sessionId: SESSION, eventType: 'error' }] }, status: 200, scope: 'events:write' },
  'GET /api/sdk/policies': { path: '/policies', status: 200, scope: 'read', legacy: true },
  'GET /api/sdk/sessions/{id}/overrides': { path: `/sessions/${SESSION}/overrides`, status: 200, scope: 'read', legacy: true },
  'GET /api/sdk/promoted-overrides': { path: '/promoted-overrides', status: 200, scope: 'read', legacy: true },
  'GET /api/sdk/workflow-version': { path: '/workflow-version', status: 404, scope: 'read', legacy: true },
  'GET /api/sdk/pii-config': { path: '/pii-config', status: 200, scope: undefined, legacy: true },
};

const namesOf = (type: { getFields(): GraphQLFieldMap<unknown, unknown> } | null | undefined) => Object.keys(type?.getFields() ?? {}).sort();

describe('the cases below', () => {
  it('are all that the schema has', () => {
    expect(Object.keys(QUERIES).sort()).toEqual(namesOf(schema.getQueryType()));
    expect(Object.keys(MUTATIONS).sort()).toEqual(namesOf(schema.getMutationType()));
    expect(Object.keys(SUBSCRIPTIONS).sort()).toEqual(namesOf(schema.getSubscriptionType()));
  });

  it('are all the routes that OpenAPI has', async () => {
    const { paths } = (await (await fetch(`${server.url}/openapi.json`)).json()) as { paths: Record<string, Fields> };
    const listed = Object.entries(paths).flatMap(([path, methods]) => Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`));
    expect(Object.keys(ROUTES).filter((route) => !ROUTES[route]!.legacy).sort()).toEqual(listed.sort());
  });
});

const queryOf = (field: string, args: string) => `{ ${field}${args} ${selectAll(schema, schema.getQueryType()!.getFields()[field]!.type, 4)} }`;
const mutationOf = (field: string, input: string) => `mutation { ${field}(input: ${input}) ${selectAll(schema, schema.getMutationType()!.getFields()[field]!.type, 2)} }`;
const argsOf = ({ args }: Case) => (typeof args === 'string' ? args : args());

describe.each(Object.entries(QUERIES))('the query %s', (field, given) => {
  it('finds for its owner what it hides from a stranger', async () => {
    const owner = await ownerOfEverything();
    const mine = await owner.graphql(queryOf(field, argsOf(given)));
    expect(mine.errors).toBeUndefined();
    expect([owner.secret, owner.keyId].some((own) => JSON.stringify(mine).includes(own))).toBe(true);

    const stranger = await server.tenant();
    for (const args of [argsOf(given), ...(given.also ?? [])]) {
      const answer = await stranger.graphql(queryOf(field, args));
      expectNothingOf(owner, answer);
      expect(answer.errors?.[0]?.extensions.code).toBe(given.code);
    }
  });

  it('hides from a stranger what hangs on objects of the same ids', async () => {
    const owner = await ownerOfEverything();
    const stranger = await server.tenant();
    await stranger.session({ id: SESSION, convoId: CONVO, parentSessionId: CHILD });
    await stranger.session({ id: 'sess_own_child', parentSessionId: SESSION });
    await stranger.event(SESSION, { id: EVENT, parentEventId: EVENT });
    for (const args of [argsOf(given), ...(given.also ?? [])]) {
      const answer = await stranger.graphql(queryOf(field, args));
      expectNothingOf(owner, answer);
      if (!args.includes(CHILD)) expect(answer.errors).toBeUndefined();
    }
  });
});

describe.each(Object.entries(MUTATIONS))('the mutation %s', (field, { input, code }) => {
  it('does nothing to what is not its own', async () => {
    const owner = await ownerOfEverything();
    const stranger = await server.tenant();
    const before = await contents(owner);
    const answer = await stranger.graphql(mutationOf(field, input(owner)), {}, { 'idempotency-key': 'known' });
    if (code !== undefined) expect(answer.errors?.[0]?.extensions.code).toBe(code);
    expect(JSON.stringify(answer)).not.toContain(owner.secret);
    expect(JSON.stringify(answer)).not.toContain(owner.projectId);
    expect(await contents(owner)).toEqual(before);
    expect((await contents(stranger)).events).toEqual([]);
  });

  it('is refused without a key', async () => {
    const owner = await ownerOfEverything();
    const before = await contents(owner);
    const answer = await owner.graphql(mutationOf(field, input(owner)), {}, { authorization: '' });
    expect(answer).toMatchObject({ status: 401, errors: [{ message: 'Invalid or missing API key', extensions: { code: 'UNAUTHENTICATED' } }] });
    expect(await contents(owner)).toEqual(before);
  });
});

describe.each(Object.entries(ROUTES))('the route %s', (route, { path, body, status }) => {
  const method = route.split(' ')[0]!;

  it('shows a stranger nothing and does nothing to what is not its own', async () => {
    const owner = await ownerOfEverything();
    const stranger = await server.tenant();
    const before = await contents(owner);
    const answer = await stranger.rest(method, path, body, { 'idempotency-key': 'known' });
    expect(answer.status).toBe(status);
    expectNothingOf(owner, answer.body);
    expect(await contents(owner)).toEqual(before);
    expect((await contents(stranger)).events).toEqual([]);
    const anonymous = await stranger.rest(method, path, body, { authorization: '' });
    expect([anonymous.status, anonymous.body]).toEqual([401, { error: 'Unauthorized', message: 'Invalid or missing API key' }]);
  });
});

describe.each(Object.entries(SUBSCRIPTIONS))('the subscription %s', (field, { args }) => {
  it.each(args)(`with ${field}%s delivers to each project its own`, async (given) => {
    const owner = await ownerOfEverything();
    const stranger = await server.tenant();
    await stranger.session({ id: SESSION, convoId: CONVO });
    const query = `subscription { ${field}${given} ${selectAll(schema, schema.getSubscriptionType()!.getFields()[field]!.type, 3)} }`;
    for (const door of ['ws', 'sse'] as const) {
      await using live = subscribe<Fields>(stranger, { query }, door);
      await whenSubscribers(server, 1);
      await owner.event(SESSION, { toolOutput: owner.secret });
      await owner.rest('PATCH', `/sessions/${SESSION}`, { summary: owner.secret });
      const last = `last through ${door}`;
      await stranger.event(SESSION, { toolOutput: last });
      await stranger.rest('PATCH', `/sessions/${SESSION}`, { summary: last });
      const data = await live.received((got) => JSON.stringify(got).includes(last));
      expectNothingOf(owner, data);
    }
    await whenSubscribers(server, 0);
  });
});

describe('cursors and keys of another project', () => {
  it('lead a stranger through its own sessions only', async () => {
    const owner = await ownerOfEverything();
    const stranger = await server.tenant();
    const own = await stranger.session();
    const list = (await owner.rest('GET', '/sessions?limit=1')).body;
    const { sessions } = await owner.run<{ sessions: { pageInfo: { endCursor: string } } }>('{ sessions(first: 1, orderBy: { field: LAST_CHANGE }) { pageInfo { endCursor } } }');
    for (const answer of [
      await stranger.rest('GET', `/sessions?cursor=${String(list['nextCursor'])}`),
      await stranger.rest('GET', '/sessions'),
      await stranger.graphql('query ($after: String) { sessions(after: $after, orderBy: { field: LAST_CHANGE }) { edges { node { id name } } } }', { after: sessions.pageInfo.endCursor }),
      await stranger.graphql('query ($before: String) { sessions(last: 10, before: $before, orderBy: { field: LAST_CHANGE }) { edges { node { id name } } } }', { before: sessions.pageInfo.endCursor }),
    ]) {
      expectNothingOf(owner, answer);
    }
    expect((await stranger.rest('GET', '/sessions')).body['sessions']).toMatchObject([{ id: own }]);
  });

  it('do not make two projects one: the same ids and Idempotency-Keys are each its own', async () => {
    const [one, other] = [await server.tenant(), await server.tenant()];
    const headers = { 'idempotency-key': 'same key' };
    for (const tenant of [one, other]) {
      await tenant.session({ id: SESSION });
      const mine = { metadata: { of: tenant.projectId } };
      const keyed = await tenant.rest('POST', '/sessions', { name: 'n', agentName: 'a', userId: 'u', ...mine }, headers);
      const event = await tenant.rest('POST', '/events', { sessionId: SESSION, eventType: 'error', ...mine }, headers);
      const named = await tenant.rest('POST', '/events', { id: EVENT, sessionId: SESSION, eventType: 'error', ...mine });
      const updated = await tenant.rest('PATCH', `/sessions/${SESSION}`, mine, headers);
      expect([keyed, event, named, updated].map(({ status }) => status)).toEqual([200, 200, 200, 200]);
      expect(updated.body['metadata']).toEqual({ of: tenant.projectId });
    }
    for (const tenant of [one, other]) {
      const { sessions, events } = await contents(tenant);
      expect([sessions.length, events.length]).toEqual([2, 2]);
      for (const row of [...sessions, ...events]) expect(row['metadata']).toEqual({ of: tenant.projectId });
    }
  });

  it('of one socket are not those of another, though both ask the same', async () => {
    const [one, other] = [await server.tenant(), await server.tenant()];
    const query = 'subscription { events(after: "0") { event { id metadata } } }';
    for (const tenant of [one, other]) await tenant.session({ id: SESSION });
    await using first = subscribe<{ events: { event: { metadata: unknown } } }>(one, { query });
    await using second = subscribe<{ events: { event: { metadata: unknown } } }>(other, { query });
    await whenSubscribers(server, 2);
    for (let n = 0; n < 5; n++) for (const tenant of [one, other]) await tenant.event(SESSION, { id: `e${n}`, metadata: { of: tenant.projectId } });
    for (const [tenant, live] of [[one, first], [other, second]] as const) {
      const data = await live.received((got) => got.length === 5);
      expect(data.map(({ events }) => events.event.metadata)).toEqual(Array(5).fill({ of: tenant.projectId }));
    }
  });
});

describe.each(PERMISSIONS)('a key with the scope %s alone', (scope) => {
  const may = (needed: Permission | undefined) => needed === undefined || needed === scope || scope === 'admin';
  const isForbidden = (answer: GraphqlAnswer) => answer.errors?.some((error) => error.extensions.code === 'FORBIDDEN') ?? false;

  it.each(Object.entries(QUERIES))('may query %s where its scope says so', async (field, given) => {
    const owner = await ownerOfEverything();
    const key = await owner.anotherKey({ scopes: [scope] });
    const { type } = schema.getQueryType()!.getFields()[field]!;
    const answer = await key.graphql(`{ ${field}${argsOf(given)} ${selectAll(schema, type, 1) || ''} }`);
    expect(isForbidden(answer)).toBe(!may(given.scope));
    expect(answer.errors === undefined).toBe(may(given.scope));
  });

  it.each(Object.entries(MUTATIONS).filter(([field]) => field !== 'createSession'))('may do %s where its scope says so', async (field, { input, scope: needed }) => {
    const owner = await ownerOfEverything();
    const key = await owner.anotherKey({ scopes: [scope] });
    const before = await contents(owner);
    const answer = await key.graphql(`mutation { ${field}(input: ${input(owner)}) { __typename } }`);
    expect(isForbidden(answer)).toBe(!may(needed));
    expect(answer.errors === undefined).toBe(may(needed));
    if (!may(needed)) expect(await contents(owner)).toEqual(before);
  });

  it('may do createSession where its scope says so', async () => {
    const key = await server.tenant({ scopes: [scope] });
    const answer = await key.graphql(`mutation { createSession(input: { ${about} }) { __typename } }`);
    expect(isForbidden(answer)).toBe(!may('sessions:write'));
  });

  it.each(Object.entries(ROUTES))('may use %s where its scope says so', async (route, { path, body, scope: needed }) => {
    const key = await server.tenant({ scopes: [scope] });
    const { status } = await key.rest(route.split(' ')[0]!, path, body);
    expect(status === 403).toBe(!may(needed));
  });

  it.each(Object.entries(SUBSCRIPTIONS))('may subscribe to %s where its scope says so', async (field, { scope: needed }) => {
    const owner = await server.tenant();
    await owner.event(await owner.session());
    const key = await owner.anotherKey({ scopes: [scope] });
    for (const door of ['ws', 'sse'] as const) {
      await using live = subscribe<Fields>(key, { query: `subscription { ${field}(after: "0") { cursor } }` }, door);
      if (may(needed)) await live.received((data) => data.length > 0);
      else {
        const reason = await live.ended;
        expect(JSON.stringify([live.results, reason])).toContain('"code":"FORBIDDEN"');
        expect(live.data).toEqual([]);
      }
    }
  });
});
