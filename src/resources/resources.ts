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
  bus: Bus;
  /** Counts requests by key; undefined where there is no limit. */
  rateLimiter: RateLimiterAbstract | undefined;
  close(): Promise<void>;
};

export type Using = { log: Logger; metrics: Metrics };
