import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { KeyMessage } from '../src/live/bus.ts';
import { createMemoryBus } from '../src/live/memory.ts';
import { createMetrics } from '../src/metrics.ts';
import { listen, message, redisBus, whenUp } from './support/bus.ts';
import type { TestBus } from './support/bus.ts';
import { eventually } from './support/live.ts';
import { startRedis } from './support/redis.ts';
import type { RedisServer } from './support/redis.ts';

// The clauses B1 to B6 of src/live/bus.ts. In memory there is one bus; with Redis a second stands for another server.

let here: TestBus;
let there: TestBus;
beforeAll(async () => {
  if (inject('flavour') === 'embedded') {
    const bus = createMemoryBus();
    here = there = { bus, metrics: createMetrics(), [Symbol.asyncDispose]: () => bus.close() };
    return;
  }
  const production = inject('production');
  if ('missing' in production) throw new Error(production.missing);
  [here, there] = await Promise.all([redisBus(production.redisUrl), redisBus(production.redisUrl)]);
});
afterAll(async () => {
  await here[Symbol.asyncDispose]();
  await there[Symbol.asyncDispose]();
});

const project = () => `proj_${crypto.randomUUID()}`;

describe('the bus', () => {
  it('B1: delivers what is published from the moment that subscribing resolves', async () => {
    for (let round = 0; round < 20; round += 1) {
      const id = project();
      const { heard, end } = await listen(there.bus, id);
      here.bus.publish(message(id, round));
      await eventually(() => expect(heard).toEqual([message(id, round)]), 'not heard');
      end();
    }
  });

  it('B2: delivers the messages of a publisher in their order, whole', async () => {
    const id = project();
    const { heard, end } = await listen(there.bus, id);
    const sent = Array.from({ length: 500 }, (_, n) => message(id, n, { rows: [{ id: `e${n}`, text: '€ "\\ \n' }], bytes: 20 }));
    for (const each of sent) here.bus.publish(each);
    await eventually(() => expect(heard).toHaveLength(500), 'not all heard');
    expect(heard).toEqual(sent);
    end();
  });

  it('B3: is heard in the publishing process before publish returns', async () => {
    const id = project();
    const { heard, end } = await listen(here.bus, id);
    here.bus.publish(message(id, 1));
    expect(heard).toEqual([message(id, 1)]);
    // And not a second time by way of Redis: a message that follows on the same channel comes alone.
    there.bus.publish(message(id, 2));
    await eventually(() => expect(heard.at(-1)).toEqual(message(id, 2)), 'not heard');
    expect(heard).toHaveLength(2);
    end();
  });

  it('B6: is silent at once to who has ended its subscription, and to nobody else', async () => {
    const id = project();
    const [first, second] = [await listen(there.bus, id), await listen(there.bus, id)];
    here.bus.publish(message(id, 1));
    await eventually(() => expect(second.heard).toHaveLength(1), 'not heard');
    first.end();
    first.end();
    here.bus.publish(message(id, 2));
    await eventually(() => expect(second.heard).toHaveLength(2), 'not heard');
    expect(first.heard).toHaveLength(1);
    second.end();
  });

  it('keeps projects and keys apart', async () => {
    const [one, other] = [project(), project()];
    const listeners = [await listen(there.bus, one), await listen(there.bus, other)];
    const keys: KeyMessage[] = [];
    const endKeys = await there.bus.subscribeKeys((said) => keys.push(said));
    here.bus.publish(message(one, 1));
    here.bus.publish({ topic: 'keys', hash: 'abc' });
    here.bus.publish(message(other, 2));
    await eventually(() => expect([listeners[0]!.heard, keys, listeners[1]!.heard]).toEqual([[message(one, 1)], [{ topic: 'keys', hash: 'abc' }], [message(other, 2)]]), 'not heard');
    endKeys();
    listeners.forEach(({ end }) => end());
  });
});

if (inject('flavour') === 'production') describe('the bus on a Redis that fails', () => {
  let redis: RedisServer;
  beforeAll(async () => {
    const started = await startRedis();
    if ('missing' in started) throw new Error(started.missing);
    redis = started;
  });
  afterAll(() => redis.stop());

  const dropped = async ({ metrics }: TestBus) => (await metrics.busDropped.get()).values[0]?.value ?? 0;

  it('leaves large rows to the database, and says how far the log is', async () => {
    await using one = await redisBus(redis.url);
    await using other = await redisBus(redis.url);
    const id = project();
    const { heard } = await listen(other.bus, id);
    one.bus.publish(message(id, 1, { rows: [{ text: 'x'.repeat(100_000) }], bytes: 100_000 }));
    await eventually(() => expect(heard).toEqual([message(id, 1)]), 'not heard');
  });

  it('B4, B5: drops and counts while Redis is gone; afterwards says that there was a gap, and everything is heard again', async () => {
    await using one = await redisBus(redis.url);
    await using other = await redisBus(redis.url);
    const [before, during] = [project(), project()];
    const early = await listen(other.bus, before);
    let gaps = 0;
    other.bus.onGap(() => (gaps += 1));

    await redis.kill();
    await eventually(() => expect([one.bus.state(), other.bus.state()]).toEqual(['down', 'down']), 'not missed');
    const late = await listen(other.bus, during);
    const began = performance.now();
    for (let n = 0; n < 1_000; n += 1) one.bus.publish(message(before, n));
    expect(performance.now() - began).toBeLessThan(500);
    expect(await dropped(one)).toBe(1_000);
    expect(gaps).toBe(0);

    await redis.restart();
    await Promise.all([whenUp(one.bus), whenUp(other.bus)]);
    await eventually(() => expect(gaps).toBeGreaterThan(0), 'no gap was said');
    one.bus.publish(message(before, 1_001));
    one.bus.publish(message(during, 1_002));
    await eventually(() => expect([early.heard, late.heard]).toEqual([[message(before, 1_001)], [message(during, 1_002)]]), 'not heard again');
  });

  it('B4: neither waits for a Redis that is frozen, nor holds without bound what cannot be sent', async () => {
    await using one = await redisBus(redis.url);
    await using other = await redisBus(redis.url);
    const id = project();
    const { heard } = await listen(other.bus, id);
    redis.pause();
    const began = performance.now();
    for (let n = 0; n < 5_000; n += 1) one.bus.publish(message(id, n, { rows: [{ text: 'x'.repeat(1_000) }], bytes: 1_000 }));
    expect(performance.now() - began).toBeLessThan(2_000);
    expect(await dropped(one)).toBe(4_000);
    redis.resume();
    await eventually(() => expect(heard).toHaveLength(1_000), 'what was sent did not arrive');
    one.bus.publish(message(id, 5_001));
    await eventually(() => expect(heard.at(-1)).toEqual(message(id, 5_001)), 'not heard again');
  });
});
