import { Pool } from 'pg';
import type { PoolConfig } from 'pg';
import { RateLimiterMemory, RateLimiterRedis } from 'rate-limiter-flexible';
import type { Config } from '../config.ts';
import { createMemoryBus } from '../live/memory.ts';
import { connectRedis, createRedisBus } from '../live/redis.ts';
import { boundAnswers, mostAnswerBytes } from './answer-bound.ts';
import type { Resources, Using } from './resources.ts';

/** A database that accepts a connection and then says nothing is given up on after this long, in milliseconds. */
const CONNECT_TIMEOUT_MS = 3_000;
const WRITE_TIMEOUT_MS = 8_000;
const CONTROL_TIMEOUT_MS = 30_000;
/** The budget of a read, and half a second for PostgreSQL to say that it is over. */
const READ_TIMEOUT_MS = 10_500;
/** How long a search or statistic waits for the ones before it. */
const ANALYTICS_PATIENCE_MS = 10_000;
const CONTROL_CONNECTIONS = 2;

/** Statistics leave the other cores to the writes, and sort in memory: temporary files share the disk with the write-ahead log. */
const ANALYTICS_SETTINGS = '-c max_parallel_workers_per_gather=0 -c jit=off -c work_mem=64MB';

/** PostgreSQL ends the statement itself a little before nobody waits for it any more. */
const timeouts = (ms: number): PoolConfig => ({ query_timeout: ms, statement_timeout: ms - 500 });

/** PostgreSQL, and Redis where it is named: without it this is the one process on its database. */
export function openProduction(config: Config, databaseUrl: string, { log, metrics }: Using): Resources {
  const openPool = (more: PoolConfig) => {
    const pool = new Pool({ connectionString: databaseUrl, connectionTimeoutMillis: CONNECT_TIMEOUT_MS, keepAlive: true, ...more });
    // An idle connection that breaks is replaced by the pool; without a listener it would end the process.
    pool.on('error', (error) => log.warn({ err: error }, 'an idle database connection broke'));
    boundAnswers(pool, mostAnswerBytes(config));
    return pool;
  };
  const pools = {
    // One for all projects, one for those that are locked.
    writerPool: openPool({ max: 2, ...timeouts(WRITE_TIMEOUT_MS), application_name: 'sentrial-writer' }),
    controlPool: openPool({ max: CONTROL_CONNECTIONS, ...timeouts(CONTROL_TIMEOUT_MS), application_name: 'sentrial-control' }),
    migrationPool: openPool({ max: 1, application_name: 'sentrial-migrations' }),
    pool: openPool({ max: config.databasePoolSize, ...timeouts(READ_TIMEOUT_MS), application_name: 'sentrial' }),
    analyticsPool: openPool({
      max: config.databaseAnalyticsPoolSize,
      ...timeouts(READ_TIMEOUT_MS),
      connectionTimeoutMillis: ANALYTICS_PATIENCE_MS,
      options: ANALYTICS_SETTINGS,
      application_name: 'sentrial-analytics',
    }),
  };
  const redis = config.redisUrl ? connectRedis(config.redisUrl) : undefined;
  const bus = redis ? createRedisBus({ connections: redis, log, metrics }) : createMemoryBus();
  const limit = { points: config.rateLimitPerMinute, duration: 60 };
  const inMemory = config.rateLimitPerMinute > 0 ? new RateLimiterMemory(limit) : undefined;
  return {
    flavour: 'production',
    ...pools,
    failed: new Promise(() => undefined), // each of them may come back
    bus,
    // Redis away: each server counts for itself until it is back.
    rateLimiter:
      redis && inMemory
        ? new RateLimiterRedis({ ...limit, storeClient: redis.publisher, keyPrefix: 'sentrial:rate', inMemoryBlockOnConsumed: limit.points, insuranceLimiter: inMemory })
        : inMemory,
    async close() {
      await bus.close();
      await Promise.all(Object.values(pools).map((pool) => pool.end()));
    },
  };
}
