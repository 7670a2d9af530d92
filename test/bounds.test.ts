import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApp } from './support/app.ts';
import type { TestApp } from './support/app.ts';
import { batch, event, many } from './support/batches.ts';
import { subscribe } from './support/live.ts';
import { statementsOf } from './support/queries.ts';
import type { GraphqlAnswer, Tenant } from './support/tenant.ts';

// P10, the reading side: no answer is larger than its bound, whatever is asked for; a client always gets on, and to all.

const BOUND = 300_000;
/** What an answer holds beside its payloads. */
const BESIDE = 100_000;
const HEAVY = 'x'.repeat(100_000);

let server: TestApp;
beforeAll(async () => {
  server = await startApp({ MAX_ANSWER_BYTES: String(BOUND), MAX_EVENT_BYTES: String(BOUND), MAX_SESSION_BYTES: String(BOUND) });
});
afterAll(() => server.close());

type Row = Record<string, unknown> & { id: string };
const sizeOf = (answer: unknown) => JSON.stringify(answer).length;
const numbered = (count: number) => Array.from({ length: count }, (_, n) => `n${String(n).padStart(2, '0')}`);

/** A session with so many events of 100 KB; their ids. */
async function heavyEvents(tenant: Tenant, sessionId: string, count: number): Promise<string[]> {
  const ids = numbered(count).map((id) => `${sessionId}-${id}`);
  for (const id of ids) await tenant.event(sessionId, { id, toolOutput: { text: HEAVY } });
  return ids;
}

/** Sessions with an input of 100 KB, in the order they began; their ids. */
async function heavySessions(tenant: Tenant, count: number, fields: Record<string, unknown> = {}): Promise<string[]> {
  const ids = numbered(count);
  for (const id of ids) await tenant.session({ id, userInput: { text: HEAVY }, ...fields });
  return ids;
}

describe('a page over REST ends early, with the cursor to go on from', () => {
  async function walk(tenant: Tenant, path: string, next: (page: Record<string, unknown>) => string | undefined): Promise<{ rows: Row[]; pages: number }> {
    const rows: Row[] = [];
    let cursor: string | undefined;
    for (let pages = 1; ; pages += 1) {
      const response = await fetch(`${tenant.url}${path}${cursor ?? ''}`, { headers: { authorization: `Bearer ${tenant.key}` } });
      const page = (await response.json()) as Record<string, unknown>;
      expect([response.status, sizeOf(page) < BOUND + BESIDE]).toEqual([200, true]);
      rows.push(...((page['events'] ?? page['sessions']) as Row[]));
      cursor = next(page);
      if (cursor === undefined) return { rows, pages };
      expect(pages).toBeLessThan(20);
    }
  }
  const parameter = (name: string, more: unknown, cursor: unknown) => (more === true ? `&${name}=${String(cursor)}` : undefined);

  it.each<[what: string, path: string, next: (page: Record<string, unknown>) => string | undefined]>([
    ['events', '/api/sdk/sessions/s/events?limit=500', (page) => parameter('after', page['hasMore'], page['nextCursor'])],
    ['events of the first API', '/v1/sessions/s/events?limit=500', (page) => parameter('after', page['has_more'], page['next_cursor'])],
  ])('of %s', async (_what, path, next) => {
    const tenant = await server.tenant();
    const ids = await heavyEvents(tenant, await tenant.session({ id: 's' }), 7);
    const { rows, pages } = await walk(tenant, path, next);
    expect(rows.map(({ id }) => id)).toEqual(ids);
    expect(rows.map((row) => row['toolOutput'] ?? row['tool_output'])).toEqual(ids.map(() => ({ text: HEAVY })));
    expect(pages).toBe(4);
  });

  it.each<[what: string, path: string, next: (page: Record<string, unknown>) => string | undefined]>([
    ['sessions', '/api/sdk/sessions?limit=100', (page) => parameter('cursor', page['hasMore'], page['nextCursor'])],
    ['sessions of the first API', '/v1/sessions?limit=100', (page) => parameter('cursor', page['has_more'], page['next_cursor'])],
  ])('of %s', async (_what, path, next) => {
    const tenant = await server.tenant();
    const ids = await heavySessions(tenant, 7);
    const { rows, pages } = await walk(tenant, path, next);
    expect(rows.map(({ id }) => id)).toEqual(ids.reverse());
    expect(rows.map((row) => row['userInput'] ?? row['user_input'])).toEqual(ids.map(() => ({ text: HEAVY })));
    expect(pages).toBe(4);
  });
});

