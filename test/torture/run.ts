import { Breaches } from './breaches.ts';
import { compare } from './compare.ts';
import { injectFaults } from './faults.ts';
import type { Injected } from './faults.ts';
import { watchMemory } from './memory.ts';
import { Model } from './model.ts';
import { Random } from './random.ts';
import { Reader, contents, eventIds, sessionStates } from './readers.ts';
import { anyServer, createWorld } from './world.ts';
import type { Backend, World } from './world.ts';
import { Writer } from './writers.ts';

export type Torture = {
  seed: string;
  backend: Backend;
  seconds: number;
  /** Servers on one PostgreSQL; the embedded database has one. */
  servers?: number;
  /** Only faults whose name has one of these in it. */
  only?: readonly string[];
  tell?: (line: string) => void;
};

export type Report = {
  breaches: Breaches;
  faults: ReadonlyMap<string, number>;
  /** What else there is to say, in the order of the table. */
  figures: Readonly<Record<string, number | string>>;
  /** What the servers logged at error or fatal: faults may explain it. */
  errors: readonly string[];
};

const WRITERS_EACH = 3;
/** The most resident memory that a server may have, in MB. */
export const MEMORY_BOUND_MB: Readonly<Record<Backend, number>> = { embedded: 2_048, postgres: 1_536 };
/** After the last fault everything works again within this time, in milliseconds. */
const HEALED_WITHIN_MS = 60_000;
const CAUGHT_UP_WITHIN_MS = 120_000;

/** Writers and readers on real servers while faults are injected; then everything promised is compared with what is there. */
export async function torture({ seed, backend, seconds, servers = backend === 'embedded' ? 1 : 2, only = [], tell = () => undefined }: Torture): Promise<Report> {
  const breaches = new Breaches();
  const model = new Model(breaches);
  const random = new Random(`${seed}/${backend}`);
  const faults = new Map<string, number>();

  await using world = await createWorld(backend, { servers, breaches });
  if (!world.disk) tell('The disk is never full: mounting one takes root.');
  await Promise.all(world.servers.map((server) => server.start()));
  const began = Date.now();
  const memory = watchMemory(world.servers, { boundMb: MEMORY_BOUND_MB[backend], breaches });

  const url = anyServer(world);
  const writers = world.projects.flatMap((project, n) => Array.from({ length: WRITERS_EACH }, (_, w) => new Writer(`w${n + 1}${w + 1}`, { random, model, access: { project, url } })));
  const burdens = new Writer('burden', { random, model, access: { project: world.projects[0]!, url } });
  const readers = world.projects.flatMap((project) => {
    const using = { project, random, url, breaches };
    return [
      new Reader('ws', contents, using),
      new Reader('sse', contents, using),
      new Reader('ws', eventIds(), using),
      new Reader('sse', eventIds('error'), using),
      new Reader('ws', sessionStates, using),
      new Reader('sse', sessionStates, using),
    ];
  });
  const reading = Promise.all(readers.map((reader) => reader.run()));
  const writing = Promise.all(writers.map((writer) => writer.run()));

  const told = ({ name, at, did }: Injected) => {
    faults.set(name, (faults.get(name) ?? 0) + 1);
    tell(`${((at - began) / 1_000).toFixed(1).padStart(7)} s  ${did}`);
  };
  await model.acknowledges(world.projects.length * WRITERS_EACH, HEALED_WITHIN_MS);
  await injectFaults({ world, model, writer: burdens }, { random: random.fork('faults'), only, until: began + seconds * 1_000, tell: told });

  await heal(world);
  writers.forEach((writer) => writer.stop());
  await writing;
  const ends = await lastWords(world, writers);
  for (const reader of readers) {
    await reader.reaches(endOf(reader, ends), CAUGHT_UP_WITHIN_MS).catch((error: unknown) => breaches.add('stuck', String(error)));
    reader.stop();
  }
  await reading;
  for (const server of world.servers) await server.stop();
  memory.stop();
  [...writers, burdens].forEach((writer) => writer.close());

  const { pool, close } = await world.tables();
  const found = await compare(pool, { model, readers, projects: world.projects, ends });
  await close();
  return {
    breaches,
    faults,
    figures: {
      'seconds of faults': seconds,
      'server starts': world.servers.reduce((sum, server) => sum + server.starts, 0),
      'writes acknowledged': model.counts.acknowledged,
      'writes refused': model.counts.refused,
      'of them conflicts': model.counts.conflicts,
      'attempts without an answer, or 503': model.counts.unanswered,
      'repeats of what was acknowledged': model.counts.repeats,
      'events in the log': found.events,
      'sessions': found.sessions,
      'deliveries': readers.reduce((sum, { delivered }) => sum + delivered.length, 0),
      'connections of readers': readers.reduce((sum, { connections }) => sum + connections, 0),
      'longest answer, s': (Math.max(...writers.map((writer) => writer.longestAnswerMs)) / 1_000).toFixed(1),
      'most memory of a server, MB': memory.peakMb(),
    },
    errors: world.servers.flatMap(({ errors }) => errors),
  };
}

/** What faults leave behind: clocks that are off. The rest each fault has undone. */
async function heal({ servers, breaches }: World): Promise<void> {
  for (const server of servers) {
    await server.setClock(0);
    await server.start();
    if (!(await server.ready(HEALED_WITHIN_MS))) breaches.add('stuck', `${server.name} is not ready ${HEALED_WITHIN_MS / 1_000} s after the last fault`);
  }
}

/** An event in each project after everything else; the position of each. */
async function lastWords({ projects }: World, writers: readonly Writer[]): Promise<Map<string, number>> {
  const ends = new Map<string, number>();
  for (const [n, { id }] of projects.entries()) ends.set(id, await writers[n * WRITERS_EACH]!.lastWord());
  return ends;
}

const endOf = ({ project }: Reader, ends: ReadonlyMap<string, number>) => ends.get(project.id) ?? 0;
