import { RateLimiterMemory } from 'rate-limiter-flexible';
import type { Config } from '../config.ts';
import { createMemoryBus } from '../live/memory.ts';
import { mostAnswerBytes } from './answer-bound.ts';
import { openEmbeddedDatabase } from './embedded-database.ts';
import type { Resources, Using } from './resources.ts';

/** One process that needs nothing installed: PGlite in a folder, everything else in memory. */
export async function openEmbedded(config: Config, { log }: Pick<Using, 'log'>): Promise<Resources> {
  const database = await openEmbeddedDatabase(config.dataDir, {
    mostAnswerBytes: mostAnswerBytes(config),
    onTrouble: (trouble) => log.warn({ trouble }, 'the embedded database could not be tidied; it is tried again'),
  });
  const controlPool = database.lane('control');
  return {
    flavour: 'embedded',
    pool: database.lane('read'),
    analyticsPool: database.lane('analytics'),
    writerPool: database.lane('write'),
    controlPool,
    migrationPool: controlPool,
    failed: database.failed,
    bus: createMemoryBus(),
    rateLimiter: config.rateLimitPerMinute > 0 ? new RateLimiterMemory({ points: config.rateLimitPerMinute, duration: 60 }) : undefined,
    close: () => database.close(),
  };
}
