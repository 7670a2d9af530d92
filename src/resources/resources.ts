import type { Pool } from 'pg';
import type { RateLimiterAbstract } from 'rate-limiter-flexible';
import type { Bus } from '../live/bus.ts';
import type { Logger } from '../log.ts';
import type { Metrics } from '../metrics.ts';

/** What a server holds open; the only thing that differs between the flavours. Whoever opens it closes it. */
export type Resources = {
  flavour: 'embedded' | 'production';
  // One database, in lanes: what stands in one never waits behind what stands in a lower one. In the embedded flavour
  // they share its one session by precedence (turns.ts); in the other each has connections of its own.
  /** The writer's. */
  writerPool: Pool;
  /** For what writes wait for besides: API keys, deletions, and whether the database is up. */
  controlPool: Pool;
  /** For migrations, which take as long as they must. */
  migrationPool: Pool;
  /** For reads that are short by their nature: pages, the live feed. */
  pool: Pool;
  /** For searches and statistics, whose time grows with what there is. */
  analyticsPool: Pool;
  /** Resolves with the reason when one of them has failed for good: nothing is left to serve. */
  failed: Promise<Error>;
  bus: Bus;
  /** Counts requests by key; undefined where there is no limit. */
  rateLimiter: RateLimiterAbstract | undefined;
  close(): Promise<void>;
};

export type Using = { log: Logger; metrics: Metrics };
