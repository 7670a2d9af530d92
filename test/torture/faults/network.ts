import { setTimeout as pause } from 'node:timers/promises';
import type { Proxy } from '../proxy.ts';
import type { Random } from '../random.ts';
import type { World } from '../world.ts';
import { seconds } from './fault.ts';
import type { Fault, Lane } from './fault.ts';

const LONGEST_SILENCE_MS = 7_000;

/** What happens between a server and its clients, PostgreSQL or Redis. */
export const networkLanes = (world: World): Lane[] => [{ name: 'network', faults: faultsOf(world) }];

function faultsOf({ servers, troubles }: World): Fault[] {
  const links = servers.flatMap((server) => Object.entries(server.links).map(([to, link]) => ({ link, to, between: `${server.name} and its ${to}` })));

  const fault = (name: string, weight: number, work: (link: Proxy, random: Random) => { say: string; done: () => Promise<void> }): Fault => ({
    name,
    weight,
    async inject(_scene, random) {
      const { link, to, between } = random.pick(links);
      const { say, done } = work(link, random);
      const end = to === 'postgres' ? troubles.begin('start', 'stop') : () => undefined;
      try {
        await done();
      } finally {
        link.release();
        end();
      }
      return `${say} between ${between}`;
    },
  });

  return [
    fault('connections cut', 4, (link) => ({ say: 'connections cut', done: () => Promise.resolve(void link.cut()) })),
    fault('nothing passes for a while', 3, (link, random) => {
      const ms = random.size(200, LONGEST_SILENCE_MS);
      return {
        say: `nothing passes for ${seconds(ms)}`,
        async done() {
          link.hold();
          await pause(ms);
        },
      };
    }),
    fault('half-open connections', 3, (link, random) => {
      const [ms, side] = [random.size(200, LONGEST_SILENCE_MS), random.pick(['client', 'server'] as const)];
      return {
        say: `connections broken for the ${side} alone, for ${seconds(ms)},`,
        async done() {
          link.abandon(side);
          await pause(ms);
        },
      };
    }),
  ];
}
