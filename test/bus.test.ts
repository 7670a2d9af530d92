import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { KeyMessage } from '../src/live/bus.ts';
import { createMemoryBus } from '../src/live/memory.ts';
import { createMetrics } from '../src/metrics.ts';
import { listen, message, redisBus } from './support/bus.ts';
import type { TestBus } from './support/bus.ts';
import { Changes } from './support/changes.ts';
import { startRedis } from './support/redis.ts';
import type { RedisServer } from './support/redis.ts';

// The clauses B1 to B6 of src/live/bus.ts. In memory there is one bus; with Redis a second stands for another server.

let here: TestBus;
let there: TestBus;
beforeAll(async () => {
  if (inject('flavour') === 'embedded') {
    const bus = createMemoryBus();
    here = there = { bus, metrics: createMetrics(), when: () => Promise.resolve(), [Symbol.asyncDispose]: () => bus.close() };
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
      const { heard, hears, end } = await listen(there.bus, id);
      here.bus.publish(message(id, round));
      await hears(() => expect(heard).toEqual([message(id, round)]));
      end();
    }
  });

  it('B2: delivers the messages of a publisher in their order, whole', async () => {
    const id = project();
    const { heard, hears, end } = await listen(there.bus, id);
    const sent = Array.from({ length: 500 }, (_, n) => message(id, n, { rows: [{ id: `e${n}`, text: '€ "\\ \n' }], bytes: 20 }));
    for (const each of sent) here.bus.publish(each);
    await hears(() => expect(heard).toHaveLength(500));
    expect(heard).toEqual(sent);
    end();
  });

  it('B3: is heard in the publishing process before publish returns', async () => {
    const id = project();
    const { heard, hears, end } = await listen(here.bus, id);
    here.bus.publish(message(id, 1));
    expect(heard).toEqual([message(id, 1)]);
    // And not a second time by way of Redis: a message that follows on the same channel comes alone.
    there.bus.publish(message(id, 2));
    await hears(() => expect(heard.at(-1)).toEqual(message(id, 2)));
    expect(heard).toHaveLength(2);
    end();
  });

  it('B6: is silent at once to who has ended its subscription, and to nobody else', async () => {
    const id = project();
    const [first, second] = [await listen(there.bus, id), await listen(there.bus, id)];
    here.bus.publish(message(id, 1));
    await second.hears(() => expect(second.heard).toHaveLength(1));
    first.end();
    first.end();
    here.bus.publish(message(id, 2));
    await second.hears(() => expect(second.heard).toHaveLength(2));
    expect(first.heard).toHaveLength(1);
    second.end();
  });

  it('keeps projects and keys apart', async () => {
    const [one, other] = [project(), project()];
    const [first, second] = [await listen(there.bus, one), await listen(there.bus, other)];
    const keys: KeyMessage[] = [];
    const keysHeard = new Changes();
    const endKeys = await there.bus.subscribeKeys((said) => {
      keys.push(said);
      keysHeard.tell();
    });
    here.bus.publish(message(one, 1));
    here.bus.publish({ topic: 'keys', hash: 'abc' });
    here.bus.publish(message(other, 2));
    await Promise.all([
      first.hears(() => expect(first.heard).toEqual([message(one, 1)])),
      second.hears(() => expect(second.heard).toEqual([message(other, 2)])),
      keysHeard.when(() => expect(keys).toEqual([{ topic: 'keys', hash: 'abc' }])),
    ]);
    expect([first.heard, keys, second.heard]).toEqual([[message(one, 1)], [{ topic: 'keys', hash: 'abc' }], [message(other, 2)]]);
    endKeys();
    for (const { end } of [first, second]) end();
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
    const { heard, hears } = await listen(other.bus, id);
    one.bus.publish(message(id, 1, { rows: [{ text: 'x'.repeat(100_000) }], bytes: 100_000 }));
    await hears(() => expect(heard).toEqual([message(id, 1)]));
  });

  it('B4, B5: drops and counts while Redis is gone; afterwards says that there was a gap, and everything is heard again', async () => {
    await using one = await redisBus(redis.url);
    await using other = await redisBus(redis.url);
    const [before, during] = [project(), project()];
    const early = await listen(other.bus, before);
    let gaps = 0;
    const gapsSaid = new Changes();
    other.bus.onGap(() => {
      gaps += 1;
      gapsSaid.tell();
    });

    await redis.kill();
    await Promise.all([one.when('down'), other.when('down')]);
    const late = await listen(other.bus, during);
    const began = performance.now();
    for (let n = 0; n < 1_000; n += 1) one.bus.publish(message(before, n));
    expect(performance.now() - began).toBeLessThan(500);
    expect(await dropped(one)).toBe(1_000);
    expect(gaps).toBe(0);

    await redis.restart();
    await Promise.all([one.when('up'), other.when('up')]);
    await gapsSaid.when(() => expect(gaps).toBeGreaterThan(0));
    one.bus.publish(message(before, 1_001));
    one.bus.publish(message(during, 1_002));
    await early.hears(() => expect(early.heard).toEqual([message(before, 1_001)]));
    await late.hears(() => expect(late.heard).toEqual([message(during, 1_002)]));
  });

  it('B4: neither waits for a Redis that is frozen, nor holds without bound what cannot be sent', async () => {
    await using one = await redisBus(redis.url);
    await using other = await redisBus(redis.url);
    const id = project();
    const { heard, hears } = await listen(other.bus, id);
    redis.pause();
    const began = performance.now();
    for (let n = 0; n < 5_000; n += 1) one.bus.publish(message(id, n, { rows: [{ text: 'x'.repeat(1_000) }], bytes: 1_000 }));
    expect(performance.now() - began).toBeLessThan(2_000);
    expect(await dropped(one)).toBe(4_000);
    redis.resume();
    await hears(() => expect(heard).toHaveLength(1_000));
    one.bus.publish(message(id, 5_001));
    await hears(() => expect(heard.at(-1)).toEqual(message(id, 5_001)));
  });
});
