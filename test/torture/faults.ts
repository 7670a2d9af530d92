import { setTimeout as pause } from 'node:timers/promises';
import { diskFaults } from './faults/disk.ts';
import type { Fault, Lane, Scene } from './faults/fault.ts';
import { networkLanes } from './faults/network.ts';
import { payloadLanes } from './faults/payloads.ts';
import { postgresLanes } from './faults/postgres.ts';
import { redisLanes } from './faults/redis.ts';
import { serverLanes } from './faults/servers.ts';
import type { Random } from './random.ts';
import type { World } from './world.ts';

/** Between two faults of a lane there is calm, and some work gets done if it can, so that there is something to lose. */
const LONGEST_CALM_MS = 4_000;
const MOST_WORK = 60;
const WORK_WITHIN_MS = 15_000;

/** Said of a fault that found nothing to be done to: what it would have killed had ended. */
export const NOT_INJECTED = 'could not be injected';

export type Injected = { name: string; at: number; did: string };

/** Every lane, each with the faults that this world can have; of these names only, where some are given. */
function lanesOf(world: World, only: readonly string[]): Lane[] {
  // Where there is a PostgreSQL the disk is its own, else the server's.
  const [first, ...others] = world.postgres ? postgresLanes(world) : serverLanes(world);
  const withDisk = first ? [{ ...first, faults: [...first.faults, ...diskFaults(world)] }, ...others] : [];
  const lanes = [...withDisk, ...(world.postgres ? serverLanes(world) : []), ...redisLanes(world), ...networkLanes(world), ...payloadLanes()];
  const wanted = ({ name }: Fault) => only.length === 0 || only.some((part) => name.includes(part));
  return lanes.map((lane) => ({ ...lane, faults: lane.faults.filter(wanted) })).filter(({ faults }) => faults.length > 0);
}

/**
 * Injects faults until this moment, and tells of each. What comes next in a lane, and how, is
 * decided by the seed alone: neither what other lanes do nor what becomes of it makes a difference.
 */
export async function injectFaults(scene: Scene, using: { random: Random; only: readonly string[]; until: number; tell: (fault: Injected) => void }): Promise<void> {
  const { random, only, until, tell } = using;
  await Promise.all(
    lanesOf(scene.world, only).map(async (lane) => {
      const stream = random.fork(lane.name);
      for (let n = 0; ; n++) {
        const [calm, work, fault] = [stream.int(0, LONGEST_CALM_MS), stream.int(1, MOST_WORK), stream.weighted(lane.faults)];
        await pause(calm);
        await scene.model.acknowledges(work, WORK_WITHIN_MS);
        const at = Date.now();
        if (at > until) return;
        try {
          tell({ name: fault.name, at, did: await fault.inject(scene, stream.fork(n)) });
        } catch (error) {
          tell({ name: NOT_INJECTED, at, did: `${fault.name} ${NOT_INJECTED}: ${String(error)}` });
        }
      }
    }),
  );
}
