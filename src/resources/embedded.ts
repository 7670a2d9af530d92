import { RateLimiterMemory } from 'rate-limiter-flexible';
import type { Config } from '../config.ts';
import { createMemoryBus } from '../live/memory.ts';
import { openEmbeddedDatabase } from './embedded-database.ts';
import type { Resources } from './resources.ts';

/** One process that needs nothing installed: PGlite in a folder, everything else in memory. */
export async function openEmbedded(config: Config): Promise<Resources> {
  const database = await openEmbeddedDatabase(config.dataDir);
  return {
    flavour: 'embedded',
    pool: database.pool,
    writerPool: database.pool,
    bus: createMemoryBus(),
    rateLimiter: config.rateLimitPerMinute > 0 ? new RateLimiterMemory({ points: config.rateLimitPerMinute, duration: 60 }) : undefined,
    close: () => database.close(),
  };
}
