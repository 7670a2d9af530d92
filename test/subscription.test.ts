import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApp } from './support/app.ts';
import type { TestApp } from './support/app.ts';
import { batch, event, many } from './support/batches.ts';
import { Changes } from './support/changes.ts';
import { eventsInTable, idsOf, positionsOf, subscribe, subscribeToEvents, subscribersOf, whenSubscribers } from './support/live.ts';
import type { Door, EventsData, Live } from './support/live.ts';
import type { Tenant } from './support/tenant.ts';

let server: TestApp;
beforeAll(async () => {
  server = await startApp();
});
afterAll(() => server.close());

/** A small generator of repeatable random numbers (mulberry32). */
function randomFrom(seed: number) {
  let state = seed;
  return (below: number) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

describe.each<Door>(['ws', 'sse'])('events over %s', (door) => {
  it('come live from the moment of subscribing, and nothing from before', async () => {
    const tenant = await server.tenant();
    const session = await tenant.session();
    await tenant.event(session);
    await using live = subscribeToEvents(tenant, {}, door);
    await whenSubscribers(server, 1);
    const written = [await tenant.event(session), await tenant.event(session, { eventType: 'llm_decision' })];
    expect(idsOf(await live.received((data) => data.length === 2))).toEqual(written);
  });

  it('are replayed after a cursor and go on live, in order, each once, while many are written', async () => {
    const tenant = await server.tenant();
    const session = await tenant.session();
    await batch(tenant, many(400, session));
    const writing = Promise.all(Array.from({ length: 8 }, async () => {
      for (let count = 0; count < 25; count += 1) await tenant.event(session);
    }));
    await using early = subscribeToEvents(tenant, { after: '0' }, door);
    await early.received((data) => data.length > 100);
    const middle = early.data[100]!.events.cursor;
    await using late = subscribeToEvents(tenant, { after: middle }, door);
    await writing;
    await early.received((data) => data.length >= 600);
    await late.received((data) => data.length >= 499);
    const table = await eventsInTable(server, tenant.projectId);
    expect(positionsOf(early.data)).toEqual(table.map((row) => row.position));
    expect(idsOf(early.data)).toEqual(table.map((row) => row.id));
    expect(idsOf(late.data)).toEqual(table.filter((row) => row.position > Number(middle)).map((row) => row.id));
  });

  it('are narrowed to a session and to kinds', async () => {
    const tenant = await server.tenant();
    const [one, other] = [await tenant.session(), await tenant.session()];
    await tenant.event(one, { eventType: 'error', errorMessage: 'from before' });
    await using ofSession = subscribeToEvents(tenant, { sessionId: one }, door);
    await using ofKinds = subscribeToEvents(tenant, { types: ['ERROR', 'LLM_DECISION'] }, door);
    await using ofBoth = subscribeToEvents(tenant, { after: '0', sessionId: one, types: ['ERROR'] }, door);
    await whenSubscribers(server, 3);
    await tenant.event(one);
    await tenant.event(other, { eventType: 'error', errorMessage: 'no' });
    await tenant.event(other);
    await tenant.event(one, { eventType: 'llm_decision' });
    await tenant.event(one, { eventType: 'error', errorMessage: 'no' });
    await tenant.event(other, { eventType: 'llm_decision' });
    const table = await eventsInTable(server, tenant.projectId);
    const pick = (...places: number[]) => places.map((place) => table[place]!.id);
    expect(idsOf(await ofSession.received((data) => data.length === 3))).toEqual(pick(1, 4, 5));
    expect(idsOf(await ofKinds.received((data) => data.length === 4))).toEqual(pick(2, 4, 5, 6));
    expect(idsOf(await ofBoth.received((data) => data.length === 2))).toEqual(pick(0, 5));
  });

  it('tell a refused subscriber why', async () => {
    const tenant = await server.tenant();
    await using badCursor = subscribeToEvents(tenant, { after: 'yesterday' }, door);
    await using writeOnly = subscribeToEvents(await tenant.anotherKey({ scopes: ['events:write'] }), {}, door);
    const codes = await Promise.all([badCursor, writeOnly].map(async (live) => [await live.ended, live.results.flatMap((result) => result.errors ?? [])]));
    expect(JSON.stringify(codes[0])).toContain('BAD_USER_INPUT');
    expect(JSON.stringify(codes[1])).toContain('FORBIDDEN');
    await whenSubscribers(server, 0);
  });

  it('refuse at the start what nests too deep or could cost too much', async () => {
    const tenant = await server.tenant();
    const deep = `subscription { events { event { session { ${'parent { '.repeat(15)} id ${'}'.repeat(15)} } } } }`;
    const costly = 'subscription { events { event { session { children(first: 200) { edges { node { children(first: 200) { edges { node { children(first: 200) { edges { cursor } } } } } } } } } } } }';
    for (const [query, why] of [[deep, /depth/], [costly, /complexity/]] as const) {
      await using live = subscribe(tenant, { query }, door);
      const told = JSON.stringify([await live.ended, live.results]);
      expect(told).toMatch(why);
      expect(told).toContain('BAD_USER_INPUT');
    }
    await whenSubscribers(server, 0);
  });

  it('show their session as it is now, not as it was when the subscription began', async () => {
    const tenant = await server.tenant();
    const session = await tenant.session();
    await using live = subscribe<{ events: { event: { session: { eventCount: number } } } }>(
      tenant,
      { query: 'subscription { events { event { session { eventCount } } } }' },
      door,
    );
    await whenSubscribers(server, 1);
    for (let count = 1; count <= 3; count += 1) {
      await tenant.event(session);
      await live.received((data) => data.length === count);
    }
    expect(live.data.map((data) => data.events.event.session.eventCount)).toEqual([1, 2, 3]);
  });

  it('leave nothing behind when the reader leaves, though no event ever came', async () => {
    const tenant = await server.tenant();
    const readers = [subscribeToEvents(tenant, {}, door), subscribeToEvents(tenant, { after: '0' }, door), changedSessions(tenant, {}, door)];
    await whenSubscribers(server, 3);
    expect((await server.metrics.hubFeeds.get()).values[0]?.value).toBe(1);
    await Promise.all(readers.map((reader) => reader.stop()));
    await whenSubscribers(server, 0);
    expect((await server.metrics.hubFeeds.get()).values[0]?.value).toBe(0);
  });
});

type SessionData = { sessionUpdates: { cursor: string; session: { id: string; name: string; eventCount: number; status: string } } };
const changedSessions = (access: Tenant, variables: Record<string, unknown>, door: Door = 'ws'): Live<SessionData> =>
  subscribe<SessionData>(
    access,
    { query: 'subscription ($after: Cursor, $filter: SessionFilter) { sessionUpdates(after: $after, filter: $filter) { cursor session { id name eventCount status } } }', variables },
    door,
  );

describe.each<Door>(['ws', 'sse'])('sessionUpdates over %s', (door) => {
  it('give the newest state of each session that changed since a cursor, then each change', async () => {
    const tenant = await server.tenant();
    const ids: string[] = [];
    for (const name of ['a', 'b', 'c']) ids.push(await tenant.session({ name }));
    const [a, b, c] = ids as [string, string, string];
    await batch(tenant, many(3, a));
    await tenant.rest('PATCH', `/sessions/${b}`, { name: 'b again' });
    await using live = changedSessions(tenant, { after: '0' }, door);
    await live.received((data) => data.length === 3);
    expect(live.data.map(({ sessionUpdates: { session } }) => [session.id, session.name, session.eventCount])).toEqual([
      [c, 'c', 0],
      [a, 'a', 3],
      [b, 'b again', 0],
    ]);
    await tenant.event(c);
    await live.received((data) => data.length === 4);
    await tenant.rest('PATCH', `/sessions/${a}`, { status: 'completed' });
    await live.received((data) => data.length === 5);
    expect(live.data.slice(3).map(({ sessionUpdates: { session } }) => [session.id, session.eventCount, session.status])).toEqual([
      [c, 1, 'ACTIVE'],
      [a, 3, 'COMPLETED'],
    ]);
    const cursors = live.data.map(({ sessionUpdates }) => Number(sessionUpdates.cursor));
    expect(cursors).toEqual([...cursors].sort((x, y) => x - y));
  });

  it('end with the newest state of every session when many change at once', async () => {
    const tenant = await server.tenant();
    await using live = changedSessions(tenant, {}, door);
    await using failed = changedSessions(tenant, { filter: { statuses: ['FAILED'] } }, door);
    await whenSubscribers(server, 2);
    const ids = await Promise.all(Array.from({ length: 130 }, () => tenant.session()));
    await batch(tenant, ids.flatMap((id) => many(2, id)));
    await tenant.rest('PATCH', `/sessions/${ids[7]}`, { success: false });
    const last = await tenant.rest('GET', `/sessions/${ids[7]}`);
    await live.received((data) => data.at(-1)?.sessionUpdates.cursor === last.body['cursor']);
    const newest = new Map(live.data.map(({ sessionUpdates: { session } }) => [session.id, session.eventCount]));
    expect(newest).toEqual(new Map(ids.map((id) => [id, 2])));
    expect((await failed.received((data) => data.length === 1))[0]?.sessionUpdates.session.id).toBe(ids[7]);
  });
});

it('delivers a batch in the order of the log, whatever ids its events were given', async () => {
  const tenant = await server.tenant();
  const session = await tenant.session();
  await using live = subscribeToEvents(tenant);
  await whenSubscribers(server, 1);
  await batch(tenant, ['z', 'm', 'a', 'q'].map((id) => event(session, { id })));
  await tenant.event(session, { id: 'b' });
  expect(idsOf(await live.received((data) => data.length === 5))).toEqual(['z', 'm', 'a', 'q', 'b']);
});

it('gives the same event live as it reads it from the table', async () => {
  const tenant = await server.tenant();
  const session = await tenant.session();
  const query = `subscription ($after: Cursor) { events(after: $after) { cursor event {
    id cursor sessionId eventType createdAt clientTimestamp durationMs estimatedCost totalTokens reasoning stateBefore stateAfter
    traceId spanId parentEventId branchName metadata textReplaced
    ... on ToolCallEvent { toolName toolInput toolOutput toolError status }
    ... on LlmCallEvent { model prompt response promptTokens completionTokens }
    ... on LlmDecisionEvent { alternativesConsidered chosen confidence }
    ... on ErrorEvent { errorType errorMessage errorStack recoverable recoveryAction }
  } } }`;
  await using live = subscribe(tenant, { query });
  await whenSubscribers(server, 1);
  await batch(tenant, [
    event(session, { toolInput: { a: [1, 'two', null] }, toolOutput: 'text', estimatedCost: 0.000012345, durationMs: 12.5, clientTimestamp: '2025-01-12T10:30:00.123+02:00', metadata: { k: 1 } }),
    event(session, { eventType: 'llm_call', model: 'm', prompt: [{ role: 'user' }], response: 'yes', promptTokens: 3, completionTokens: 4, totalTokens: 7 }),
    event(session, { eventType: 'llm_decision', alternativesConsidered: ['a', 'b'], chosen: 'a', confidence: 0.1 }),
    event(session, { eventType: 'error', errorMessage: 'bad \0 text', errorType: 'T', recoverable: false }),
    event(session, { eventType: 'state_change', stateBefore: { n: 1 }, stateAfter: null, traceId: 't', spanId: 's', branchName: 'main', parentEventId: 'p' }),
  ]);
  await live.received((data) => data.length === 5);
  await using replayed = subscribe(tenant, { query, variables: { after: '0' } });
  await replayed.received((data) => data.length === 5);
  expect(live.results.flatMap((result) => result.errors ?? [])).toEqual([]);
  expect(live.data).toEqual(replayed.data);
});

it('resumes from the last cursor without gap or duplicate, however often the socket is cut', async () => {
  const tenant = await server.tenant();
  const session = await tenant.session();
  const random = randomFrom(7);
  let written = 0;
  const writing = (async () => {
    for (let count = 0; count < 60; count += 1) {
      await Promise.all([tenant.event(session), batch(tenant, many(1 + random(20), session)), tenant.session()]);
      written = (await eventsInTable(server, tenant.projectId)).length;
    }
  })();
  const got: EventsData[] = [];
  let ended = false;
  const changes = new Changes();
  void writing.then(() => {
    ended = true;
    changes.tell();
  });
  for (let cuts = 0; !ended || got.length < written; cuts += 1) {
    const live = subscribeToEvents(tenant, { after: got.at(-1)?.events.cursor ?? '0' }, 'ws', changes);
    const enough = 1 + random(60);
    await changes.when(() => expect(live.data.length >= enough || (ended && got.length + live.data.length >= written)).toBe(true));
    live.cut();
    await live.ended;
    got.push(...live.data);
    expect(cuts).toBeLessThan(500);
  }
  await writing;
  const table = await eventsInTable(server, tenant.projectId);
  expect(positionsOf(got)).toEqual(table.map((row) => row.position));
  await whenSubscribers(server, 0);
});

it('finds what is rare in a long log', async () => {
  const tenant = await server.tenant();
  const session = await tenant.session();
  await tenant.event(session);
  // Positions that nothing of this kind stands at, more than one read looks at.
  await server.resources.pool.query('UPDATE project SET log_position = 70000 WHERE id = $1', [tenant.projectId]);
  const { id } = await tenant.run<{ trackError: { id: string } }>('mutation ($s: ID!) { trackError(input: { sessionId: $s, errorMessage: "rare" }) { id } }', { s: session }).then(({ trackError }) => trackError);
  await using rare = subscribeToEvents(tenant, { after: '0', types: ['ERROR'] });
  await rare.received((data) => data.length === 1);
  expect([idsOf(rare.data), positionsOf(rare.data)]).toEqual([[id], [70_001]]);
});

it('says at once what is wrong with a filter', async () => {
  const tenant = await server.tenant();
  await tenant.session();
  const query = 'subscription ($search: String) { sessionUpdates(after: "0", filter: { search: $search }) { cursor } }';
  for (const door of ['ws', 'sse'] as const) {
    const live = subscribe(tenant, { query, variables: { search: 'w '.repeat(11) } }, door);
    await live.ended;
    const said = JSON.stringify([live.results, await live.ended]);
    expect(said).toContain('at most 10 words');
    expect(said).toContain('BAD_USER_INPUT');
  }
});

it('forgets a subscriber whose connection breaks', async () => {
  const tenant = await server.tenant();
  const [one, two] = [subscribeToEvents(tenant), subscribeToEvents(tenant)];
  await whenSubscribers(server, 2);
  one.cut();
  await whenSubscribers(server, 1);
  two.cut();
  await whenSubscribers(server, 0);
  expect(await subscribersOf(server)).toBe(0);
  expect((await server.metrics.hubFeeds.get()).values[0]?.value).toBe(0);
});

it('ends an SSE stream with the reason when its key is revoked or expires', async () => {
  const tenant = await server.tenant();
  const [revoked, expiring] = [await tenant.anotherKey({ scopes: ['read'] }), await tenant.anotherKey({ scopes: ['read'], expiresAt: new Date(Date.now() + 1_500) })];
  await using first = subscribeToEvents(revoked, {}, 'sse');
  await using second = subscribeToEvents(expiring, {}, 'sse');
  await whenSubscribers(server, 2);
  await tenant.run('mutation ($id: ID!) { revokeApiKey(input: { id: $id }) { id } }', { id: revoked.keyId });
  await Promise.all([first.ended, second.ended]);
  expect(first.results).toEqual([{ errors: [{ message: 'API key revoked', extensions: { code: 'UNAUTHENTICATED' } }] }]);
  expect(second.results).toEqual([{ errors: [{ message: 'API key expired', extensions: { code: 'UNAUTHENTICATED' } }] }]);
  await whenSubscribers(server, 0);
});

it('ends an SSE stream without completing it when the server stops, so that clients come back', async () => {
  const stopping = await startApp();
  const tenant = await stopping.tenant();
  const [events, sessions] = [subscribeToEvents(tenant, {}, 'sse'), changedSessions(tenant, {}, 'sse')];
  await whenSubscribers(stopping, 2);
  await stopping.close();
  for (const live of [events, sessions]) expect(String(await live.ended)).toContain('Connection closed while having active streams');
});

it('masks what fails while an event is shown, and goes on', async () => {
  await using broken = await startApp();
  const tenant = await broken.tenant();
  const session = await tenant.session();
  await using ws = subscribe<EventsData>(tenant, { query: 'subscription { events { event { id session { summary } } } }' }, 'ws');
  await using sse = subscribe<EventsData>(tenant, { query: 'subscription { events { event { id session { summary } } } }' }, 'sse');
  await whenSubscribers(broken, 2);
  await broken.resources.pool.query('ALTER TABLE session RENAME COLUMN summary TO summary_hidden');
  const id = await tenant.graphql('mutation ($s: ID!) { trackToolCall(input: { sessionId: $s, toolName: "t" }) { id } }', { s: session });
  expect(id.status).toBe(200);
  for (const live of [ws, sse]) {
    await live.received((data) => data.length === 1);
    expect(live.results[0]?.errors?.[0]?.extensions?.['code']).toBe('INTERNAL_SERVER_ERROR');
    expect(live.results[0]?.errors?.[0]?.message).toMatch(/^Something went wrong on the server/);
  }
});
