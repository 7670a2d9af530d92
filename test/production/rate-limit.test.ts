import { expect, it } from 'vitest';
import { startApp } from '../support/app.ts';
import { startRedis } from '../support/redis.ts';

it('counts for itself, and answers, while Redis is frozen; and stops in time', { timeout: 60_000 }, async () => {
  const redis = await startRedis();
  if ('missing' in redis) throw new Error(redis.missing);
  await using server = await startApp({ REDIS_URL: redis.url, RATE_LIMIT_PER_MINUTE: '3' });
  const { key } = await server.tenant();
  redis.pause();
  const statuses: number[] = [];
  for (let n = 1; n <= 5; n += 1) statuses.push((await fetch(`${server.url}/api/sdk/sessions`, { headers: { authorization: `Bearer ${key}` } })).status);
  expect(statuses).toEqual([200, 200, 200, 429, 429]);
  const began = Date.now();
  await server.close();
  expect(Date.now() - began).toBeLessThan(9_000); // within which main.ts stops in good order
  await redis.stop();
});
