import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApp } from '../../../test/support/app.ts';
import type { TestApp } from '../../../test/support/app.ts';
import { clientFor, codesOf, fastClock } from './support/client.ts';
import { startProxy } from './support/proxy.ts';
import type { Fault, Proxy } from './support/proxy.ts';
import { eventsOf } from './support/read.ts';

let server: TestApp;
beforeAll(async () => {
  server = await startApp();
});
afterAll(() => server.close());

const run = { name: 'a run', agentName: 'agent', userId: 'user' };
const QUICK = 200;

/** A client that speaks to the real server through a proxy, its waits made short, and a session on that server. */
async function set(fault: Proxy['fault'], config = {}) {
  const tenant = await server.tenant();
  const sessionId = await tenant.session();
  const proxy = await startProxy(tenant.url, fault);
  const { client, errors } = await clientFor({ url: proxy.url, key: tenant.key }, { clock: fastClock(QUICK), timeout: 30_000 * QUICK, ...config });
  return { tenant, sessionId, proxy, client, errors };
}

const status = (code: number, headers: Record<string, string> = {}): Fault => ({ status: code, headers });

/** What a request meets once, and then no more. Five at one: it is tried again, and arrives. */
const PASSING: [string, Fault][] = [
  ['408', status(408)],
  ['425', status(425)],
  ['429', status(429)],
  ['500', status(500)],
  ['502 from a proxy in HTML', { status: 502, headers: { 'content-type': 'text/html' }, body: '<h1>Bad Gateway</h1>' }],
  ['503', status(503)],
  ['504', status(504)],
  ['a reset connection', 'reset'],
  ['no answer in time', 'hang'],
  ['an answer lost on its way back', 'done, then reset'],
  ['half an answer', 'half an answer'],
  ['200 from something else', { status: 200, body: '<html>Log in to the wireless network</html>' }],
  ['a GraphQL error OVERLOADED', { status: 200, body: '{"errors":[{"message":"full","extensions":{"code":"OVERLOADED"}}]}' }],
];

describe.each(PASSING)('after %s', (_name, fault) => {
  it('the request is sent again, and all arrives once', async () => {
    const { tenant, sessionId, proxy, client, errors } = await set((n) => (n === 0 ? fault : 'pass'), fault === 'hang' ? { timeout: 1_500 * QUICK } : {});
    for (let n = 0; n < 3; n += 1) void client.trackToolCall({ sessionId, toolName: `t${n}` });
    expect(await client.flush()).toEqual({ delivered: 3, spooled: 0, dropped: 0, pending: 0 });
    expect(proxy.requests.map((request) => request.operation)).toEqual(['RecordEvents', 'RecordEvents']);
    expect(proxy.requests[1]!.body).toBe(proxy.requests[0]!.body);
    expect((await eventsOf(tenant, sessionId)).map((event) => event['toolName'])).toEqual(['t0', 't1', 't2']);
    expect(errors).toEqual([]);
    await proxy.close();
  });

  it('without end, it is tried four times, kept, and told once', async () => {
    const triesWhenTold: number[] = [];
    const { tenant, sessionId, proxy, client } = await set(() => fault, {
      ...(fault === 'hang' && { timeout: 150 * QUICK }),
      onError: () => triesWhenTold.push(proxy.requests.filter((request) => request.operation === 'RecordEvents').length),
    });
    void client.trackToolCall({ sessionId, toolName: 't' });
    const report = await client.flush();
    expect(report).toEqual({ delivered: 0, spooled: 1, dropped: 0, pending: 0 });
    expect(triesWhenTold).toEqual([4]);
    proxy.fault = () => 'pass';
    expect(await client.flush()).toMatchObject({ delivered: 1, spooled: 0 });
    expect(await eventsOf(tenant, sessionId)).toHaveLength(1);
    await proxy.close();
  });
});

describe.each([400, 401, 403, 404, 405, 410, 422])('after %i', (code) => {
  it('the request is not sent again, and the caller is told', async () => {
    const { sessionId, proxy, client, errors } = await set((n) => (n === 0 ? status(code) : 'pass'));
    void client.trackToolCall({ sessionId, toolName: 't' });
    expect(await client.flush()).toEqual({ delivered: 0, spooled: 0, dropped: 1, pending: 0 });
    expect(proxy.requests).toHaveLength(1);
    expect(errors).toMatchObject([{ status: code, retryable: false }]);
    await proxy.close();
  });
});

it('a redirect is not followed, since it would turn a POST into a GET; the error says where it leads', async () => {
  const { sessionId, proxy, client, errors } = await set((n) => (n === 0 ? status(301, { location: 'https://elsewhere.example' }) : 'pass'));
  void client.trackToolCall({ sessionId, toolName: 't' });
  expect(await client.flush()).toMatchObject({ dropped: 1 });
  expect(proxy.requests).toHaveLength(1);
  expect(errors[0]?.message).toContain('https://elsewhere.example');
  await proxy.close();
});

