import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { createStore } from '../../src/store/client.ts';
import { migrate } from '../../src/store/migrate.ts';
import { openEmbeddedDatabase } from '../../src/resources/embedded-database.ts';
import { removeFolder, temporaryFolder } from '../support/child.ts';
import { createDatabase, startPostgres } from '../support/postgres.ts';
import type { Postgres } from '../support/postgres.ts';
import { startRedis } from '../support/redis.ts';
import type { RedisServer } from '../support/redis.ts';
import { createTenant } from '../support/tenant.ts';
import type { Breaches } from './breaches.ts';
import { mountDisk } from './disk.ts';
import type { Disk } from './disk.ts';
import type { Project } from './model.ts';
import { startProxy } from './proxy.ts';
import type { Proxy } from './proxy.ts';
import type { Random } from './random.ts';
import { Server } from './server.ts';
import { Troubles } from './troubles.ts';

export type Backend = 'embedded' | 'postgres';

/** The processes under torture and what they share. */
export interface World extends AsyncDisposable {
  readonly backend: Backend;
  readonly servers: readonly Server[];
  readonly projects: readonly Project[];
  readonly troubles: Troubles;
  readonly breaches: Breaches;
  /** The backend postgres only. */
  readonly postgres: Postgres | undefined;
  readonly redis: RedisServer | undefined;
  /** Under the database; undefined where we may not mount one. */
  readonly disk: Disk | undefined;
  /** A connection to PostgreSQL beside the servers', without a proxy. */
  readonly connect: () => Promise<pg.Client>;
  /** The tables, read while no server runs. */
  readonly tables: () => Promise<{ pool: pg.Pool; close: () => Promise<void> }>;
}

const PROJECTS = 2;
const BOOTSTRAP_KEY = 'sentrial_live_torture00000000000000000000000000000000';

export async function createWorld(backend: Backend, using: { servers: number; breaches: Breaches }): Promise<World> {
  /** What to dispose of, the last one first. */
  const parts: AsyncDisposable[] = [];
  const dispose = async () => {
    for (const part of parts.reverse()) await part[Symbol.asyncDispose]();
  };
  try {
    const disk = await mountDisk();
    if (disk) parts.push(disk);
    const home = disk?.folder ?? (await temporaryFolder('torture'));
    if (!disk) parts.push({ [Symbol.asyncDispose]: () => removeFolder(home) });

    const data = join(home, 'data');
    await mkdir(data);
    const common = { troubles: new Troubles(), breaches: using.breaches };
    const made = await (backend === 'embedded' ? embedded(data, common) : onPostgres(data, { ...common, servers: using.servers }, parts));
    parts.push(...made.servers);
    return { backend, disk, projects: await createProjects(made.tables), ...common, ...made, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

type Common = { troubles: Troubles; breaches: Breaches };
type Made = Pick<World, 'servers' | 'postgres' | 'redis' | 'connect' | 'tables'>;

async function embedded(folder: string, common: Common): Promise<Made> {
  const server = await Server.create('server', { ...common, links: {}, env: { SENTRIAL_DATA_DIR: folder, SENTRIAL_BOOTSTRAP_API_KEY: BOOTSTRAP_KEY } });
  return {
    servers: [server],
    postgres: undefined,
    redis: undefined,
    connect: () => Promise.reject(new Error('an embedded database has one connection, the server')),
    tables: () => openEmbeddedDatabase(folder),
  };
}

async function onPostgres(folder: string, { servers: count, ...common }: Common & { servers: number }, parts: AsyncDisposable[]): Promise<Made> {
  const [postgres, redis] = await Promise.all([startPostgres(folder), startRedis()]);
  for (const started of [postgres, redis]) if (!('missing' in started)) parts.push(started);
  if ('missing' in postgres) throw new Error(postgres.missing);
  if ('missing' in redis) throw new Error(redis.missing);
  const databaseUrl = await createDatabase(postgres.url, 'torture');

  const servers: Server[] = [];
  for (let n = 1; n <= count; n++) {
    const links = { postgres: await linkTo(databaseUrl), redis: await linkTo(redis.url) };
    const env = { DATABASE_URL: through(links.postgres, databaseUrl), REDIS_URL: through(links.redis, redis.url), SENTRIAL_BOOTSTRAP_API_KEY: BOOTSTRAP_KEY };
    servers.push(await Server.create(`server ${n}`, { ...common, links, env }));
  }
  return {
    servers,
    postgres,
    redis,
    async connect() {
      const client = new pg.Client({ connectionString: databaseUrl, connectionTimeoutMillis: 3_000, query_timeout: 10_000, application_name: 'torture' });
      client.on('error', () => undefined); // a fault may end it; its queries say so
      await client.connect();
      await client.query('SET default_transaction_read_only = off');
      return client;
    },
    tables() {
      const pool = new pg.Pool({ connectionString: databaseUrl });
      return Promise.resolve({ pool, close: () => pool.end() });
    },
  };
}

const linkTo = (url: string): Promise<Proxy> => {
  const port = Number(new URL(url).port);
  return startProxy(() => port);
};

function through(link: Proxy, url: string): string {
  const by = new URL(url);
  by.port = String(link.port);
  return by.href;
}

async function createProjects(open: World['tables']): Promise<Project[]> {
  const { pool, close } = await open();
  try {
    await migrate(pool);
    const store = createStore(pool);
    const projects: Project[] = [];
    for (let n = 0; n < PROJECTS; n++) {
      const { projectId, key } = await createTenant('', { services: { store } });
      projects.push({ id: projectId, key });
    }
    await store.$disconnect();
    return projects;
  } finally {
    await close();
  }
}

/** Any of the servers, whether it is up or not. */
export const anyServer = ({ servers }: Pick<World, 'servers'>) => (random: Random) => random.pick(servers).url;
