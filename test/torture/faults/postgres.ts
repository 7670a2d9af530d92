import { setTimeout as pause } from 'node:timers/promises';
import type pg from 'pg';
import type { Postgres } from '../../support/postgres.ts';
import type { World } from '../world.ts';
import { seconds } from './fault.ts';
import type { Fault, Lane } from './fault.ts';

const LONGEST_AWAY_MS = 3_000;
const LONGEST_FREEZE_MS = 8_000;
const LONGEST_LOCK_MS = 9_000;
const LONGEST_READ_ONLY_MS = 5_000;

/** What happens to PostgreSQL, and to the servers' connections inside it. */
export const postgresLanes = (world: World): Lane[] => (world.postgres ? [{ name: 'postgres', faults: faultsOf(world, world.postgres) }] : []);

function faultsOf({ connect, troubles, projects }: World, postgres: Postgres): Fault[] {
  /** While `work` goes on, a server may not start, and may not stop in order: its database is not there. */
  async function away<T>(work: () => Promise<T>): Promise<T> {
    const end = troubles.begin('start', 'stop');
    try {
      return await work();
    } finally {
      end();
    }
  }

  async function ask<T>(work: (client: pg.Client) => Promise<T>): Promise<T> {
    const client = await connect();
    try {
      return await work(client);
    } finally {
      await client.end();
    }
  }

  const restart = (signal: NodeJS.Signals): Fault => ({
    name: `${signal} of PostgreSQL`,
    weight: 3,
    inject: (_scene, random) => {
      const ms = random.size(100, LONGEST_AWAY_MS);
      return away(async () => {
        await postgres.kill(signal);
        await pause(ms);
        await postgres.restart();
        return `${signal} of PostgreSQL, started ${seconds(ms)} later`;
      });
    },
  });

  /** A statement for each backend of these that runs now. */
  const backends = (name: string, weight: number, call: string, which: string): Fault => ({
    name,
    weight,
    inject: () =>
      away(async () => {
        const { rowCount } = await ask((client) => client.query(`SELECT ${call}(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND ${which}`));
        return `${name}: ${rowCount}`;
      }),
  });

  /** A row that every write of a project, or of a session, has to wait for. */
  const lock = (name: string, table: 'project' | 'session'): Fault => ({
    name,
    weight: 3,
    inject: (_scene, random) => {
      const [project, ms] = [random.pick(projects), random.size(200, LONGEST_LOCK_MS)];
      return ask(async (client) => {
        await client.query('BEGIN');
        const newest = table === 'project' ? 'id = $1' : 'project_id = $1 ORDER BY position DESC LIMIT 1';
        await client.query(`SELECT 1 FROM ${table} WHERE ${newest} FOR UPDATE`, [project.id]);
        await pause(ms);
        await client.query('COMMIT');
        return `${name} held for ${seconds(ms)}`;
      });
    },
  });

  return [
    restart('SIGKILL'),
    restart('SIGINT'),
    {
      name: 'SIGSTOP of PostgreSQL',
      weight: 3,
      inject: (_scene, random) => {
        const ms = random.size(200, LONGEST_FREEZE_MS);
        return away(async () => {
          await postgres.pause();
          await pause(ms);
          await postgres.resume();
          return `SIGSTOP of PostgreSQL for ${seconds(ms)}`;
        });
      },
    },
    {
      name: "SIGSTOP of a writer's backend",
      weight: 2,
      inject: (_scene, random) => {
        const [ms, place] = [random.size(200, LONGEST_FREEZE_MS), random.next()];
        return away(async () => {
          const { rows } = await ask((client) => client.query<{ pid: number }>("SELECT pid FROM pg_stat_activity WHERE application_name = 'sentrial-writer' ORDER BY pid"));
          const pid = rows[Math.floor(place * rows.length)]?.pid;
          if (pid === undefined) return "SIGSTOP of a writer's backend: there was none";
          process.kill(pid, 'SIGSTOP');
          await pause(ms);
          process.kill(pid, 'SIGCONT');
          return `SIGSTOP of a writer's backend for ${seconds(ms)}`;
        });
      },
    },
    backends('terminate writers', 4, 'pg_terminate_backend', "application_name = 'sentrial-writer'"),
    backends('terminate all backends', 3, 'pg_terminate_backend', "application_name LIKE 'sentrial%'"),
    backends('cancel all statements', 2, 'pg_cancel_backend', "application_name LIKE 'sentrial%' AND state = 'active'"),
    {
      name: 'read-only',
      weight: 3,
      inject: (_scene, random) => {
        const ms = random.size(200, LONGEST_READ_ONLY_MS);
        return away(() =>
          ask(async (client) => {
            await client.query('ALTER SYSTEM SET default_transaction_read_only = on');
            await client.query('SELECT pg_reload_conf()');
            await pause(ms);
            await client.query('ALTER SYSTEM RESET default_transaction_read_only');
            await client.query('SELECT pg_reload_conf()');
            return `PostgreSQL read-only for ${seconds(ms)}`;
          }),
        );
      },
    },
    lock('project row', 'project'),
    lock('session row', 'session'),
  ];
}