it.each([
  ['seconds', () => '3'],
  ['a date', (now: number) => new Date(now + 3_500).toUTCString()],
])('Retry-After in %s is waited for', async (_name, header) => {
  const times = 20;
  const clock = fastClock(times);
  const at: number[] = [];
  const { sessionId, proxy, client } = await set(
    (n) => {
      at.push(clock.now());
      return n === 0 ? status(429, { 'retry-after': header(clock.now()) }) : 'pass';
    },
    { clock },
  );
  void client.trackToolCall({ sessionId, toolName: 't' });
  expect(await client.flush()).toMatchObject({ delivered: 1 });
  expect(at[1]! - at[0]!).toBeGreaterThanOrEqual(2_400);
  await proxy.close();
});

it('the waits between tries grow, and differ from client to client', async () => {
  const waits = new Set<number>();
  const { sessionId, proxy, client } = await set(() => status(503), {
    clock: { now: () => Date.now(), setTimer: (callback: () => void, ms: number) => {
      if (ms < 30_000) waits.add(ms);
      const timer = setTimeout(callback, Math.min(ms, ms < 30_000 ? 5 : 10_000));
      return () => clearTimeout(timer);
    } },
  });
  void client.trackToolCall({ sessionId, toolName: 't' });
  await client.flush();
  const [first, second, third] = [...waits].filter((ms) => ms > 100);
  expect(first).toBeGreaterThanOrEqual(250);
  expect(first).toBeLessThanOrEqual(500);
  expect(second).toBeGreaterThanOrEqual(500);
  expect(second).toBeLessThanOrEqual(1_000);
  expect(third).toBeGreaterThanOrEqual(1_000);
  expect(third).toBeLessThanOrEqual(2_000);
  expect(Number.isInteger(first)).toBe(false);
  await proxy.close();
});

it('413 halves the batch until it fits', async () => {
  const { tenant, sessionId, proxy, client } = await set((_n) => 'pass');
  proxy.fault = () => (proxy.requests.at(-1)!.body.length > 2_000 ? status(413) : 'pass');
  for (let n = 0; n < 16; n += 1) void client.trackToolCall({ sessionId, toolName: `t${n}`, toolInput: 'x'.repeat(300) });
  expect(await client.flush()).toMatchObject({ delivered: 16, dropped: 0 });
  expect((await eventsOf(tenant, sessionId)).map((event) => event['toolName'])).toEqual(Array.from({ length: 16 }, (_, n) => `t${n}`));
  await proxy.close();
});

it('an event larger than the server takes costs itself only, and its session says that it is missing', async () => {
  await using small = await startApp({ MAX_BODY_BYTES: '65536' });
  const tenant = await small.tenant();
  const sessionId = await tenant.session();
  const { client, errors } = await clientFor(tenant);
  for (const [toolName, size] of [['a', 1], ['large', 2_000_000], ['b', 40_000], ['c', 40_000]] as const) void client.trackToolCall({ sessionId, toolName, toolInput: 'x'.repeat(size) });
  expect(await client.flush()).toEqual({ delivered: 3, spooled: 0, dropped: 1, pending: 0 });
  expect((await eventsOf(tenant, sessionId)).map((event) => event['toolName'])).toEqual(['a', 'b', 'c']);
  expect(codesOf(errors)).toEqual(['TOO_LARGE']);
  expect(await client.getSession(sessionId)).toMatchObject({ metadata: { sentrial_dropped: 1 } });
});

it('an event over which the server stumbles each time costs itself only', async () => {
  const { tenant, sessionId, proxy, client, errors } = await set((_n) => 'pass');
  proxy.fault = () => (proxy.requests.at(-1)!.body.includes('poison') ? { status: 200, body: '{"errors":[{"message":"oops","extensions":{"code":"INTERNAL_SERVER_ERROR"}}]}' } : 'pass');
  for (const toolName of ['a', 'b', 'poison', 'c', 'd']) void client.trackToolCall({ sessionId, toolName });
  expect(await client.flush()).toEqual({ delivered: 4, spooled: 0, dropped: 1, pending: 0 });
  expect((await eventsOf(tenant, sessionId)).map((event) => event['toolName'])).toEqual(['a', 'b', 'c', 'd']);
  expect(codesOf(errors)).toEqual(['INTERNAL_SERVER_ERROR']);
  await proxy.close();
});

it('a session, its events and its end survive a server that fails each first try', async () => {
  const seen = new Set<string>();
  const { proxy, client, tenant } = await set((_n) => 'pass');
  proxy.fault = () => {
    const { body } = proxy.requests.at(-1)!;
    if (seen.has(body)) return 'pass';
    seen.add(body);
    return 'done, then reset';
  };
  const sessionIds = Array.from({ length: 12 }, () => client.recorder.createSession(run));
  for (const sessionId of sessionIds) {
    client.recorder.trackToolCall({ sessionId, toolName: 't' });
    client.recorder.updateSession({ sessionId, name: 'renamed' });
    client.recorder.completeSession({ sessionId, output: 'done' });
  }
  expect(await client.flush()).toMatchObject({ delivered: 48, dropped: 0, pending: 0 });
  const { sessions } = await tenant.run<{ sessions: { edges: { node: { id: string; name: string; status: string; eventCount: number } }[] } }>('{ sessions(first: 50, filter: { agentName: "agent", userId: "user", statuses: [COMPLETED] }) { edges { node { id name status eventCount } } } }');
  expect(sessions.edges.map(({ node }) => node.id).sort()).toEqual([...sessionIds].sort());
  expect(sessions.edges.every(({ node }) => node.name === 'renamed' && node.eventCount === 1)).toBe(true);
  await proxy.close();
});

