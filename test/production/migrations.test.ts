import { readFile, readdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { PrismaPg } from '@prisma/adapter-pg';
import { bindMigrationAwareSqlAdapterFactory } from '@prisma/driver-adapter-utils';
import type { SqlMigrationAwareDriverAdapterFactory } from '@prisma/driver-adapter-utils';
import type * as Bindings from '@prisma/schema-engine-wasm';
import { Pool } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { migrate } from '../../src/store/migrate.ts';
import { createDatabase, startPostgres } from '../support/postgres.ts';
import type { Postgres } from '../support/postgres.ts';

// Our migrations and Prisma's own schema engine, the one that `prisma migrate deploy` asks, on one database.

const PRISMA = fileURLToPath(new URL('../../prisma/', import.meta.url));
const FOLDER = `${PRISMA}migrations/`;
const FILTERS = { externalTables: [], externalEnums: [] };

let postgres: Postgres;
let engines: typeof Bindings;
beforeAll(async () => {
  engines = await loadEngine();
  const started = await startPostgres();
  if ('missing' in started) throw new Error(started.missing);
  postgres = started;
});
afterAll(() => postgres.stop());

/** The engine as WebAssembly, which is all of it that an npm registry has. One for the file: its bindings hold one module. */
async function loadEngine(): Promise<typeof Bindings> {
  const glue = createRequire(import.meta.url).resolve('@prisma/schema-engine-wasm/schema_engine_bg');
  const bindings = (await import(glue)) as typeof Bindings & { __wbg_set_wasm: (exports: WebAssembly.Exports) => void };
  const { instance } = (await WebAssembly.instantiate(await readFile(glue.replace(/\.js$/, '.wasm')), { './schema_engine_bg.js': bindings as unknown as WebAssembly.ModuleImports })) as unknown as { instance: WebAssembly.Instance };
  bindings.__wbg_set_wasm(instance.exports);
  (instance.exports['__wbindgen_start'] as () => void)();
  return bindings;
}

/** Prisma's adapter cuts a script at every semicolon, those in function bodies too; its native engine, which ships, sends it whole. */
function wholeScripts(url: string, pool: Pool): SqlMigrationAwareDriverAdapterFactory {
  const factory = new PrismaPg({ connectionString: url });
  const connect = factory.connect.bind(factory);
  factory.connect = async () => Object.assign(await connect(), { executeScript: async (script: string) => void (await pool.query(script)) });
  return factory;
}

async function migrationsList(): Promise<Bindings.MigrationList> {
  const folders = (await readdir(FOLDER, { withFileTypes: true })).filter((entry) => entry.isDirectory()).map((entry) => entry.name).sort();
  return {
    baseDir: FOLDER,
    lockfile: { path: 'migration_lock.toml', content: await readFile(`${FOLDER}migration_lock.toml`, 'utf8') },
    shadowDbInitScript: '',
    migrationDirectories: await Promise.all(
      folders.map(async (path) => ({ path, migrationFile: { path: 'migration.sql', content: { tag: 'ok' as const, value: await readFile(`${FOLDER}${path}/migration.sql`, 'utf8') } } })),
    ),
  };
}

/** An empty database, our pool on it and Prisma's engine. */
async function open() {
  const url = await createDatabase(postgres.url, `migrations_${crypto.randomUUID().replaceAll('-', '')}`);
  const pool = new Pool({ connectionString: url });
  const datamodel = await readFile(`${PRISMA}schema.prisma`, 'utf8');
  const engine = await engines.SchemaEngine.new({ datamodels: [['schema.prisma', datamodel]] }, () => {}, bindMigrationAwareSqlAdapterFactory(wholeScripts(url, pool)));
  const list = await migrationsList();
  return {
    pool,
    names: list.migrationDirectories.map(({ path }) => path),
    deploy: async () => (await engine.applyMigrations({ migrationsList: list, filters: FILTERS })).appliedMigrationNames,
    diagnose: () => engine.diagnoseMigrationHistory({ migrationsList: list, optInToShadowDatabase: false, filters: FILTERS }),
    [Symbol.asyncDispose]: () => pool.end(),
  };
}

const IN_ORDER = { editedMigrationNames: [], failedMigrationNames: [], hasMigrationsTable: true, history: null };

describe('prisma migrate deploy', () => {
  it('finds nothing to do where a server has migrated, and its history in order', async () => {
    await using database = await open();
    expect(await migrate(database.pool)).toEqual(database.names);
    expect(await database.deploy()).toEqual([]);
    expect(await database.diagnose()).toEqual(IN_ORDER);
  });

  it('migrates an empty database, and a server then finds nothing to do', async () => {
    await using database = await open();
    expect(await database.deploy()).toEqual(database.names);
    expect(await migrate(database.pool)).toEqual([]);
    expect(await database.diagnose()).toEqual(IN_ORDER);
  });
});

it('the tables have the columns that schema.prisma names, of its types and as optional as it says', async () => {
  await using database = await open();
  await migrate(database.pool);
  const { rows } = await database.pool.query<{ table_name: string; column_name: string; udt_name: string; is_nullable: string }>(
    `SELECT table_name, column_name, udt_name, is_nullable FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> '_prisma_migrations'`,
  );
  const found = rows.map((row) => [row.table_name, row.column_name, row.udt_name, row.is_nullable === 'YES' ? 'optional' : 'required'].join(' '));
  expect(found.sort()).toEqual(columnsOf(await readFile(`${PRISMA}schema.prisma`, 'utf8')).sort());
});

const TYPES: Record<string, string> = { String: 'text', BigInt: 'int8', Int: 'int4', Float: 'float8', Boolean: 'bool', Json: 'jsonb', Decimal: 'numeric', DateTime: 'timestamptz', Bytes: 'bytea' };

/** `table column type optional|required` of every scalar field of a Prisma schema. */
function columnsOf(schema: string): string[] {
  return [...schema.matchAll(/^model (\w+) \{\n(.*?)^\}/gms)].flatMap(([, model, body]) => {
    const table = /@@map\("(\w+)"\)/.exec(body!)?.[1] ?? model!;
    return [...body!.matchAll(/^ {2}(\w+) +(\w+)(\[\]|\?)?(.*)$/gm)].flatMap(([, field, type, mark, attributes]) => {
      const udt = TYPES[type!];
      const column = /@map\("(\w+)"\)/.exec(attributes!)?.[1] ?? field!;
      return udt ? [`${table} ${column} ${mark === '[]' ? '_' : ''}${udt} ${mark ? 'optional' : 'required'}`] : [];
    });
  });
}
