import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { WebSocket } from 'ws';
import type { ClientOptions } from 'ws';
import { startApp } from './support/app.ts';
import type { TestApp } from './support/app.ts';
import { eventually, subscribe, whenSubscribers } from './support/live.ts';
import { openRawWebSocket } from './support/raw-websocket.ts';

// The graphql-transport-ws protocol, spoken by hand: https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md

let server: TestApp;
beforeAll(async () => {
  server = await startApp({ ALLOWED_ORIGINS: 'https://dashboard.example, https://other.example' });
});
afterAll(() => server.close());

type Message = { type: string; id?: string; payload?: unknown };
type Raw = {
  socket: WebSocket;
  send(message: Message | string): void;
  /** The next message. */
  next(): Promise<Message>;
  closed: Promise<[code: number, reason: string]>;
};

async function open(url = server.url, { protocols = ['graphql-transport-ws'], ...options }: ClientOptions & { protocols?: string[] } = {}): Promise<Raw> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/graphql`, protocols, options);
  const messages: Message[] = [];
  const waiting: ((message: Message) => void)[] = [];
  socket.on('message', (data: Buffer) => {
    const message = JSON.parse(data.toString()) as Message;
    const waiter = waiting.shift();
    if (waiter) waiter(message);
    else messages.push(message);
  });
  socket.on('error', () => undefined);
  const closed = new Promise<[number, string]>((resolve) => socket.once('close', (code, reason) => resolve([code, reason.toString()])));
  await once(socket, 'open');
  return {
    socket,
    closed,
    send: (message) => socket.send(typeof message === 'string' ? message : JSON.stringify(message)),
    next: () =>
      Promise.race([
        new Promise<Message>((resolve) => {
          const message = messages.shift();
          if (message) resolve(message);
          else waiting.push(resolve);
        }),
        closed.then(([code, reason]) => Promise.reject(new Error(`closed with ${code} ${reason}`))),
      ]),
  };
}

const init = (apiKey?: unknown): Message => ({ type: 'connection_init', ...(apiKey === undefined ? {} : { payload: { apiKey } }) });

async function acknowledged(key: string, url?: string): Promise<Raw> {
  const raw = await open(url);
  raw.send(init(key));
  expect(await raw.next()).toEqual({ type: 'connection_ack' });
  return raw;
}

const FEED = { query: 'subscription { events { cursor event { id } } }' };

describe('a connection', () => {
  it.each([
    ['what is no JSON', 'hello'],
    ['a message without a type', '{"id":"1"}'],
    ['an unknown type', '{"type":"start","id":"1"}'],
    ['a subscribe without a query', '{"type":"subscribe","id":"1","payload":{}}'],
    ['a subscribe without an id', '{"type":"subscribe","payload":{"query":"{ viewer { keyId } }"}}'],
    ['a message that servers send', '{"type":"next","id":"1","payload":{}}'],
    ['an acknowledgement', '{"type":"connection_ack"}'],
    ['an error', '{"type":"error","id":"1","payload":[{"message":"no"}]}'],
  ])('is closed with 4400 for %s', async (_what, text) => {
    const raw = await open();
    raw.send(text);
    expect(await raw.closed).toEqual([4400, 'Invalid message received']);
  });

  it('is closed with 4401 when it subscribes before it is acknowledged', async () => {
    const raw = await open();
    raw.send({ type: 'subscribe', id: '1', payload: FEED });
    expect(await raw.closed).toEqual([4401, 'Unauthorized']);
  });

  it.each([
    ['no key', undefined],
    ['a key of nobody', 'sentrial_live_0000000000000000000000000000000000000000000'],
    ['an empty key', ''],
    ['a key that is no text', 42],
  ])('is closed with 4403 for %s', async (_what, key) => {
    const raw = await open();
    raw.send(init(key));
    expect(await raw.closed).toEqual([4403, 'Forbidden']);
  });

  it('is closed with 4406 when it does not speak the protocol', async () => {
    const raw = await open(server.url, { protocols: [] });
    expect(await raw.closed).toEqual([4406, 'Subprotocol not acceptable']);
    await expect(open(server.url, { protocols: ['graphql-ws'] })).rejects.toThrow(/subprotocol/);
  });

  it('is closed with 4408 when it does not introduce itself', async () => {
    const raw = await open();
    expect(await raw.closed).toEqual([4408, 'Connection initialisation timeout']);
  });

  it('is closed with 4409 when it uses an id twice', async () => {
    const { key } = await server.tenant();
    const raw = await acknowledged(key);
    raw.send({ type: 'subscribe', id: 'a', payload: FEED });
    await whenSubscribers(server, 1);
    raw.send({ type: 'subscribe', id: 'a', payload: FEED });
    expect(await raw.closed).toEqual([4409, 'Subscriber for a already exists']);
    await whenSubscribers(server, 0);
  });

  it('is closed with 4429 when it introduces itself twice', async () => {
    const { key } = await server.tenant();
    const raw = await acknowledged(key);
    raw.send(init(key));
    expect(await raw.closed).toEqual([4429, 'Too many initialisation requests']);
  });

  it('answers a ping with a pong and its payload', async () => {
    const { key } = await server.tenant();
    const raw = await acknowledged(key);
    raw.send({ type: 'ping' });
    expect(await raw.next()).toEqual({ type: 'pong' });
    raw.send({ type: 'ping', payload: { n: 1 } });
    expect(await raw.next()).toEqual({ type: 'pong', payload: { n: 1 } });
    raw.send({ type: 'pong' });
    raw.socket.close();
  });

  it('is closed with 1009 for a message larger than the server takes, which is no fault of the server', async () => {
    const printed = vi.spyOn(console, 'error');
    await using small = await startApp({ MAX_BODY_BYTES: '2000' });
    const { key } = await small.tenant();
    const [raw, other] = [await acknowledged(key, small.url), await acknowledged(key, small.url)];
    raw.send({ type: 'subscribe', id: '1', payload: { query: '{ viewer { keyId } }', variables: { pad: 'x'.repeat(3_000) } } });
    expect((await raw.closed)[0]).toBe(1009);
    other.send({ type: 'ping' });
    expect(await other.next()).toEqual({ type: 'pong' });
    other.socket.close();
    expect(printed).not.toHaveBeenCalled();
  });
});

it.each([
  ['1002 for a frame that is not masked', 1002, Buffer.from([0x81, 0])],
  ['1002 for a frame of no known kind', 1002, Buffer.from([0x83, 0x80, 0, 0, 0, 0])],
  ['1007 for text that is not UTF-8', 1007, Buffer.from([0x81, 0x81, 0, 0, 0, 0, 0xff])],
])('a connection that is no WebSocket is closed with %s', async (_what, code, bytes) => {
  const socket = await openRawWebSocket(server.url);
  socket.connection.write(bytes);
  expect(await socket.ended).toBe(code);
});

describe('operations over the socket', () => {
  it('run queries and mutations, and subscriptions until they are completed', async () => {
    const tenant = await server.tenant();
    const raw = await acknowledged(tenant.key);
    raw.send({ type: 'subscribe', id: 'q', payload: { query: '{ viewer { keyId } }' } });
    expect(await raw.next()).toEqual({ type: 'next', id: 'q', payload: { data: { viewer: { keyId: tenant.keyId } } } });
    expect(await raw.next()).toEqual({ type: 'complete', id: 'q' });

    const mutation = 'mutation ($name: String!) { createSession(input: { id: "s", name: $name, agentName: "a", userId: "u" }) { id name } }';
    raw.send({ type: 'subscribe', id: 'm', payload: { query: mutation, variables: { name: 'over the socket' } } });
    expect(await raw.next()).toEqual({ type: 'next', id: 'm', payload: { data: { createSession: { id: 's', name: 'over the socket' } } } });
    expect(await raw.next()).toEqual({ type: 'complete', id: 'm' });

    raw.send({ type: 'subscribe', id: '"odd" id', payload: FEED });
    await whenSubscribers(server, 1);
    const id = await tenant.event('s');
    expect(await raw.next()).toMatchObject({ type: 'next', id: '"odd" id', payload: { data: { events: { event: { id } } } } });
    raw.send({ type: 'complete', id: '"odd" id' });
    await whenSubscribers(server, 0);

    for (const id of ['__proto__', 'constructor']) {
      raw.send({ type: 'subscribe', id, payload: { query: '{ viewer { keyId } }' } });
      expect(await raw.next()).toMatchObject({ type: 'next', id });
      expect(await raw.next()).toEqual({ type: 'complete', id });
      raw.send({ type: 'subscribe', id, payload: FEED });
      await whenSubscribers(server, 1);
      raw.send({ type: 'complete', id });
      await whenSubscribers(server, 0);
    }
    raw.send({ type: 'ping' });
    expect(await raw.next()).toEqual({ type: 'pong' });
    raw.socket.close();
  });

  it('name their errors with a code', async () => {
    const tenant = await server.tenant({ scopes: ['read'] });
    const raw = await acknowledged(tenant.key);
    const wrong = [
      '{ nothing }',
      '{ oops',
      'query A { viewer { keyId } } query B { viewer { keyId } }',
      'fragment F on Query { viewer { keyId } }',
      'subscription { events(after: "x") { cursor } }',
      'subscription { events @include(if: false) { cursor } }',
      'subscription { ... @skip(if: true) { events { cursor } } }',
      'subscription { ...F } fragment F on Subscription { events @include(if: false) { cursor } }',
    ];
    for (const query of wrong) {
      raw.send({ type: 'subscribe', id: query, payload: { query } });
      const message = await raw.next();
      const errors = (message.type === 'error' ? message.payload : (message.payload as { errors: unknown }).errors) as { extensions?: { code?: string } }[];
      expect(errors[0]?.extensions?.code, query).toBe('BAD_USER_INPUT');
      if (message.type === 'next') await raw.next();
    }
    raw.send({ type: 'subscribe', id: 'f', payload: { query: 'mutation { deleteSession(input: { id: "s" }) { id } }' } });
    expect(await raw.next()).toMatchObject({ type: 'next', payload: { errors: [{ extensions: { code: 'FORBIDDEN' } }] } });
    raw.socket.close();
  });
});

it('a subscription over SSE that leaves out its field is refused with a code', async () => {
  const tenant = await server.tenant();
  await using live = subscribe(tenant, { query: 'subscription { events @include(if: false) { cursor } }' }, 'sse');
  await live.ended;
  expect(live.results).toMatchObject([{ errors: [{ extensions: { code: 'BAD_USER_INPUT' } }] }]);
});

describe('who may connect', () => {
  it('takes the key from a header or a cookie where the payload has none', async () => {
    const { key } = await server.tenant();
    const ways: Record<string, string>[] = [{ authorization: `Bearer ${key}` }, { 'x-sentrial-api-key': key }, { cookie: `a=b; sentrial_api_key=${key}` }];
    for (const headers of ways) {
      const raw = await open(server.url, { headers });
      raw.send(init());
      expect(await raw.next()).toEqual({ type: 'connection_ack' });
      raw.socket.close();
    }
  });

  it('takes a cookie from pages of its own and of allowed origins, and of no other', async () => {
    const { key } = await server.tenant();
    const verdict = async (origin: string, apiKey?: string) => {
      const raw = await open(server.url, { headers: { cookie: `sentrial_api_key=${key}` }, origin });
      raw.send(init(apiKey));
      const answer = await raw.next().then(
        (message) => message.type,
        () => raw.closed.then(([code]) => code),
      );
      raw.socket.close();
      return answer;
    };
    expect(await verdict(server.url)).toBe('connection_ack');
    expect(await verdict('https://dashboard.example')).toBe('connection_ack');
    expect(await verdict('https://other.example')).toBe('connection_ack');
    for (const foreign of ['https://evil.example', 'https://dashboard.example.evil.example', 'null', `http://evil.example:${new URL(server.url).port}`]) {
      expect(await verdict(foreign), foreign).toBe(4403);
    }
    expect(await verdict('https://evil.example', key)).toBe('connection_ack');
  });

  it('holds a request with a cookie from a foreign page for anonymous, over POST as well', async () => {
    const tenant = await server.tenant();
    const post = (origin: string) =>
      fetch(`${server.url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', cookie: `sentrial_api_key=${tenant.key}`, origin },
        body: JSON.stringify({ query: 'mutation { createSession(input: { name: "n", agentName: "a", userId: "u" }) { id } }' }),
      });
    const refused = await post('https://evil.example');
    expect(refused.status).toBe(401);
    expect(await refused.json()).toMatchObject({ errors: [{ extensions: { code: 'UNAUTHENTICATED' } }] });
    expect((await post(server.url)).status).toBe(200);
    expect((await post('https://dashboard.example')).status).toBe(200);
    expect((await tenant.run<{ sessions: { edges: unknown[] } }>('{ sessions { edges { node { id } } } }')).sessions.edges).toHaveLength(2);
  });
});

describe('a socket is closed', () => {
  it('with 4403 and the reason when its key is revoked', async () => {
    const tenant = await server.tenant();
    const reader = await tenant.anotherKey({ scopes: ['read'] });
    const [raw, untouched] = [await acknowledged(reader.key), await acknowledged(tenant.key)];
    raw.send({ type: 'subscribe', id: '1', payload: FEED });
    await whenSubscribers(server, 1);
    await tenant.run('mutation ($id: ID!) { revokeApiKey(input: { id: $id }) { revokedAt } }', { id: reader.keyId });
    expect(await raw.closed).toEqual([4403, 'API key revoked']);
    await whenSubscribers(server, 0);
    const again = await open();
    again.send(init(reader.key));
    expect(await again.closed).toEqual([4403, 'Forbidden']);
    untouched.send({ type: 'ping' });
    expect(await untouched.next()).toEqual({ type: 'pong' });
    untouched.socket.close();
  });

  it('and what its peer still sends is not acted on', async () => {
    const admin = await server.tenant();
    const writer = await admin.anotherKey();
    const socket = await openRawWebSocket(server.url);
    socket.send(JSON.stringify(init(writer.key)));
    await once(socket.connection, 'data');
    await admin.run('mutation ($id: ID!) { revokeApiKey(input: { id: $id }) { revokedAt } }', { id: writer.keyId });
    const query = 'mutation { createSession(input: { name: "too late", agentName: "a", userId: "u" }) { id } }';
    socket.send(JSON.stringify({ type: 'subscribe', id: '1', payload: { query } }));
    expect(await socket.ended).toBe(4403);
    expect((await admin.rest('GET', '/sessions')).body['sessions']).toEqual([]);
  });

  it('with 4403 and the reason when its key expires', async () => {
    const tenant = await server.tenant();
    const { key } = await tenant.anotherKey({ scopes: ['read'], expiresAt: new Date(Date.now() + 1_000) });
    const raw = await acknowledged(key);
    expect(await raw.closed).toEqual([4403, 'API key expired']);
  });

  it('with 1012 when the server stops, which a peer that reads nothing does not delay', async () => {
    const stopping = await startApp();
    const { key } = await stopping.tenant();
    const [raw, stalled, silent] = [await acknowledged(key, stopping.url), await acknowledged(key, stopping.url), await open(stopping.url)];
    raw.send({ type: 'subscribe', id: '1', payload: FEED });
    await whenSubscribers(stopping, 1);
    stalled.socket.pause();
    silent.socket.pause();
    const began = Date.now();
    await stopping.close();
    expect(await raw.closed).toEqual([1012, 'Service restart']);
    expect(Date.now() - began).toBeLessThan(6_000);
    for (const { socket } of [stalled, silent]) socket.terminate();
  });

  it('when its peer no longer answers pings, so that nothing is kept for the dead', async () => {
    const { key } = await server.tenant();
    const before = (await server.metrics.sockets.get()).values[0]?.value ?? 0;
    const raw = await acknowledged(key);
    expect((await server.metrics.sockets.get()).values[0]?.value).toBe(before + 1);
    raw.socket.terminate();
    await eventually(async () => expect((await server.metrics.sockets.get()).values[0]?.value).toBe(before));
  });
});

it('carries a hundred operations on a socket, and refuses one more', async () => {
  const { key } = await server.tenant();
  const raw = await acknowledged(key);
  for (let n = 1; n <= 101; n += 1) raw.send({ type: 'subscribe', id: String(n), payload: FEED });
  expect(await raw.next()).toMatchObject({ type: 'error', id: '101', payload: [{ message: expect.stringContaining('at most 100 operations') as string, extensions: { code: 'BAD_USER_INPUT' } }] });
  raw.send({ type: 'complete', id: '1' });
  raw.send({ type: 'subscribe', id: '102', payload: { query: '{ viewer { keyId } }' } });
  expect(await raw.next()).toMatchObject({ type: 'next', id: '102' });
  raw.socket.terminate();
  await whenSubscribers(server, 0);
});

it('refuses a WebSocket that nobody serves, and a plain request where one was meant', async () => {
  const socket = new WebSocket(`${server.url.replace('http', 'ws')}/api/sdk/sessions`, 'graphql-transport-ws');
  await expect(once(socket, 'open')).rejects.toThrow(/Unexpected server response: 4\d\d/);
  const plain = connect(Number(new URL(server.url).port), '127.0.0.1');
  plain.end('GET /graphql HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
  const [answer] = (await once(plain, 'data')) as [Buffer];
  expect(answer.toString()).toMatch(/^HTTP\/1\.1 4\d\d /);
  plain.destroy();
});
