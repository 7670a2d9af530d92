import { expect, it } from 'vitest';
import { migratedHome } from './support/home.ts';
import { follow, idsOf, positionsOf } from './support/live.ts';
import { eventsOf, post, startLoad } from './support/load.ts';
import { startServer } from './support/process.ts';

const KEY = 'sentrial_live_resume0000000000000000000000000000000000';

it('loses nothing when the server is killed under load: acknowledged events are there, and readers go on where they were', { timeout: 90_000 }, async () => {
  await using home = await migratedHome();
  const env = { ...home.env, SENTRIAL_BOOTSTRAP_API_KEY: KEY };
  let starting = startServer({ env });
  const access = async () => ({ url: (await starting).url, key: KEY });
  const session = (await post(await access(), '/sessions', { name: 'killed', agentName: 'agent', userId: 'user' }))!.body['id'] as string;
  const load = startLoad(access, session);
  const readers = [follow(access), follow(access, 'sse')];

  for (let kills = 1; kills <= 3; kills += 1) {
    await load.wrote(100);
    const killed = (await starting).kill('SIGKILL');
    starting = killed.then(() => startServer({ env }));
    await killed;
    const acknowledged = [...load.acknowledged];
    const there = new Set((await eventsOf(await access(), session)).map(({ id }) => id));
    expect(acknowledged.filter((id) => !there.has(id))).toEqual([]);
  }
  await load.stop();

  const table = await eventsOf(await access(), session);
  expect(table.map(({ id }) => id).sort()).toEqual([...load.acknowledged].sort());
  for (const reader of readers) {
    await reader.received(table.length);
    expect(positionsOf(reader.all())).toEqual(table.map(({ position }) => position));
    expect(idsOf(reader.all())).toEqual(table.map(({ id }) => id));
    expect(reader.connections()).toBeGreaterThanOrEqual(4);
    await reader.stop();
  }
  const { body } = (await post(await access(), '/sessions', { name: 'after', agentName: 'agent', userId: 'user' }))!;
  expect(Number(body['cursor'])).toBeGreaterThan(table.at(-1)!.position);
  await (await starting).stop();
});
