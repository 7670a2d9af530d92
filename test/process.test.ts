import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { emptyHome, migratedHome } from './support/home.ts';
import { follow, subscribeToEvents } from './support/live.ts';
import { eventsOf, post, startLoad } from './support/load.ts';
import { startServer } from './support/process.ts';
import type { ServerProcess } from './support/process.ts';

// The built server as a process: what an operator sees of it.

const KEY = 'sentrial_live_process000000000000000000000000000000000';
const PRINTED = /sentrial_live_[0-9A-Za-z]{43}/;

const newSession = async (server: ServerProcess, key: string) =>
  (await post({ url: server.url, key }, '/sessions', { name: 'n', agentName: 'a', userId: 'u' }))?.body['id'] as string;

const keysPrinted = ({ logs }: ServerProcess) => logs.flatMap((line) => PRINTED.exec(JSON.stringify(line))?.[0] ?? []);

async function whoIs(server: ServerProcess, key: string): Promise<number> {
  return (await fetch(`${server.url}/api/sdk/sessions`, { headers: { authorization: `Bearer ${key}` } })).status;
}

describe('starting', () => {
  it('stops with every fault of the configuration at once, and exit code 1', async () => {
    const env = { PORT: '70000', LOG_LEVEL: 'loud', MAX_BODY_BYTES: '1', SENTRIAL_BOOTSTRAP_API_KEY: 'short', REDIS_URL: 'redis://127.0.0.1:1', DATABASE_URL: '' };
    const fault: unknown = await startServer({ env }).catch((error: unknown) => error);
    const said = String(fault);
    expect(said).toContain('The server ended (1)');
    expect(said).toContain('5 faults');
    for (const name of ['PORT', 'LOG_LEVEL', 'MAX_BODY_BYTES', 'SENTRIAL_BOOTSTRAP_API_KEY', 'REDIS_URL']) expect(said).toMatch(new RegExp(`  - ${name}: `));
    expect(said).not.toContain('    at ');
  });

  it('says where it listens in one line, and prints its first key, and a link to the dashboard with it, once and never again', { timeout: 90_000 }, async () => {
    await using home = await emptyHome();
    const server = await startServer({ env: home.env });
    const ready = server.logs.filter((line) => String(line['msg']).startsWith('listening'));
    expect(ready).toMatchObject([{ level: 'info', url: server.url, msg: `listening on ${server.url}` }]);
    const [key, ...inLink] = keysPrinted(server);
    expect(inLink).toEqual([key]);
    expect(await whoIs(server, key!)).toBe(200);
    const session = await newSession(server, key!);
    expect(session).toMatch(/^sess_/);
    expect(await server.kill()).toEqual({ code: 0, signal: null });

    await using again = await startServer({ env: home.env });
    expect(keysPrinted(again)).toEqual([]);
    expect(await whoIs(again, key!)).toBe(200);
    expect(await eventsOf({ url: again.url, key: key! }, session)).toEqual([]);
  });

  it('prints its first key also where it then cannot listen, and says why in a sentence', { timeout: 90_000 }, async () => {
    await using home = await emptyHome();
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const env = { ...home.env, HOST: '127.0.0.1', PORT: String((taken.address() as AddressInfo).port) };
    const said = String(await startServer({ env }).catch((error: unknown) => error));
    taken.close();
    expect(said).toContain('Another process listens there');
    expect(said).not.toContain('    at ');
    const key = PRINTED.exec(said)?.[0];
    await using server = await startServer({ env: { ...home.env } });
    expect(keysPrinted(server)).toEqual([]);
    expect(await whoIs(server, key!)).toBe(200);
  });

  it('takes the key it is given instead, and does not print it', async () => {
    await using home = await migratedHome();
    const env = { ...home.env, SENTRIAL_BOOTSTRAP_API_KEY: KEY };
    const server = await startServer({ env });
    expect(await whoIs(server, KEY)).toBe(200);
    expect(JSON.stringify(server.logs)).not.toContain(KEY);
    await server.kill();
    await using again = await startServer({ env });
    expect(await whoIs(again, KEY)).toBe(200);
    expect(await whoIs(again, `${KEY}x`)).toBe(401);
  });
});

