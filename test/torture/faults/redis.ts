import { setTimeout as pause } from 'node:timers/promises';
import type { RedisServer } from '../../support/redis.ts';
import type { World } from '../world.ts';
import { seconds } from './fault.ts';
import type { Fault, Lane } from './fault.ts';

const LONGEST_AWAY_MS = 3_000;
const LONGEST_FREEZE_MS = 6_000;

/** What happens to Redis: it explains nothing of a server but later messages. */
export const redisLanes = ({ redis }: World): Lane[] => (redis ? [{ name: 'redis', faults: faultsOf(redis) }] : []);

const faultsOf = (redis: RedisServer): Fault[] => [
  {
    name: 'kill -9 of Redis',
    weight: 1,
    async inject(_scene, random) {
      const ms = random.size(100, LONGEST_AWAY_MS);
      await redis.kill();
      await pause(ms);
      await redis.restart();
      return `kill -9 of Redis, started ${seconds(ms)} later`;
    },
  },
  {
    name: 'SIGSTOP of Redis',
    weight: 1,
    async inject(_scene, random) {
      const ms = random.size(200, LONGEST_FREEZE_MS);
      redis.pause();
      await pause(ms);
      redis.resume();
      return `SIGSTOP of Redis for ${seconds(ms)}`;
    },
  },
];
