import { once } from 'node:events';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { createKeyRing } from '../../src/auth/key-ring.ts';
import { startApp } from '../support/app.ts';
import type { TestApp } from '../support/app.ts';
import { redisBus } from '../support/bus.ts';
import { eventually, subscribeToEvents, whenSubscribers } from '../support/live.ts';
import { startRedis } from '../support/redis.ts';
import type { RedisServer } from '../support/redis.ts';
import type { Tenant } from '../support/tenant.ts';

let redis: RedisServer;
let one: TestApp;
let two: TestApp;
beforeAll(async () => {
  const started = await startRedis();
  if ('missing' in started) throw new Error(started.missing);
  redis = started;
  one = await startApp({ REDIS_URL: redis.url });
  two = await one.sibling();
});
afterAll(async () => {
  await Promise.all([one.close(), two.close()]);
  await redis.stop();
});

const revoke = (admin: Tenant, { keyId }: Tenant) => admin.run('mutation ($id: ID!) { revokeApiKey(input: { id: $id }) { revokedAt } }', { id: keyId });

const statusAt = async ({ url }: TestApp, { key }: Tenant) => (await fetch(`${url}/api/sdk/sessions`, { headers: { authorization: `Bearer ${key}` } })).status;

it('refuses a key on every server at once when it is revoked on one, and closes its connections there', async () => {
  const admin = await one.tenant();
  const reader = await admin.anotherKey({ scopes: ['read'] });
  expect([await statusAt(one, reader), await statusAt(two, reader)]).toEqual([200, 200]);
  const socket = new WebSocket(`${two.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws');
  await once(socket, 'open');
  socket.send(JSON.stringify({ type: 'connection_init', payload: { apiKey: reader.key } }));
  await once(socket, 'message');
  await using sse = subscribeToEvents({ url: two.url, key: reader.key }, {}, 'sse');
  await whenSubscribers(two, 1);

  const closed = once(socket, 'close') as Promise<[number, Buffer]>;
  await revoke(admin, reader);
  const [code, reason] = await closed;
  expect([code, reason.toString()]).toEqual([4403, 'API key revoked']);
  await sse.ended;
  expect(sse.results).toMatchObject([{ errors: [{ message: 'API key revoked' }] }]);
  expect([await statusAt(one, reader), await statusAt(two, reader)]).toEqual([401, 401]);
  await whenSubscribers(two, 0);
  expect(await statusAt(two, admin)).toBe(200);
});

it('remembers nothing of a key that is revoked while it is looked up', async () => {
  const admin = await one.tenant();
  const key = await admin.anotherKey({ scopes: ['read'] });
  // The look-up has read the row before the revoke commits; its answer comes after the message.
  const { pool, bus } = two.resources;
  const slow = Object.create(pool) as typeof pool;
  let answer!: () => void;
  const held = new Promise<void>((resolve) => (answer = resolve));
  Object.assign(slow, {
    query: async (...args: unknown[]) => {
      const result = await (pool.query as (...all: unknown[]) => Promise<unknown>).apply(pool, args);
      await held;
      return result;
    },
  });
  const keyRing = await createKeyRing({ pool: slow, bus });
  const first = keyRing.identify(key.key);
  const message = new Promise<void>((resolve) => void bus.subscribeKeys(() => resolve()));
  await revoke(admin, key);
  await message;
  answer();
  await first;
  await expect(keyRing.identify(key.key)).rejects.toThrow('Invalid or missing API key');
  keyRing.close();
});

it('trusts a key no longer than its cache time when Redis is gone and no message comes', { timeout: 60_000 }, async () => {
  const admin = await one.tenant();
  const key = await admin.anotherKey({ scopes: ['read'] });
  await using bus = await redisBus(redis.url);
  const cacheMs = 600;
  const keyRing = await createKeyRing({ pool: two.resources.pool, bus: bus.bus, cacheMs });
  const caller = await keyRing.identify(key.key);
  const ended = new Promise<string>((resolve) => keyRing.whenEnded(caller, resolve));
  await redis.kill();
  await bus.when('down');
  const began = Date.now();
  await revoke(admin, key);
  expect(await statusAt(one, key)).toBe(401); // where it was revoked, at once
  await eventually(() => expect(keyRing.identify(key.key)).rejects.toThrow('Invalid or missing API key'));
  expect(await ended).toBe('revoked');
  expect(Date.now() - began).toBeLessThan(cacheMs * 2 + 1_500);
  keyRing.close();

  // Back again, the servers ask about every key at once.
  const watched = await admin.anotherKey({ scopes: ['read'] });
  await using live = subscribeToEvents({ url: two.url, key: watched.key });
  await whenSubscribers(two, 1);
  await revoke(admin, watched);
  await redis.restart();
  await live.ended;
  expect(await statusAt(two, watched)).toBe(401);
});
