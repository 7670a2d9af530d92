import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { startApp } from './support/app.ts';
import type { TestApp } from './support/app.ts';
import { subscribe } from './support/live.ts';
import type { GraphqlAnswer, Tenant } from './support/tenant.ts';
import { damageNewestEvent, insertEvent } from './support/unreadable.ts';

// P10: a row that cannot be had costs nobody another one. Every read goes past it, and names it.

let server: TestApp;
beforeAll(async () => {
  server = await startApp();
});
afterAll(() => server.close());

type Row = Record<string, unknown> & { id: string };
const EVENT = 'id cursor sessionId eventType createdAt ... on ToolCallEvent { toolName toolInput }';
const TOO_LARGE = { extensions: { code: 'TOO_LARGE' } };

/** Three events of a session, of which the second cannot be had; and what errors say of it. */
async function threeEvents(tenant: Tenant, spoil: (sessionId: string) => Promise<string>): Promise<{ sessionId: string; said: string }> {
  const sessionId = await tenant.session({ id: 'run' });
  await tenant.event(sessionId, { id: 'before', toolInput: { n: 1 } });
  const said = await spoil(sessionId);
  await tenant.event(sessionId, { id: 'after', toolInput: { n: 3 } });
  return { sessionId, said };
}

const LARGEST = 2_147_483_647;

describe.each<[what: string, spoil: (tenant: Tenant, sessionId: string) => Promise<string>]>([
  [
    'an event of which the database would print more than anybody can hold',
    async (tenant, sessionId) => {
      // As text 800 MB (PGlite: 124), stored in a few: from before numbers of so many digits were kept as text.
      const count = inject('flavour') === 'production' ? 2_600_000 : 400_000;
      await insertEvent(server, tenant, { id: 'poison', sessionId, toolInput: `jsonb_agg(1e308::numeric) FROM generate_series(1, ${count})`, bytes: LARGEST });
      return 'Event "poison" is given without its payload: it takes 2,147,483,647 bytes, and this answer has room for 16,777,216 (MAX_ANSWER_BYTES). Ask for it alone, or for fewer fields';
    },
  ],
  [
    'an event that is damaged',
    async (tenant, sessionId) => {
      const noise = "to_jsonb(string_agg(md5(n::text), '')) FROM generate_series(1, 2000) n";
      await insertEvent(server, tenant, { id: 'poison', sessionId, toolInput: noise, bytes: 64_000 });
      await damageNewestEvent(server, tenant);
      return 'Event "poison" is given without its payload: the database could not read it';
    },
  ],
])('%s', (_what, spoil) => {
  let tenant: Tenant;
  let sessionId: string;
  let said: string;
  beforeAll(async () => {
    tenant = await server.tenant();
    ({ sessionId, said } = await threeEvents(tenant, (id) => spoil(tenant, id)));
  });

  it('stands on its page over REST without its payload, with an error of its own, between its neighbours', async () => {
    const rows: Row[] = [];
    let after = '';
    for (;;) {
      const page = await tenant.rest('GET', `/sessions/${sessionId}/events?${after}`);
      expect(page.status).toBe(200);
      rows.push(...(page.body['events'] as Row[]));
      if (page.body['hasMore'] !== true) break;
      after = `after=${String(page.body['nextCursor'])}`;
    }
    expect(rows).toMatchObject([
      { id: 'before', toolInput: { n: 1 } },
      { id: 'poison', sessionId, eventType: 'tool_call', toolName: 'poison', createdAt: expect.any(String) as string, cursor: '3', error: 'Payload Too Large', message: said },
      { id: 'after', toolInput: { n: 3 } },
    ]);
    expect(rows[1]).not.toHaveProperty('toolInput');
  });

  it('is null where its payload is asked for in a query, with an error that names it, and is had without', async () => {
    expect(await tenant.run('{ event(id: "poison") { id cursor ... on ToolCallEvent { toolName } } }')).toEqual({ event: { id: 'poison', cursor: '3', toolName: 'poison' } });
    const alone = await tenant.graphql(`{ event(id: "poison") { ${EVENT} } }`);
    expect(alone).toMatchObject({ data: { event: { id: 'poison', toolName: 'poison', toolInput: null } }, errors: [{ ...TOO_LARGE, message: said, path: ['event', 'toolInput'] }] });
    const events: Row[] = [];
    let after: string | null = null;
    for (;;) {
      const answer: GraphqlAnswer = await tenant.graphql(`query ($id: ID!, $after: String) { session(id: $id) { events(after: $after) { pageInfo { hasNextPage endCursor } edges { node { ${EVENT} } } } } }`, { id: sessionId, after });
      const page = (answer.data!['session'] as { events: { pageInfo: { hasNextPage: boolean; endCursor: string }; edges: { node: Row }[] } }).events;
      events.push(...page.edges.map(({ node }) => node));
      const spoiled = page.edges.findIndex(({ node }) => node.id === 'poison');
      expect(answer.errors ?? []).toMatchObject(spoiled < 0 ? [] : [{ ...TOO_LARGE, message: said, path: ['session', 'events', 'edges', spoiled, 'node', 'toolInput'] }]);
      if (!page.pageInfo.hasNextPage) break;
      after = page.pageInfo.endCursor;
    }
    expect(events.map(({ id, toolInput }) => [id, toolInput])).toEqual([['before', { n: 1 }], ['poison', null], ['after', { n: 3 }]]);
  });

  it.each(['ws', 'sse'] as const)('is delivered in a replay (%s) without its payload, with an error that names it, and the stream goes on live', async (door) => {
    const last = `live-${door}`;
    await using replay = subscribe<{ events: { cursor: string; event: Row } }>(tenant, { query: `subscription { events(after: "0") { cursor event { ${EVENT} } } }` }, door);
    await replay.received((data) => data.some(({ events }) => events.event.id === 'after'));
    await tenant.event(sessionId, { id: last, toolInput: { n: 4 } });
    await replay.received((data) => data.some(({ events }) => events.event.id === last));
    const results = replay.results.filter(({ data }) => ['before', 'poison', 'after', last].includes(data!.events.event.id));
    expect(results.map(({ data }) => [data!.events.event.id, data!.events.event['toolInput']])).toEqual([['before', { n: 1 }], ['poison', null], ['after', { n: 3 }], [last, { n: 4 }]]);
    expect(replay.results.flatMap(({ errors }) => errors ?? [])).toMatchObject([{ ...TOO_LARGE, message: said, path: ['events', 'event', 'toolInput'] }]);
  });

  it('goes with its session', async () => {
    const own = await server.tenant();
    await threeEvents(own, (id) => spoil(own, id));
    expect(await own.run('mutation { deleteSession(input: { id: "run" }) { id } }')).toEqual({ deleteSession: { id: 'run' } });
    expect((await server.resources.pool.query('SELECT 1 FROM event WHERE project_id = $1', [own.projectId])).rowCount).toBe(0);
  });
});