describe('stopping', () => {
  it('on SIGTERM under load keeps every acknowledged write, tells clients to reconnect, and exits 0 in time', { timeout: 60_000 }, async () => {
    await using home = await migratedHome();
    const env = { ...home.env, SENTRIAL_BOOTSTRAP_API_KEY: KEY };
    const server = await startServer({ env });
    let serving = Promise.resolve(server);
    const access = async () => ({ url: (await serving).url, key: KEY });
    const session = await newSession(server, KEY);
    const reader = follow(access);
    const sse = subscribeToEvents(await access(), {}, 'sse');
    const socket = new WebSocket(`${server.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws');
    await once(socket, 'open');
    socket.send(JSON.stringify({ type: 'connection_init', payload: { apiKey: KEY } }));
    await once(socket, 'message');
    const load = startLoad(access, session);
    await load.wrote(200);

    const closed = once(socket, 'close');
    const began = Date.now();
    const exit = await server.kill('SIGTERM');
    expect(exit).toEqual({ code: 0, signal: null });
    expect(Date.now() - began).toBeLessThan(10_000);
    expect((await closed)[0]).toBe(1012);
    expect(String(await sse.ended)).toContain('Connection closed while having active streams');
    expect(server.logs.filter((line) => ['error', 'fatal'].includes(String(line['level'])) || 'text' in line)).toEqual([]);

    serving = startServer({ env });
    await load.stop();
    const table = await eventsOf(await access(), session);
    expect(table.map(({ id }) => id).sort()).toEqual([...load.acknowledged].sort());
    await reader.received(table.length);
    expect(reader.all()).toHaveLength(table.length);
    await reader.stop();
    for (const refusal of load.refusals) expect(refusal.status).toBe(503);
    await (await serving).stop();
  });

  it('answers what still arrives with 503, /readyz too', async () => {
    await using home = await migratedHome();
    await using server = await startServer({ env: { ...home.env, SENTRIAL_BOOTSTRAP_API_KEY: KEY } });
    // A request whose head is on its way when the server begins to stop.
    const late = connect(Number(new URL(server.url).port), '127.0.0.1');
    late.write('GET /readyz HTTP/1.1\r\nHost: x\r\n');
    await fetch(`${server.url}/readyz`);
    const exited = server.kill('SIGTERM');
    await server.logged((line) => String(line['msg']).startsWith('stopping'));
    late.write('\r\n');
    const [answer] = (await once(late, 'data')) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 503 /);
    late.destroy();
    expect(await exited).toEqual({ code: 0, signal: null });
  });

  it('is not kept from it by a client that never finishes its request', async () => {
    await using home = await migratedHome();
    await using server = await startServer({ env: { ...home.env, SENTRIAL_BOOTSTRAP_API_KEY: KEY } });
    const stuck = connect(Number(new URL(server.url).port), '127.0.0.1');
    stuck.on('error', () => undefined);
    stuck.write(`POST /api/sdk/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${KEY}\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{`);
    await fetch(`${server.url}/healthz`);
    const began = Date.now();
    expect(await server.kill('SIGTERM')).toEqual({ code: 0, signal: null });
    expect(Date.now() - began).toBeLessThan(10_000);
  });
});

it('writes neither keys nor payloads to its log, whatever goes wrong', async () => {
  await using home = await migratedHome();
  await using server = await startServer({ env: { ...home.env, SENTRIAL_BOOTSTRAP_API_KEY: KEY, LOG_LEVEL: 'trace' } });
  const SECRET = 'the-payload-nobody-may-read';
  const access = { url: server.url, key: KEY };
  const session = await newSession(server, KEY);
  await post(access, '/events', { sessionId: session, eventType: 'tool_call', toolName: SECRET, toolInput: { SECRET } });
  await post(access, '/events', { sessionId: session, eventType: SECRET });
  await post(access, '/events', { sessionId: SECRET, eventType: 'tool_call' });
  const send = (path: string, body: string, headers: Record<string, string> = {}) =>
    fetch(`${server.url}${path}`, { method: 'POST', headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json', ...headers }, body }).then((response) => response.text());
  await send('/api/sdk/events', `{"sessionId": "${SECRET}"`);
  await send('/api/sdk/events', SECRET, { 'content-type': 'text/plain' });
  await send('/graphql', JSON.stringify({ query: 'mutation ($s: ID!, $n: String!) { trackToolCall(input: { sessionId: $s, toolName: $n }) { id } }', variables: { s: session, n: SECRET } }));
  await send('/graphql', JSON.stringify({ query: `{ ${SECRET.replaceAll('-', '_')} }`, variables: { n: SECRET } }));
  await send('/graphql', JSON.stringify({ query: '{ session(id: "x") { id } }' }), { cookie: `sentrial_api_key=${KEY}` });
  await using live = subscribeToEvents(access, { after: '0' });
  await live.received((data) => data.length === 2);
  await server.kill();
  const log = JSON.stringify(server.logs);
  expect(log).not.toContain(SECRET);
  expect(log).not.toContain(SECRET.replaceAll('-', '_'));
  expect(log).not.toContain(KEY);
});
