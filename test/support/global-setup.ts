import type { TestProject } from 'vitest/node';
import { startPostgres } from './postgres.ts';
import { startRedis } from './redis.ts';

/** What the project `production` runs on: one PostgreSQL and one Redis for the whole run, or why there is none. */
type Production = { databaseUrl: string; redisUrl: string } | { missing: string };

declare module 'vitest' {
  export interface ProvidedContext {
    /** Which flavour of the server this project tests. */
    flavour: 'embedded' | 'production';
    /** Only in the project `production`, whose tests run only where nothing is missing. */
    production: Production;
  }
}

/** A test that kills or restarts a server starts its own; these are shared, each file with a database of its own. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const [postgres, redis] = await Promise.all([startPostgres(), startRedis()]);
  const stop = async () => {
    for (const server of [postgres, redis]) if (!('missing' in server)) await server.stop();
  };

  if (!('missing' in postgres) && !('missing' in redis)) {
    project.provide('production', { databaseUrl: postgres.url, redisUrl: redis.url });
    return stop;
  }
  await stop();
  const missing = [postgres, redis].flatMap((server) => ('missing' in server ? [server.missing] : [])).join(' ');
  if (process.env['CI'] === 'true') throw new Error(`CI runs the production tests too. ${missing}`);
  process.stderr.write(`\n${'!'.repeat(80)}\nThe production flavour is NOT tested. ${missing}\n${'!'.repeat(80)}\n\n`);
  project.provide('production', { missing });
  return stop;
}
