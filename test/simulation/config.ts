import { NO_STATEMENT_FAULTS } from './postgres.ts';
import type { StatementFaults } from './postgres.ts';
import { Random } from './random.ts';

/** What one schedule is like. */
export type Config = {
  seed: number;
  servers: number;
  redis: boolean;
  projects: number;
  /** Sessions that most writes are about, in each project. */
  sessions: number;
  /** Writes, and the most events in one. */
  writes: number;
  batch: number;
  /** How many of them the database refuses, of all. */
  poison: number;
  eventReaders: number;
  sessionReaders: number;
  /** What each event weighs beyond its JSON, in bytes: heavy ones push others out of the ring, and end pages early. */
  weight: number;
  maxQueueBytes: number;
  metadataBytes: number;
  answerBytes: number;
  /** Faults happen until then, in milliseconds; afterwards everything must come right. */
  faultsUntil: number;
  statements: StatementFaults;
  /** How often each of these happens. */
  mishaps: { readonly [mishap in Mishap]: number };
};

export const MISHAPS = ['postgresKilled', 'postgresFrozen', 'projectLocked', 'sessionLocked', 'redisKilled', 'redisFrozen', 'redisCut', 'serverKilled', 'serverStopped', 'serverFrozen', 'clockStepped'] as const;
export type Mishap = (typeof MISHAPS)[number];

/**
 * Draws a configuration: each kind of fault is in some schedules and not in others (swarm testing), because one kind
 * can keep another from doing harm. One schedule in sixteen has none at all, one in five hundred is large.
 */
export function configOf(seed: number): Config {
  const random = new Random(seed, 'config');
  const calm = random.chance(1 / 16);
  const large = random.chance(1 / 500);
  const servers = random.pick([1, 1, 2, 2, 2, 3]);
  const faulty = (most: number) => (!calm && random.chance(0.2) ? random.next() * most : 0);
  const times = (possible: boolean, most: number) => (!calm && possible && random.chance(0.2) ? random.between(1, most) : 0);
  const redis = servers > 1 ? random.chance(0.9) : random.chance(0.2);
  return {
    seed,
    servers,
    redis,
    projects: random.pick([1, 1, 1, 2, 3]),
    sessions: large ? 120 : random.between(1, 3),
    writes: large ? 40 : random.between(1, 10),
    batch: large ? 60 : random.pick([1, 1, 2, 5]),
    eventReaders: random.pick([1, 1, 2, 3]),
    sessionReaders: random.between(0, 1),
    poison: large ? 0 : random.pick([0, 0, 0.02, 0.1]),
    weight: random.pick([0, 0, 30_000, 700_000, 3_000_000]),
    maxQueueBytes: random.pick([1_500, 4_000, 1_000_000, 1_000_000]),
    answerBytes: random.pick([1_000, 16_000_000]),
    metadataBytes: random.pick([60, 1_000_000, 1_000_000]),
    faultsUntil: random.skewed(500, 20_000),
    statements: { ...NO_STATEMENT_FAULTS, lost: faulty(0.4), unanswered: faulty(0.4), late: faulty(0.3), terminated: faulty(0.4), refused: faulty(0.3), slow: faulty(0.3) },
    mishaps: {
      postgresKilled: times(true, 2),
      postgresFrozen: times(true, 2),
      projectLocked: times(true, 3),
      sessionLocked: times(true, 3),
      redisKilled: times(redis, 2),
      redisFrozen: times(redis, 2),
      redisCut: times(redis, 5),
      serverKilled: times(true, 3),
      serverStopped: times(true, 3),
      serverFrozen: times(true, 2),
      clockStepped: times(true, 3),
    },
  };
}
