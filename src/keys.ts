import { parseArgs } from 'node:util';
import { z } from 'zod';
import { insertKey, revokeKey } from './api-key/service.ts';
import { PERMISSIONS } from './auth/caller.ts';
import type { Permission } from './auth/caller.ts';
import { ConfigError, configFromProcess } from './config.ts';
import type { Config } from './config.ts';
import { AppError } from './errors.ts';
import type { Bus } from './live/bus.ts';
import { createLogger } from './log.ts';
import { createMetrics } from './metrics.ts';
import { DEFAULT_PROJECT } from './project/service.ts';
import { FolderLockedError } from './resources/folder-lock.ts';
import { openResources } from './resources/open.ts';
import { createStore } from './store/client.ts';
import { isDatabaseAway } from './store/database-error.ts';
import { MigrationError, migrate } from './store/migrate.ts';

// The operator's command line: whoever may open the database may make keys, so it asks for none.

const USAGE = `Usage:
  npm run keys -- create --name <name> --scopes <scope>[,<scope>…] [--expires <date>] [--project <id>]
  npm run keys -- list [--project <id>]
  npm run keys -- revoke <id> [--project <id>]

Scopes: ${PERMISSIONS.join(', ')}. A date is 2027-01-01, or 2027-01-01T12:00:00Z. Default project: ${DEFAULT_PROJECT}; create makes a missing one.
`;

/** How long a revoke waits for Redis, in milliseconds. */
const BUS_WITHIN_MS = 3_000;
const ANSWER_WITHIN_MS = 10_000;

type NewKey = { name: string; scopes: Permission[]; expiresAt: Date | undefined };
type Command = { project: string | undefined } & ({ what: 'create'; key: NewKey } | { what: 'list' } | { what: 'revoke'; id: string });
/** What is shown of a key. */
type Row = { id: string; name: string; prefix: string; scopes: string[]; createdAt: Date; expiresAt: Date | null; revokedAt: Date | null };

type Keys = {
  create(key: NewKey): Promise<{ key: string; apiKey: Row }>;
  list(): Promise<Row[]>;
  revoke(id: string): Promise<Row>;
};

/** The operator's to mend: said in a sentence, without a stack. */
class Refusal extends Error {}
class UsageError extends Refusal {}

function readCommand(args: string[]): Command | 'help' {
  const { values, positionals } = parsed(args);
  if (values.help) return 'help';
  const [what, id, ...rest] = positionals;
  const { project, name, scopes, expires } = values;
  if (project !== undefined && !/^[\w.-]{1,100}$/.test(project)) throw new UsageError('--project: expected up to 100 letters, digits, "_", "-" and ".".');
  if (what === undefined) throw new UsageError('What to do is missing: create, list or revoke.');
  if (what !== 'create' && what !== 'list' && what !== 'revoke') throw new UsageError(`"${what}" is none of create, list and revoke.`);
  if (what !== 'create' && (name ?? scopes ?? expires) !== undefined) throw new UsageError(`${what} takes no option but --project.`);
  const surplus = what === 'revoke' ? rest[0] : id;
  if (surplus !== undefined) throw new UsageError(`"${surplus}" is one argument too many.`);
  if (what === 'list') return { what, project };
  if (what === 'revoke') {
    if (!id) throw new UsageError('revoke needs the id of a key, as list shows it.');
    return { what, id, project };
  }
  if (!name) throw new UsageError('create needs --name: what the key is for.');
  if (name.length > 200) throw new UsageError('--name: expected at most 200 characters.');
  return { what, project, key: { name, scopes: readScopes(scopes), expiresAt: readExpiry(expires) } };
}

