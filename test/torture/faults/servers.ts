import { setTimeout as pause } from 'node:timers/promises';
import type { Server } from '../server.ts';
import type { World } from '../world.ts';
import { seconds } from './fault.ts';
import type { Fault, Lane } from './fault.ts';

const LONGEST_FREEZE_MS = 7_000;
const LONGEST_AWAY_MS = 1_500;
const LONGEST_START_MS = 2_500;
const CLOCK_STEPS_MS = [-2 * 86_400_000, -7_200_000, -1_500, 0, 3_000, 7_200_000, 40 * 86_400_000];

/** What happens to one server; each has a lane of its own, so that two may be down at once. */
export const serverLanes = ({ servers }: World): Lane[] => servers.map((server, n) => ({ name: server.name, faults: [...faultsOf(server), ...(n > 0 ? [rollingRestart] : [])] }));

function faultsOf(server: Server): Fault[] {
  return [
    {
      name: 'kill -9 of a server',
      weight: 4,
      inject: (_scene, random) => {
        const away = random.int(0, LONGEST_AWAY_MS);
        return server.alone(async () => {
          await server.kill();
          await pause(away);
          await server.start();
          return `kill -9 of ${server.name}, started ${seconds(away)} later`;
        });
      },
    },
    {
      name: 'kill -9 during start',
      weight: 2,
      inject: (_scene, random) => {
        const after = random.int(0, LONGEST_START_MS);
        return server.alone(async () => {
          await server.kill();
          void server.start();
          await pause(after);
          await server.kill();
          await server.start();
          return `kill -9 of ${server.name}, and again ${seconds(after)} into its start`;
        });
      },
    },
    {
      name: 'SIGTERM',
      weight: 3,
      inject: () =>
        server.alone(async () => {
          const ms = await server.stop();
          await server.start();
          return `SIGTERM to ${server.name}, which took ${seconds(ms)}`;
        }),
    },
    {
      name: 'SIGSTOP of a server',
      weight: 4,
      inject: (_scene, random) => {
        const ms = random.size(200, LONGEST_FREEZE_MS);
        return server.alone(async () => {
          server.signal('SIGSTOP');
          await pause(ms);
          server.signal('SIGCONT');
          return `SIGSTOP of ${server.name} for ${seconds(ms)}`;
        });
      },
    },
    {
      name: 'clock step',
      weight: 3,
      inject: async (_scene, random) => {
        const offset = random.pick(CLOCK_STEPS_MS);
        await server.setClock(offset);
        return `clock of ${server.name} steps to ${offset < 0 ? '' : '+'}${seconds(offset)}`;
      },
    },
  ];
}

/** As an upgrade does it: each server in turn, while clients go on with the others. */
const rollingRestart: Fault = {
  name: 'rolling restart',
  weight: 2,
  async inject({ world }) {
    for (const server of world.servers) {
      await server.alone(async () => {
        await server.stop();
        await server.start();
      });
    }
    return `rolling restart of ${world.servers.length}`;
  },
};