type Connection = { edges: { cursor: string; node: Row }[]; pageInfo: { hasNextPage: boolean; hasPreviousPage: boolean; startCursor: string; endCursor: string } };
const PAGE_INFO = 'pageInfo { hasNextPage hasPreviousPage startCursor endCursor }';

describe('a connection ends early, with the cursor to go on from, forwards and backwards', () => {
  const shapes: [what: string, field: string, connection: (data: Record<string, unknown>) => Connection][] = [
    ['sessions', `sessions(PAGE, orderBy: { field: CREATED_AT, direction: ASC })`, (data) => data['sessions'] as Connection],
    ['sessions by a search', `sessions(PAGE, filter: { search: "run", parentSessionId: "top" }, orderBy: { field: CREATED_AT, direction: ASC })`, (data) => data['sessions'] as Connection],
    ['children', `session(id: "top") { children(PAGE)`, (data) => (data['session'] as { children: Connection }).children],
    ['sessions of a conversation', `conversation(convoId: "talk") { sessions(PAGE)`, (data) => (data['conversation'] as { sessions: Connection }).sessions],
    ['events', `session(id: "top") { events(PAGE)`, (data) => (data['session'] as { events: Connection }).events],
  ];

  it.each(shapes)('of %s', async (what, field, connectionOf) => {
    const tenant = await server.tenant();
    const ofEvents = what === 'events';
    if (what !== 'sessions') await tenant.session({ id: 'top' });
    const ids = ofEvents ? await heavyEvents(tenant, 'top', 7) : await heavySessions(tenant, 7, { convoId: 'talk', parentSessionId: 'top' });
    const payload = ofEvents ? '... on ToolCallEvent { payload: toolOutput }' : 'payload: userInput';
    const ask = async (page: string) => {
      const query = `{ ${field.replace('PAGE', page)} { ${PAGE_INFO} edges { cursor node { id ${payload} } } } ${field.startsWith('session(') || field.startsWith('conversation(') ? '}' : ''} }`;
      const data = await tenant.run(query);
      expect(sizeOf(data)).toBeLessThan(BOUND + BESIDE);
      return connectionOf(data);
    };
    const forwards: Row[] = [];
    for (let page = await ask('first: 200'); ; page = await ask(`first: 200, after: "${page.pageInfo.endCursor}"`)) {
      forwards.push(...page.edges.map(({ node }) => node));
      expect(page.edges.length).toBeGreaterThan(0);
      if (!page.pageInfo.hasNextPage) break;
    }
    const backwards: Row[] = [];
    for (let page = await ask('last: 200'); ; page = await ask(`last: 200, before: "${page.pageInfo.startCursor}"`)) {
      backwards.unshift(...page.edges.map(({ node }) => node));
      expect(page.edges.length).toBeGreaterThan(0);
      if (!page.pageInfo.hasPreviousPage) break;
    }
    expect(forwards).toEqual(ids.map((id) => ({ id, payload: { text: HEAVY } })));
    expect(backwards).toEqual(forwards);
  });

  it('and says of a page of none whether there is one', async () => {
    const tenant = await server.tenant();
    const ask = () => tenant.run<{ sessions: Connection }>(`{ sessions(first: 0) { ${PAGE_INFO} edges { node { userInput } } } }`);
    expect((await ask()).sessions).toMatchObject({ edges: [], pageInfo: { hasNextPage: false } });
    await heavySessions(tenant, 1);
    expect((await ask()).sessions).toMatchObject({ edges: [], pageInfo: { hasNextPage: true } });
  });
});