describe('a session that is heavier than may be read', () => {
  const said = 'Session "heavy" is given without its payload: it takes 2,147,483,647 bytes, and this answer has room for 16,777,216 (MAX_ANSWER_BYTES). Ask for it alone, or for fewer fields';

  /** Three sessions; how heavy the second is says its row, so that nothing of this size has to be made. */
  async function threeSessions(): Promise<Tenant> {
    const tenant = await server.tenant();
    for (const id of ['first', 'heavy', 'third']) await tenant.session({ id, userInput: { question: id }, metadata: { id } });
    await tenant.event('heavy', { id: 'its-event' });
    await server.resources.pool.query("UPDATE session SET bytes = $2 WHERE project_id = $1 AND id = 'heavy'", [tenant.projectId, LARGEST]);
    return tenant;
  }

  it('is given over REST without its payload, with an error of its own, alone and in a list', async () => {
    const tenant = await threeSessions();
    const view = { id: 'heavy', agentName: 'agent', status: 'active', eventCount: 1, error: 'Payload Too Large', message: said };
    const alone = await tenant.rest('GET', '/sessions/heavy');
    expect(alone).toMatchObject({ status: 200, body: view });
    expect(alone.body).not.toHaveProperty('userInput');
    expect((await tenant.rest('GET', '/sessions')).body['sessions']).toMatchObject([{ id: 'third', userInput: { question: 'third' } }, view, { id: 'first', metadata: { id: 'first' } }]);
  });

  it('is null where its payload is asked for, with an error for each field, wherever it is met', async () => {
    const tenant = await threeSessions();
    const asked = '{ id userInput metadata summary }';
    const answer = await tenant.graphql(`{ session(id: "heavy") ${asked} event(id: "its-event") { session ${asked} } sessions(first: 3) { edges { node ${asked} } } }`);
    const nothing = { id: 'heavy', userInput: null, metadata: null, summary: null };
    expect(answer.data).toMatchObject({ session: nothing, event: { session: nothing }, sessions: { edges: [{ node: { userInput: { question: 'third' } } }, { node: nothing }, { node: { metadata: { id: 'first' } } }] } });
    const paths = [['session'], ['event', 'session'], ['sessions', 'edges', 1, 'node']];
    expect(answer.errors).toHaveLength(6);
    for (const path of paths) for (const field of ['userInput', 'metadata']) expect(answer.errors).toContainEqual(expect.objectContaining({ ...TOO_LARGE, message: said, path: [...path, field] }));
    expect(await tenant.run('{ session(id: "heavy") { id name eventCount } }')).toEqual({ session: { id: 'heavy', name: 'a run', eventCount: 1 } });
  });

  it('is delivered to who watches sessions, who then gets the next', async () => {
    const tenant = await threeSessions();
    await using watched = subscribe<{ sessionUpdates: { session: Row } }>(tenant, { query: 'subscription { sessionUpdates(after: "0") { session { id userInput } } }' });
    await watched.received((data) => data.length === 3);
    expect(watched.results).toMatchObject([
      { data: { sessionUpdates: { session: { id: 'first', userInput: { question: 'first' } } } } },
      { data: { sessionUpdates: { session: { id: 'third' } } } },
      { data: { sessionUpdates: { session: { id: 'heavy', userInput: null } } }, errors: [{ ...TOO_LARGE, message: said, path: ['sessionUpdates', 'session', 'userInput'] }] },
    ]);
  });

  it('can be written to and deleted; the answer is without its payload', async () => {
    const tenant = await threeSessions();
    expect(await tenant.rest('PATCH', '/sessions/heavy', { status: 'completed' })).toMatchObject({ status: 200, body: { id: 'heavy', status: 'completed', error: 'Payload Too Large', message: said } });
    const updated = await tenant.graphql('mutation { updateSession(input: { id: "heavy", name: "renamed" }) { name status userInput } }');
    expect(updated).toMatchObject({ data: { updateSession: { name: 'renamed', status: 'COMPLETED', userInput: null } }, errors: [{ ...TOO_LARGE, message: said, path: ['updateSession', 'userInput'] }] });
    const deleted = await tenant.graphql('mutation { deleteSession(input: { id: "heavy" }) { id userInput } }');
    expect(deleted).toMatchObject({ data: { deleteSession: { id: 'heavy', userInput: null } }, errors: [{ ...TOO_LARGE, message: said }] });
    expect((await tenant.rest('GET', '/sessions/heavy')).status).toBe(404);
  });
});
