import { Pool } from 'pg';
import type { PoolConfig } from 'pg';
import { RateLimiterMemory, RateLimiterRedis } from 'rate-limiter-flexible';
import type { Config } from '../config.ts';
import { createMemoryBus } from '../live/memory.ts';
import { connectRedis, createRedisBus } from '../live/redis.ts';
import type { Resources, Using } from './resources.ts';

/** A database that accepts a connection and then says nothing is given up on after this long, in milliseconds. */
const CONNECT_TIMEOUT_MS = 3_000;
const WRITE_TIMEOUT_MS = 8_000;
const READ_TIMEOUT_MS = 30_000;

/** PostgreSQL ends the statement itself a little before nobody waits for it any more. */
const timeouts = (ms: number): PoolConfig => ({ query_timeout: ms, statement_timeout: ms - 500 });

/** PostgreSQL, and Redis where it is named: without it this is the one process on its database. */
export function openProduction(config: Config, databaseUrl: string, { log, metrics }: Using): Resources {
  const openPool = (more: PoolConfig) => {
    const pool = new Pool({ connectionString: databaseUrl, connectionTimeoutMillis: CONNECT_TIMEOUT_MS, keepAlive: true, ...more });
    // An idle connection that breaks is replaced by the pool; without a listener it would end the process.
    pool.on('error', (error) => log.warn({ err: error }, 'an idle database connection broke'));
    return pool;
  };
  const pool = openPool({ max: config.databasePoolSize, ...timeouts(READ_TIMEOUT_MS), application_name: 'sentrial' });
  // One for all projects, one for those that are locked.
  const writerPool = openPool({ max: 2, ...timeouts(WRITE_TIMEOUT_MS), application_name: 'sentrial-writer' });
  const migrationPool = openPool({ max: 1, application_name: 'sentrial-migrations' });
  const redis = config.redisUrl ? connectRedis(config.redisUrl) : undefined;
  const bus = redis ? createRedisBus({ connections: redis, log, metrics }) : createMemoryBus();
  const limit = { points: config.rateLimitPerMinute, duration: 60 };
  const inMemory = config.rateLimitPerMinute > 0 ? new RateLimiterMemory(limit) : undefined;
  return {
    flavour: 'production',
    pool,
    writerPool,
    migrationPool,
    failed: new Promise(() => undefined), // each of them may come back
    bus,
    // Redis away: each server counts for itself until it is back.
    rateLimiter:
      redis && inMemory
        ? new RateLimiterRedis({ ...limit, storeClient: redis.publisher, keyPrefix: 'sentrial:rate', inMemoryBlockOnConsumed: limit.points, insuranceLimiter: inMemory })
        : inMemory,
    async close() {
      await bus.close();
      await Promise.all([pool.end(), writerPool.end(), migrationPool.end()]);
    },
  };
}