describe('the bound is that of the whole answer', () => {
  const MIDDLE = 'y'.repeat(20_000);

  it('where pages stand in pages: each holds an item, they end alike, and none is lost', async () => {
    const tenant = await server.tenant();
    const ids = numbered(8);
    for (const id of ids) {
      await tenant.session({ id });
      await batch(tenant, many(8, id, { toolOutput: MIDDLE }));
    }
    const answer = await tenant.graphql(`{ sessions(first: 50) { edges { node { id events(first: 100) { ${PAGE_INFO} edges { cursor node { id ... on ToolCallEvent { toolOutput } } } } } } } }`);
    expect(answer.errors).toBeUndefined();
    expect(sizeOf(answer)).toBeLessThan(BOUND + BESIDE);
    const sessions = (answer.data!['sessions'] as Connection).edges.map(({ node }) => node as Row & { events: Connection });
    expect(sessions.map(({ id }) => id)).toEqual(ids.reverse());
    const lengths = sessions.map(({ events }) => events.edges.length);
    expect([Math.min(...lengths), Math.max(...lengths)]).toEqual([1, 2]);
    for (const { id, events } of sessions) {
      expect(events.pageInfo.hasNextPage).toBe(true);
      const rest = await tenant.run<{ session: { events: Connection } }>('query ($id: ID!, $after: String) { session(id: $id) { events(first: 200, after: $after) { edges { node { id } } } } }', { id, after: events.pageInfo.endCursor });
      expect(events.edges.length + rest.session.events.edges.length).toBe(8);
    }
  });

  it('where what stands first on each page is too much: each still holds it, without its payload, which an error names', async () => {
    const tenant = await server.tenant();
    const ids = numbered(6);
    for (const id of ids) {
      await tenant.session({ id });
      await heavyEvents(tenant, id, 2);
    }
    const small = await tenant.session({ id: 'z' });
    await tenant.event(small, { id: 'light', toolOutput: 'small' });
    const answer = await tenant.graphql(`{ sessions(first: 50) { edges { node { id events(first: 100) { ${PAGE_INFO} edges { node { id ... on ToolCallEvent { toolOutput } } } } } } } }`);
    expect(sizeOf(answer)).toBeLessThan(BOUND + BESIDE);
    const pages = (answer.data!['sessions'] as Connection).edges.map(({ node }) => (node as Row & { events: Connection }).events);
    expect(pages.map(({ edges }) => edges.length)).toEqual(pages.map(() => 1));
    expect(pages.map(({ pageInfo }) => pageInfo.hasNextPage)).toEqual([false, ...ids.map(() => true)]);
    const given = pages.map(({ edges }) => edges[0]!.node['toolOutput']);
    expect(given.filter((payload) => payload === null)).toHaveLength(4);
    expect(given[0]).toBe('small');
    const absent = pages.flatMap(({ edges }, n) => (given[n] === null ? [{ n, id: edges[0]!.node.id }] : []));
    expect(answer.errors).toMatchObject(
      absent.map(({ n, id }) => ({ path: ['sessions', 'edges', n, 'node', 'events', 'edges', 0, 'node', 'toolOutput'], extensions: { code: 'TOO_LARGE' }, message: expect.stringContaining(`Event "${id}" is given without its payload: it takes 100,`) as string })),
    );
  });

  it('where the same is asked for under many names, or again and again', async () => {
    const tenant = await server.tenant();
    const sessionId = await tenant.session({ userInput: { text: HEAVY } });
    const [id] = await heavyEvents(tenant, sessionId, 1);
    await batch(tenant, many(40, sessionId));
    const aliases = Array.from({ length: 40 }, (_, n) => `a${n}: toolOutput`).join(' ');
    const named = await tenant.graphql(`{ event(id: "${id}") { ... on ToolCallEvent { ${aliases} } } }`);
    const again = await tenant.graphql(`{ session(id: "${sessionId}") { events(last: 40) { edges { node { session { id userInput } } } } } }`);
    const live = subscribe<Record<string, unknown>>(tenant, { query: `subscription { events(after: "0") { event { ... on ToolCallEvent { ${aliases} } } } }` });
    await live.received((data) => data.length === 41);
    await live.stop();
    for (const answer of [named, again, live.results[0]!] as GraphqlAnswer[]) {
      expect(sizeOf(answer)).toBeLessThan(BOUND + 1024 * 1024 + BESIDE);
      expect(new Set(answer.errors!.map(({ extensions }) => extensions.code))).toEqual(new Set(['TOO_LARGE']));
      expect(answer.errors!.length).toBeGreaterThan(20);
      expect(answer.errors!.length).toBeLessThan(40);
      expect(JSON.stringify(answer.data)).toContain(HEAVY);
    }
  });

  it('where single events are asked for, and what there is no room for can be asked for alone', async () => {
    const tenant = await server.tenant();
    const ids = await heavyEvents(tenant, await tenant.session(), 6);
    const answer = await tenant.graphql(`{ ${ids.map((id, n) => `e${n}: event(id: "${id}") { id ... on ToolCallEvent { toolOutput } }`).join(' ')} }`);
    expect(answer.errors).toHaveLength(4);
    for (const { path } of answer.errors!) {
      const { id } = answer.data![String(path![0])] as Row;
      expect(await tenant.run('query ($id: ID!) { event(id: $id) { ... on ToolCallEvent { toolOutput } } }', { id })).toEqual({ event: { toolOutput: { text: HEAVY } } });
    }
  });

  it('where tools or models have long names: their first 500 characters tell them apart', async () => {
    const tenant = await server.tenant();
    const sessionId = await tenant.session();
    for (const name of ['a', 'b', 'b'].map((letter) => letter.repeat(200_000))) await batch(tenant, [event(sessionId, { toolName: name }), { sessionId, eventType: 'llm_call', model: name }]);
    const answer = await tenant.run<Record<'toolStats' | 'modelStats', { name: string; calls: number }[]>>('{ toolStats { name: toolName calls } modelStats(first: 5) { name: model calls buckets { start } } }');
    for (const stats of [answer.toolStats, answer.modelStats]) expect(stats).toMatchObject([{ name: 'b'.repeat(500), calls: 2 }, { name: 'a'.repeat(500), calls: 1 }]);
  });

  it('and a list that asks for no payload never ends early, nor reads one', async () => {
    const tenant = await server.tenant();
    await heavySessions(tenant, 8, { id: undefined });
    const [first] = await heavySessions(tenant, 8);
    await heavyEvents(tenant, first!, 8);
    const statements = await statementsOf(server.resources.pool, async () => {
      const { sessions } = await tenant.run<{ sessions: Connection }>(`{ sessions(first: 200) { ${PAGE_INFO} edges { node { id name agentName status estimatedCost } } } }`);
      expect([sessions.edges.length, sessions.pageInfo.hasNextPage]).toEqual([16, false]);
      const { session } = await tenant.run<{ session: { events: Connection } }>(`{ session(id: "${first}") { events(first: 200) { ${PAGE_INFO} edges { node { id durationMs ... on ToolCallEvent { toolName status } } } } } }`);
      expect([session.events.edges.length, session.events.pageInfo.hasNextPage]).toEqual([8, false]);
    });
    for (const payload of ['user_input', 'tool_output', 'metadata']) expect(statements.map(({ text }) => text).join()).not.toContain(payload);
  });
});

