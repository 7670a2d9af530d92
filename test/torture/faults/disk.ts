import { setTimeout as pause } from 'node:timers/promises';
import type { World } from '../world.ts';
import { seconds } from './fault.ts';
import type { Fault } from './fault.ts';

const LONGEST_MS = 4_000;
const MOST_LEFT = 512 * 1024;
const RECOVERS_WITHIN_MS = 10_000;
const BACK_WITHIN_MS = 60_000;

/** The disk under the database is full, and has room again: one fault, or none where we may not mount a disk. */
export function diskFaults({ disk, servers, postgres, connect, troubles, breaches }: World): Fault[] {
  if (!disk) return [];

  /** PostgreSQL recovers by itself while its postmaster lives; where that gave up, somebody starts it. */
  async function recover() {
    for (const until = Date.now() + RECOVERS_WITHIN_MS; Date.now() < until; await pause(250)) {
      const client = await connect().catch(() => undefined);
      if (client) return client.end();
    }
    await postgres?.restart();
  }

  return [
    {
      name: 'disk full',
      weight: 3,
      async inject(_scene, random) {
        const [ms, left] = [random.size(200, LONGEST_MS), random.int(0, MOST_LEFT)];
        // The embedded database cannot go on without its log: its server ends, and comes back when there is room.
        const end = troubles.begin('start', 'stop', ...(postgres ? [] : (['exit'] as const)));
        const starts = servers[0]!.starts;
        await disk.fill(left);
        await pause(ms);
        await disk.free();
        if (postgres) await recover();
        else if (!(await servers[0]!.ready(BACK_WITHIN_MS))) breaches.add('stuck', 'the server is not back a minute after the disk had room again');
        end();
        return `disk full for ${seconds(ms)}, but for ${left >> 10} KiB; ${servers[0]!.starts - starts} starts meanwhile`;
      },
    },
  ];
}
