import { createMetrics } from '../../src/metrics.ts';
import type { Config } from './config.ts';
import type { LogModel } from './log-model.ts';
import { Mishaps } from './mishaps.ts';
import { SimulatedPostgres } from './postgres.ts';
import { Random } from './random.ts';
import { ExpectedEvents, ExpectedSessions, Reader } from './readers.ts';
import { weighRings } from './rings.ts';
import { SimulatedRedis } from './redis.ts';
import { Server } from './server.ts';
import type { Mutations } from './server.ts';
import { inWorld } from './timers.ts';
import { World } from './world.ts';
import { Writers } from './writers.ts';

/** When nothing fails any more, everything has to be answered and delivered within this time, in virtual milliseconds. */
const COMES_RIGHT_WITHIN_MS = 60_000;
/** Then nothing more may come; the head of the log is checked once in this time. */
const STAYS_RIGHT_MS = 3_500;
const TYPES = [undefined, undefined, ['tool_call'], ['error', 'llm_call']] as const;
const STATUSES = [undefined, ['active'], ['completed']] as const;

const metrics = createMetrics();

export type Options = {
  mutations?: (Mutations & { log?: () => LogModel }) | undefined;
  /** Whether to write down what happens. */
  tells?: boolean;
};

/** Runs one schedule. Returns the first promise that it broke, if it broke one, and what happened, where that was asked for. */
export async function runSchedule(config: Config, { mutations = {}, tells = false }: Options = {}): Promise<{ violation: string | undefined; account: readonly string[] }> {
  const world = new World({ tells });
  inWorld(world);
  const rejected = (reason: unknown) => world.broken(`a rejection that nobody handles: ${reason instanceof Error ? reason.stack : String(reason)}`);
  process.on('unhandledRejection', rejected);
  const stopWeighing = weighRings(world);
  try {
    await play(config, world, mutations);
  } finally {
    process.off('unhandledRejection', rejected);
    stopWeighing();
    inWorld(undefined);
  }
  return { violation: world.violation, account: world.account ?? [] };
}

async function play(config: Config, world: World, { log, ...mutations }: NonNullable<Options['mutations']>) {
  const stream = (name: string) => new Random(config.seed, name);
  const postgres = new SimulatedPostgres(world, stream('postgres'), log?.());
  for (let i = 1; i <= config.projects; i++) postgres.log.addProject(`p${i}`);
  const redis = config.redis ? new SimulatedRedis(world, stream('redis')) : undefined;
  const limits = { eventBytes: 4_000_000, sessionBytes: 1_000_000, metadataBytes: config.metadataBytes, answerBytes: config.answerBytes };
  const surroundings = { world, postgres, redis, maxQueueBytes: config.maxQueueBytes, limits, metrics, mutations };
  const servers = Array.from({ length: config.servers }, (_, i) => new Server(`server ${i + 1}`, surroundings));
  const writers = new Writers(config, { world, random: stream('writers'), postgres, servers });
  const readers = readersOf(config, { world, random: stream('readers'), postgres, servers });
  new Mishaps(config, { world, random: stream('mishaps'), postgres, redis, servers });

  const missing = () => {
    for (const reader of readers) {
      const what = reader.missing();
      if (what) return what;
    }
    return undefined;
  };
  const right = () => world.now > config.faultsUntil && writers.open === 0 && postgres.idle && missing() === undefined;
  if (!(await world.run(right, config.faultsUntil + COMES_RIGHT_WITHIN_MS))) {
    const what = writers.open > 0 ? `${writers.open} requests are not done with` : (missing() ?? 'the database is not idle');
    return world.broken(`${COMES_RIGHT_WITHIN_MS / 1_000} s after the last fault: ${what}`);
  }
  await world.run(() => false, world.now + STAYS_RIGHT_MS);
  if (world.violation === undefined) writers.check();
}

function readersOf(config: Config, surroundings: { world: World; random: Random; postgres: SimulatedPostgres; servers: readonly Server[] }) {
  const { random, postgres } = surroundings;
  const projects = [...postgres.log.projects];
  const events = Array.from({ length: config.eventReaders }, (_, i) => {
    const [projectId, project] = random.pick(projects);
    const filter = { types: random.pick(TYPES), sessionId: random.chance(0.2) ? 's1' : undefined };
    return new Reader(`events ${i + 1}`, new ExpectedEvents(projectId, project, filter), config, surroundings);
  });
  const sessions = Array.from({ length: config.sessionReaders }, (_, i) => {
    const [projectId, project] = random.pick(projects);
    return new Reader(`sessions ${i + 1}`, new ExpectedSessions(projectId, project, random.pick(STATUSES)), config, surroundings);
  });
  return [...events, ...sessions];
}