describe('the answer to a write never fails for its size', () => {
  it('a batch of events is stored whole, and what there is no room for is null, with an error', async () => {
    const tenant = await server.tenant();
    const sessionId = await tenant.session();
    const input = Array.from({ length: 20 }, (_, n) => ({ toolCall: { id: `w${n}`, sessionId, toolName: 't', toolInput: { text: HEAVY } } }));
    const answer = await tenant.graphql('mutation ($input: [EventInput!]!) { recordEvents(input: $input) { duplicate error { code } event { id ... on ToolCallEvent { toolInput } } } }', { input });
    const results = answer.data!['recordEvents'] as { error: unknown; event: Row }[];
    expect(results.map(({ error, event }) => [error, event.id])).toEqual(input.map(({ toolCall }) => [null, toolCall.id]));
    expect(sizeOf(answer)).toBeLessThan(BOUND + 1024 * 1024 + BESIDE);
    const absent = results.flatMap(({ event }, n) => (event['toolInput'] === null ? [n] : []));
    expect(absent.length).toBeGreaterThan(5);
    expect(answer.errors).toMatchObject(absent.map((n) => ({ path: ['recordEvents', n, 'event', 'toolInput'], extensions: { code: 'TOO_LARGE' } })));
    const { rows } = await server.resources.pool.query('SELECT count(*)::int AS stored FROM event WHERE project_id = $1 AND octet_length(tool_input::text) > 100000', [tenant.projectId]);
    expect(rows).toEqual([{ stored: 20 }]);
  });

  it('nor does that to one session written under many names', async () => {
    const tenant = await server.tenant();
    const sessionId = await tenant.session();
    const aliases = Array.from({ length: 40 }, (_, n) => `a${n}: userInput`).join(' ');
    const answer = await tenant.graphql(`mutation ($input: UpdateSessionInput!) { updateSession(input: $input) { id status ${aliases} } }`, { input: { id: sessionId, status: 'COMPLETED', userInput: { text: HEAVY } } });
    expect(answer.data!['updateSession']).toMatchObject({ id: sessionId, status: 'COMPLETED', a0: { text: HEAVY }, a39: null });
    expect(sizeOf(answer)).toBeLessThan(BOUND + 1024 * 1024 + BESIDE);
    expect((await tenant.rest('GET', `/sessions/${sessionId}`)).body).toMatchObject({ status: 'completed', userInput: { text: HEAVY } });
  });
});

