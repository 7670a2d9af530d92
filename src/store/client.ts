import { PrismaPg } from '@prisma/adapter-pg';
import type { Pool } from 'pg';
import { PrismaClient } from '../generated/prisma/client.ts';

export type Store = PrismaClient;

/** The only PrismaClient. It reads and administers; sessions and events are written by the writer. */
export function createStore(pool: Pool): Store {
  return new PrismaClient({ adapter: new PrismaPg(pool, { disposeExternalPool: false }) });
}
