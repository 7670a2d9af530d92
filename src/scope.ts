import type { Pool } from 'pg';
import type { KeyRing } from './auth/key-ring.ts';
import type { Caller } from './auth/caller.ts';
import type { Budget } from './budget.ts';
import type { Limits } from './config.ts';
import type { Hub } from './live/hub.ts';
import type { Logger } from './log.ts';
import type { Analytics } from './store/analytics.ts';
import type { Store } from './store/client.ts';
import type { Writer } from './store/writer.ts';

/** What the domain works with; the same for every request of a server. */
export type Services = {
  store: Store;
  /** The same database, for SQL that Prisma does not write: pages and other reads that are short. */
  pool: Pool;
  /** The same, for searches and statistics. */
  analytics: Analytics;
  /** The same, for deletions: no read keeps them waiting, and they may take long. */
  controlPool: Pool;
  writer: Writer;
  hub: Hub;
  keyRing: KeyRing;
  limits: Limits;
  log: Logger;
};

/** What one request may use: who asks, and what with. The first argument of every domain function. */
export type Scope = {
  caller: Caller;
  services: Services;
  requestId: string;
  /** What the answer may still take. */
  budget: Budget;
  /** From the `Idempotency-Key` header. */
  idempotencyKey?: string | undefined;
};
