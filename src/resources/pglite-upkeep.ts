import type { PgliteSession } from './pglite-session.ts';

const MB = 1024 * 1024;
const CHECKPOINT_EVERY_MS = 5_000;
const CHECKPOINT_AT_BYTES = 32 * MB;
const VACUUM_EVERY_MS = 60_000;

/** The table that changed most since it was last looked at, by autovacuum's own thresholds. */
const MOST_NEEDY = `
  SELECT format('%I.%I', s.schemaname, s.relname), s.vacuum
  FROM (
    SELECT t.*, greatest(c.reltuples, 0) AS size,
      t.n_dead_tup > 50 + 0.2 * greatest(c.reltuples, 0) OR t.n_ins_since_vacuum > 1000 + 0.2 * greatest(c.reltuples, 0) AS vacuum
    FROM pg_stat_user_tables t JOIN pg_class c ON c.oid = t.relid
  ) s
  WHERE s.vacuum OR s.n_mod_since_analyze > 50 + 0.1 * s.size
  ORDER BY s.vacuum DESC, s.n_mod_since_analyze DESC
  LIMIT 1`;

/**
 * Does what PostgreSQL's background processes do, which PGlite lacks: checkpoints, so that the log is
 * shortened and the next start is quick, and VACUUM and ANALYZE of tables that changed much.
 */
export class Upkeep {
  readonly #session: PgliteSession;
  #checkpointDue = false;
  #vacuumDue = false;
  #wroteSinceVacuum = false;
  readonly #onTrouble: (trouble: Error) => void;
  readonly #timers: NodeJS.Timeout[];

  /** `isIdle` says whether the session is between two requests; `onTrouble` hears of a VACUUM or ANALYZE that failed. */
  constructor(session: PgliteSession, isIdle: () => boolean, onTrouble: (trouble: Error) => void) {
    this.#session = session;
    this.#onTrouble = onTrouble;
    const tick = (due: () => void) => () => {
      due();
      if (isIdle()) this.run();
    };
    this.#timers = [
      setInterval(tick(() => (this.#checkpointDue = session.walBytes > 0)), CHECKPOINT_EVERY_MS),
      setInterval(tick(() => (this.#vacuumDue = this.#wroteSinceVacuum)), VACUUM_EVERY_MS),
    ];
  }

  /** Call it after each request that leaves the session idle; usually there is nothing to do. */
  run(): void {
    if (this.#session.inTransaction) return;
    if (this.#checkpointDue || this.#session.walBytes >= CHECKPOINT_AT_BYTES) {
      this.#checkpointDue = false;
      this.#wroteSinceVacuum = true;
      this.#session.checkpoint();
    }
    if (this.#vacuumDue) {
      this.#vacuumDue = false;
      try {
        this.#vacuum();
      } catch (error) {
        this.#onTrouble(error as Error); // a full disk, say: unlike a checkpoint, nothing depends on it yet
      }
    }
  }

  stop(): void {
    this.#timers.forEach((timer) => clearInterval(timer));
  }

  /** One table at a time, because everybody waits for it. */
  #vacuum(): void {
    this.#session.run('SELECT pg_stat_force_next_flush()'); // else what was counted in the last second is missing
    const [table, vacuum] = this.#session.run(MOST_NEEDY)[0] ?? [];
    if (table) this.#session.run(vacuum === 't' ? `VACUUM (ANALYZE) ${table}` : `ANALYZE ${table}`);
    else this.#wroteSinceVacuum = false;
  }
}