function parsed(args: string[]) {
  const text = { type: 'string' } as const;
  try {
    return parseArgs({ args, allowPositionals: true, options: { name: text, scopes: text, expires: text, project: text, help: { type: 'boolean', short: 'h' } } });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function readScopes(text = ''): Permission[] {
  const given = text.split(',').map((scope) => scope.trim()).filter(Boolean);
  const unknown = given.find((scope) => !PERMISSIONS.some((known) => known === scope));
  if (unknown !== undefined) throw new UsageError(`--scopes: "${unknown}" is none of ${PERMISSIONS.join(', ')}.`);
  if (given.length === 0) throw new UsageError('create needs --scopes: what the key may do.');
  return PERMISSIONS.filter((scope) => given.includes(scope));
}

function readExpiry(text: string | undefined): Date | undefined {
  if (text === undefined) return undefined;
  if (!z.union([z.iso.date(), z.iso.datetime({ offset: true })]).safeParse(text).success) throw new UsageError(`--expires: "${text}" is not a date such as 2027-01-01.`);
  const date = new Date(text);
  if (date.getTime() <= Date.now()) throw new UsageError(`--expires: ${text} is in the past.`);
  return date;
}

/** Calls back with the keys of the database; of the server that has the embedded database open, where one has. */
async function withKeys<T>(config: Config, command: Command, use: (keys: Keys) => Promise<T>): Promise<T> {
  // Not logged: what matters is said in a sentence, and standard output is for the answer.
  const using = { log: createLogger('silent'), metrics: createMetrics() };
  const resources = await openResources(config, using).catch((error: unknown) => {
    if (error instanceof FolderLockedError) return error;
    throw error;
  });
  if (resources instanceof FolderLockedError) return use(await keysOfServer(config, command.project, resources));
  const store = createStore(resources.pool);
  try {
    await migrate(resources.pool);
    const projectId = command.project ?? DEFAULT_PROJECT;
    if (command.what === 'create' || projectId === DEFAULT_PROJECT) await store.project.createMany({ data: [{ id: projectId, name: projectId }], skipDuplicates: true });
    else if (!(await store.project.findUnique({ where: { id: projectId } }))) throw new Refusal(`There is no project "${projectId}".`);
    return await use({
      create: (key) => insertKey(store, projectId, key),
      list: () => store.apiKey.findMany({ where: { projectId }, orderBy: [{ createdAt: 'desc' }, { id: 'desc' }] }),
      async revoke(id) {
        const told = await isUp(resources.bus);
        const row = await revokeKey(store, { revoked: (hash) => resources.bus.publish({ topic: 'keys', hash }) }, projectId, id);
        if (!told) process.stderr.write('Redis did not answer: running servers notice by themselves, within 30 seconds.\n');
        else if (config.databaseUrl && !config.redisUrl) process.stderr.write('REDIS_URL is not set: a running server notices by itself, within 30 seconds.\n');
        return row;
      },
    });
  } finally {
    await store.$disconnect();
    await resources.close(); // the bus sends what was published first
  }
}

/** Waits for the bus to be connected; what is published before is dropped. */
async function isUp(bus: Bus): Promise<boolean> {
  const deadline = Date.now() + BUS_WITHIN_MS;
  while (bus.state() !== 'up') {
    if (Date.now() > deadline) return false;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return true;
}

// What the server answers with; a Row, as JSON has it.
const ServerRow = z.object({
  id: z.string(),
  name: z.string(),
  prefix: z.string(),
  scopes: z.array(z.string().transform((scope) => scope.toLowerCase().replace('_', ':'))),
  createdAt: z.coerce.date(),
  expiresAt: z.coerce.date().nullable(),
  revokedAt: z.coerce.date().nullable(),
});
const FIELDS = '{ id name prefix scopes createdAt expiresAt revokedAt }';

/** Through a running server's own GraphQL, with a key of scope admin. */
async function keysOfServer(config: Config, project: string | undefined, locked: FolderLockedError): Promise<Keys> {
  const holder = `The data folder ${locked.folder} is in use by ${locked.pid === undefined ? 'another process' : `process ${locked.pid}`}`;
  const { apiUrl, apiKey } = config;
  if (!apiKey) throw new Refusal(`${holder}: set SENTRIAL_API_KEY to a key with the scope admin, to go through the server at ${apiUrl} (SENTRIAL_API_URL), or stop that process first.`);

  async function ask<Shape extends z.ZodType>(shape: Shape, query: string, variables: Record<string, unknown> = {}): Promise<z.output<Shape>> {
    const response = await fetch(`${apiUrl}/graphql`, {
      method: 'POST',
      headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({ query, variables }),
      signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
    }).catch(() => {
      throw new Refusal(`${holder}, and no server answers at ${apiUrl}: set SENTRIAL_API_URL to where it listens, or stop that process first.`);
    });
    const answer = z.object({ data: z.unknown().optional(), errors: z.array(z.object({ message: z.string() })).optional() }).safeParse(await response.json().catch(() => undefined));
    const refused = answer.data?.errors?.[0]?.message;
    if (refused !== undefined) throw new Refusal(`The server at ${apiUrl} refused: ${refused}.`);
    const data = shape.safeParse(answer.data?.data);
    if (!data.success) throw new Refusal(`What answers at ${apiUrl} (HTTP ${response.status}) is not a Sentrial server: set SENTRIAL_API_URL to where it listens.`);
    return data.data;
  }

  if (project !== undefined) {
    // A server's key is good for its own project only.
    const { viewer } = await ask(z.object({ viewer: z.object({ project: z.object({ id: z.string() }) }) }), '{ viewer { project { id } } }');
    if (viewer.project.id !== project) throw new Refusal(`SENTRIAL_API_KEY belongs to project "${viewer.project.id}", not to "${project}": use a key of that project, or stop the server first.`);
  }
  return {
    async create({ name, scopes, expiresAt }) {
      const query = `mutation ($input: CreateApiKeyInput!) { createApiKey(input: $input) { key apiKey ${FIELDS} } }`;
      const input = { name, scopes: scopes.map((scope) => scope.toUpperCase().replace(':', '_')), expiresAt };
      return (await ask(z.object({ createApiKey: z.object({ key: z.string(), apiKey: ServerRow }) }), query, { input })).createApiKey;
    },
    list: async () => (await ask(z.object({ apiKeys: z.array(ServerRow) }), `{ apiKeys ${FIELDS} }`)).apiKeys,
    revoke: async (id) => (await ask(z.object({ revokeApiKey: ServerRow }), `mutation ($input: RevokeApiKeyInput!) { revokeApiKey(input: $input) ${FIELDS} }`, { input: { id } })).revokeApiKey,
  };
}

function table(rows: readonly Row[]): string {
  const day = (date: Date | null) => date?.toISOString().slice(0, 16).replace('T', ' ') ?? '-';
  const state = ({ revokedAt, expiresAt }: Row) => (revokedAt ? 'revoked' : expiresAt && expiresAt.getTime() <= Date.now() ? 'expired' : 'active');
  const lines = rows.map((row) => [row.id, printable(row.name), `${row.prefix}…`, row.scopes.join(','), day(row.createdAt), day(row.expiresAt), state(row)]);
  const all = [['ID', 'NAME', 'BEGINS', 'SCOPES', 'CREATED', 'EXPIRES', 'STATE'], ...lines];
  const widths = all[0]!.map((_, column) => Math.max(...all.map((line) => line[column]!.length)));
  return all.map((line) => `${line.map((cell, column) => cell.padEnd(widths[column]!)).join('  ').trimEnd()}\n`).join('');
}

/** A name may hold anything; a terminal is not to be steered by it. */
const printable = (text: string) => text.replace(/\p{C}/gu, '?');

async function run(keys: Keys, command: Command): Promise<void> {
  if (command.what === 'list') return void process.stdout.write(table(await keys.list()));
  if (command.what === 'revoke') {
    const { id, name } = await keys.revoke(command.id);
    return void process.stdout.write(`Revoked ${id} (${printable(name)}).\n`);
  }
  const { key, apiKey } = await keys.create(command.key);
  // The key alone on standard output, so that a script can take it from there.
  process.stderr.write(`Created ${apiKey.id} (${printable(apiKey.name)}): ${apiKey.scopes.join(', ')}. The key is shown this once:\n`);
  process.stdout.write(`${key}\n`);
}

async function main() {
  const args = process.argv.slice(2);
  const command = readCommand(args[0] === 'keys' ? args.slice(1) : args); // scripts/start.js leaves its own argument in front
  if (command === 'help') return void process.stdout.write(USAGE);
  await withKeys(configFromProcess(), command, (keys) => run(keys, command));
}

function said(error: unknown): string {
  if (error instanceof UsageError) return `${error.message}\n\n${USAGE.trimEnd()}`;
  if ([Refusal, ConfigError, AppError, MigrationError].some((known) => error instanceof known)) return (error as Error).message;
  if (!(error instanceof Error)) return String(error);
  return isDatabaseAway(error) ? `The database does not answer: ${error.message || String((error as NodeJS.ErrnoException).code)}.` : (error.stack ?? error.message);
}

main().catch((error: unknown) => {
  process.stderr.write(`${said(error)}\n`);
  process.exitCode = 1;
});