describe('live', () => {
  it('sessions are read a bounded part at a time, and only the columns asked for', async () => {
    const tenant = await server.tenant();
    const ids = await heavySessions(tenant, 25);
    const statements = await statementsOf(server.resources.pool, async () => {
      await using heavy = subscribe<{ sessionUpdates: { session: Row } }>(tenant, { query: 'subscription { sessionUpdates(after: "0") { session { id userInput } } }' });
      const data = await heavy.received((data) => data.length === 25);
      expect(data.map(({ sessionUpdates }) => sessionUpdates.session)).toEqual(ids.map((id) => ({ id, userInput: { text: HEAVY } })));
    });
    const reads = statements.filter(({ text }) => /s\.position > /.test(text));
    expect(reads.length).toBeGreaterThanOrEqual(3);
    const narrow = await statementsOf(server.resources.pool, async () => {
      await using light = subscribe<{ sessionUpdates: { session: Row } }>(tenant, { query: 'subscription { sessionUpdates(after: "0") { session { id status } } }' });
      await light.received((data) => data.length === 25);
    });
    expect(narrow.map(({ text }) => text).join()).not.toContain('user_input');
  });

  it('and in a replay a large event does not wait for small ones, nor they for it', async () => {
    const tenant = await server.tenant();
    const sessionId = await tenant.session();
    const ids = [];
    for (let round = 0; round < 5; round += 1) {
      ids.push(...(await batch(tenant, many(20, sessionId))), ...(await batch(tenant, [event(sessionId, { toolOutput: HEAVY.repeat(2) })])));
    }
    await using replay = subscribe<{ events: { event: Row } }>(tenant, { query: 'subscription { events(after: "0") { event { id ... on ToolCallEvent { toolOutput } } } }' });
    const data = await replay.received((data) => data.length === ids.length);
    expect(data.map(({ events }) => events.event.id)).toEqual(ids);
    expect(data.filter(({ events }) => events.event['toolOutput'] === HEAVY.repeat(2))).toHaveLength(5);
  });
});