it('with failSilently off, the caller gets the error of the last try', async () => {
  const { sessionId, proxy, client } = await set(() => status(503, { 'retry-after': '0' }), { failSilently: false, maxRetries: 1 });
  await expect(client.trackToolCall({ sessionId, toolName: 't' })).rejects.toMatchObject({ code: 'HTTP', status: 503, retryable: true });
  expect(proxy.requests).toHaveLength(2);
  await proxy.close();
});

it('flush returns by its deadline when the server does not answer, and by its signal', async () => {
  const { sessionId, proxy, client } = await set(() => 'hang', { clock: undefined, timeout: undefined });
  void client.trackToolCall({ sessionId, toolName: 't' });
  const start = performance.now();
  expect(await client.flush(300)).toEqual({ delivered: 0, spooled: 0, dropped: 0, pending: 1 });
  expect(performance.now() - start).toBeLessThan(1_500);
  expect(await client.flush(60_000, { signal: AbortSignal.timeout(100) })).toMatchObject({ pending: 1 });
  expect(await client.close(100)).toEqual({ delivered: 0, spooled: 1, dropped: 0, pending: 0 });
  await proxy.close();
});

it('without a spool nothing is given up while there is room in memory', async () => {
  const { tenant, sessionId, proxy, client } = await set((n) => (n < 30 ? 'reset' : 'pass'), { spool: false, maxRetries: 0 });
  for (let n = 0; n < 5; n += 1) void client.trackToolCall({ sessionId, toolName: `t${n}` });
  expect(await client.flush()).toEqual({ delivered: 0, spooled: 0, dropped: 0, pending: 5 });
  proxy.fault = () => 'pass';
  expect(await client.flush()).toMatchObject({ delivered: 5, pending: 0 });
  expect(await eventsOf(tenant, sessionId)).toHaveLength(5);
  await proxy.close();
});

it('drops are counted, told to onError with a reason, and told to the server on the session that lost them', async () => {
  const { tenant, sessionId, proxy, client, errors } = await set(() => 'reset', { spool: false, maxRetries: 0, batching: { maxQueueBytes: 4_000 } });
  for (let n = 0; n < 40; n += 1) void client.trackToolCall({ sessionId, toolName: `t${n}` });
  const { dropped, pending } = await client.flush();
  expect(dropped + pending).toBe(40);
  expect(dropped).toBeGreaterThan(0);
  expect(errors.map((error) => error.message)).toContainEqual(`${dropped} items were not recorded: what waits in memory is at its bound (batching.maxQueueBytes)`);
  proxy.fault = () => 'pass';
  expect(await client.flush()).toMatchObject({ delivered: pending, dropped: 0 });
  expect(await client.getSession(sessionId)).toMatchObject({ eventCount: pending, metadata: { sentrial_dropped: dropped } });
  expect(await eventsOf(tenant, sessionId)).toHaveLength(pending);
  await proxy.close();
});

it('drops are told to the server even when it is reached only as the client closes', async () => {
  const { tenant, sessionId, proxy, client } = await set(() => 'reset', { spool: false, maxRetries: 0, batching: { maxQueueBytes: 4_000 } });
  for (let n = 0; n < 40; n += 1) void client.trackToolCall({ sessionId, toolName: `t${n}` });
  const { dropped, pending } = await client.flush();
  proxy.fault = () => 'pass';
  expect(await client.close()).toEqual({ delivered: pending, spooled: 0, dropped: 0, pending: 0 });
  expect(await tenant.run('query($id: ID!) { session(id: $id) { metadata } }', { id: sessionId })).toEqual({ session: { metadata: { sentrial_dropped: dropped } } });
  await proxy.close();
});

it('memory is counted as engines hold it: a text beyond ASCII takes twice its length', async () => {
  const counted = async (end: string) => {
    const { sessionId, proxy, client } = await set(() => 'reset', { spool: false, maxRetries: 0, batching: { maxQueueBytes: 50_000 } });
    for (let n = 0; n < 40; n += 1) void client.trackToolCall({ sessionId, toolName: 't', toolInput: 'x'.repeat(2_000) + end });
    const { pending } = await client.flush();
    await proxy.close();
    return pending;
  };
  const [ascii, beyond] = [await counted('.'), await counted('…')];
  expect(ascii).toBeGreaterThan(18);
  expect(beyond).toBe(Math.floor(ascii / 2));
});
