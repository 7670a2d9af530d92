import { afterAll, beforeAll, expect, it } from 'vitest';
import { listen, message, redisBus } from '../support/bus.ts';
import type { TestBus } from '../support/bus.ts';
import { startApp } from '../support/app.ts';
import { eventually, idsOf, subscribeToEvents } from '../support/live.ts';
import { startRedisCluster } from '../support/redis.ts';
import type { RedisCluster } from '../support/redis.ts';

let cluster: RedisCluster;
beforeAll(async () => {
  const started = await startRedisCluster();
  if ('missing' in started) throw new Error(started.missing);
  cluster = started;
});
afterAll(() => cluster.stop());

const projects = Array.from({ length: 12 }, (_, n) => `proj_${n}`); // on every shard

async function talk(from: TestBus, to: TestBus, position: number) {
  const listeners = await Promise.all(projects.map((id) => listen(to.bus, id)));
  projects.forEach((id) => from.bus.publish(message(id, position)));
  await Promise.all(listeners.map(({ heard, hears }) => hears(() => expect(heard.at(-1)?.to).toBe(position))));
  listeners.forEach(({ end }) => end());
}

it('carries messages of every project over the shards of a Redis Cluster, in order', async () => {
  await using one = await redisBus(cluster.url);
  await using other = await redisBus(cluster.url);
  await talk(one, other, 1);
  const { heard, hears } = await listen(other.bus, 'proj_in_order');
  for (let n = 0; n < 300; n += 1) one.bus.publish(message('proj_in_order', n));
  await hears(() => expect(heard).toHaveLength(300));
  expect(heard.map(({ to }) => to)).toEqual(heard.map((_, n) => n));
  const revoked = new Promise<string>((resolve) => void other.bus.subscribeKeys(({ hash }) => resolve(hash)).then(() => one.bus.publish({ topic: 'keys', hash: 'h' })));
  expect(await revoked).toBe('h');
});

it('says that there was a gap, and goes on, when a node is killed and restarted', { timeout: 60_000 }, async () => {
  await using one = await redisBus(cluster.url);
  await using other = await redisBus(cluster.url);
  const listeners = await Promise.all(projects.map((id) => listen(other.bus, id)));
  const gap = new Promise<void>((resolve) => other.bus.onGap(resolve));
  await cluster.nodes[1]!.kill();
  projects.forEach((id) => one.bus.publish(message(id, 1)));
  await cluster.nodes[1]!.restart();
  await cluster.settled();
  await gap;
  let position = 1;
  await eventually(() => {
    position += 1;
    projects.forEach((id) => one.bus.publish(message(id, position)));
    expect(listeners.map(({ heard }) => (heard.at(-1)?.to ?? 0) > 1)).toEqual(projects.map(() => true));
  }, 30_000);
});

it('feeds the readers of another server, with a node gone too', { timeout: 60_000 }, async () => {
  await using server = await startApp({ REDIS_URL: cluster.url });
  await using sibling = await server.sibling();
  const tenant = await server.tenant();
  const session = await tenant.session();
  await using live = subscribeToEvents({ url: sibling.url, key: tenant.key }, { after: '0' });
  const written = [await tenant.event(session)];
  await live.received((data) => data.length === 1);
  await cluster.nodes[0]!.kill();
  for (let count = 0; count < 5; count += 1) written.push(await tenant.event(session));
  await live.received((data) => data.length === 6);
  await cluster.nodes[0]!.restart();
  await cluster.settled();
  written.push(await tenant.event(session));
  await live.received((data) => data.length === 7);
  expect(idsOf(live.data)).toEqual(written);
});
