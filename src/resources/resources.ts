import type { Pool } from 'pg';
import type { RateLimiterAbstract } from 'rate-limiter-flexible';
import type { Bus } from '../live/bus.ts';
import type { Logger } from '../log.ts';
import type { Metrics } from '../metrics.ts';

/** What a server holds open; the only thing that differs between the flavours. Whoever opens it closes it. */
export type Resources = {
  flavour: 'embedded' | 'production';
  /** For everything but the writer. */
  pool: Pool;
  /** The writer's own, so that readers never keep it waiting; in the embedded flavour the same. */
  writerPool: Pool;
  /** For migrations, which take as long as they must; in the embedded flavour the same. */
  migrationPool: Pool;
  /** Resolves with the reason when one of them has failed for good: nothing is left to serve. */
  failed: Promise<Error>;
  bus: Bus;
  /** Counts requests by key; undefined where there is no limit. */
  rateLimiter: RateLimiterAbstract | undefined;
  close(): Promise<void>;
};

export type Using = { log: Logger; metrics: Metrics };
