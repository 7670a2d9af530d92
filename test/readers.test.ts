import { afterAll, beforeAll, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { startApp } from './support/app.ts';
import type { TestApp } from './support/app.ts';
import { batch, many } from './support/batches.ts';
import { Changes } from './support/changes.ts';
import { eventsInTable, idsOf, subscribe, subscribeToEvents, whenSubscribers } from './support/live.ts';
import type { EventsData } from './support/live.ts';
import { statementsOf } from './support/queries.ts';

let server: TestApp;
beforeAll(async () => {
  server = await startApp();
});
afterAll(() => server.close());

// Readers beside one another: one that is far behind, one that stalls, many that want the same.

it('lets a reader that is far behind catch up from the database', async () => {
  const tenant = await server.tenant();
  const session = await tenant.session();
  await using newest = subscribeToEvents(tenant);
  await whenSubscribers(server, 1);
  for (let count = 0; count < 4; count += 1) await batch(tenant, many(1_000, session));
  await newest.received((data) => data.length === 4_000);
  await using behind = subscribeToEvents(tenant, { after: '0' });
  await tenant.event(session);
  await behind.received((data) => data.length === 4_001);
  expect(idsOf(behind.data)).toEqual((await eventsInTable(server, tenant.projectId)).map((row) => row.id));
  const { values } = await server.metrics.hubReads.get();
  expect(values.find(({ labels }) => labels.why === 'catch_up')?.value).toBeGreaterThan(5);
});

it('holds little for a reader that stalls, delays nobody else, and loses nothing when it reads on', async () => {
  const tenant = await server.tenant();
  const session = await tenant.session();
  const query = 'subscription { events { cursor event { id ... on ToolCallEvent { toolOutput } } } }';
  const socket = new WebSocket(`${server.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws');
  const got: string[] = [];
  const changes = new Changes();
  socket.on('open', () => socket.send(JSON.stringify({ type: 'connection_init', payload: { apiKey: tenant.key } })));
  socket.on('message', (data: Buffer) => {
    const message = JSON.parse(data.toString()) as { type: string; payload: { data: EventsData } };
    if (message.type === 'connection_ack') socket.send(JSON.stringify({ id: '1', type: 'subscribe', payload: { query } }));
    if (message.type !== 'next') return;
    got.push(message.payload.data.events.event.id);
    changes.tell();
  });
  await whenSubscribers(server, 1);
  await tenant.event(session);
  await changes.when(() => expect(got).toHaveLength(1));

  socket.pause();
  await using healthy = subscribe<EventsData>(tenant, { query });
  await whenSubscribers(server, 2);
  // 30 MB: more than the sockets of both ends hold, and than the ring does.
  const rounds = 15;
  let buffered = 0;
  for (let round = 1; round <= rounds; round += 1) {
    await batch(tenant, many(100, session, { toolOutput: 'x'.repeat(20_000) }));
    await healthy.received((data) => data.length === round * 100);
    buffered = Math.max(buffered, ...[...server.app.http.websocketServer.clients].map((client) => client.bufferedAmount));
  }
  expect(got).toHaveLength(1);
  expect(buffered).toBeLessThan(1024 * 1024);

  socket.resume();
  const table = await eventsInTable(server, tenant.projectId);
  await changes.when(() => expect(got.length).toBeGreaterThanOrEqual(table.length));
  expect(got).toEqual(table.map((row) => row.id));
  socket.terminate();
});

it('gives fifty subscribers of the same document identical results, and reads what they show once', async () => {
  const tenant = await server.tenant();
  const session = await tenant.session();
  const query = 'subscription Shared { events { cursor event { id createdAt session { id name eventCount } } } }';
  const readers = Array.from({ length: 50 }, () => subscribe<{ events: { event: { session: { eventCount: number } } } }>(tenant, { query }));
  await whenSubscribers(server, 50);
  const statements = await statementsOf(server.resources.pool, async () => {
    for (let count = 1; count <= 5; count += 1) {
      await tenant.event(session);
      await Promise.all(readers.map((reader) => reader.received((data) => data.length === count)));
    }
  });
  const reads = statements.filter(({ text }) => !text.includes('append_to_log') && /\b(session|event)\b/.test(text));
  expect(reads).toHaveLength(5);
  for (const reader of readers) expect(reader.results).toEqual(readers[0]!.results);
  expect(readers[0]!.data.map((data) => data.events.event.session.eventCount)).toEqual([1, 2, 3, 4, 5]);
  await Promise.all(readers.map((reader) => reader.stop()));
  await whenSubscribers(server, 0);
});

it('shares nothing between subscribers of other projects, variables or selections', async () => {
  const [ours, theirs] = [await server.tenant(), await server.tenant()];
  const [session, other, foreign] = [await ours.session(), await ours.session(), await theirs.session()];
  const plain = { query: 'subscription Same { events { event { id } } }' };
  const toggled = 'subscription Toggled($names: Boolean!) { events { event { id sessionId @include(if: $names) } } }';
  const filtered = 'subscription Filtered($session: ID) { events(sessionId: $session) { event { id } } }';
  const readers = {
    ours: subscribe<EventsData>(ours, plain),
    theirs: subscribe<EventsData>(theirs, plain),
    withNames: subscribe<EventsData>(ours, { query: toggled, variables: { names: true } }),
    withoutNames: subscribe<EventsData>(ours, { query: toggled, variables: { names: false } }),
    one: subscribe<EventsData>(ours, { query: filtered, variables: { session } }),
    other: subscribe<EventsData>(ours, { query: filtered, variables: { session: other } }),
    typed: subscribe<EventsData>(ours, { query: 'subscription Same { events { event { eventType } } }' }),
  };
  await whenSubscribers(server, 7);
  const [a, b, c] = [await ours.event(session), await ours.event(other), await theirs.event(foreign)];
  await Promise.all([readers.ours, readers.withNames, readers.withoutNames, readers.typed].map((reader) => reader.received((data) => data.length === 2)));
  await Promise.all([readers.theirs, readers.one, readers.other].map((reader) => reader.received((data) => data.length === 1)));
  const seen = Object.fromEntries(Object.entries(readers).map(([name, reader]) => [name, reader.data.map((data) => data.events.event)]));
  expect(seen).toEqual({
    ours: [{ id: a }, { id: b }],
    theirs: [{ id: c }],
    withNames: [{ id: a, sessionId: session }, { id: b, sessionId: other }],
    withoutNames: [{ id: a }, { id: b }],
    one: [{ id: a }],
    other: [{ id: b }],
    typed: [{ eventType: 'TOOL_CALL' }, { eventType: 'TOOL_CALL' }],
  });
  await Promise.all(Object.values(readers).map((reader) => reader.stop()));
  await whenSubscribers(server, 0);
});
