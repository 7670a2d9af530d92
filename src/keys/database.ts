import { insertKey, revokeKey } from '../api-key/service.ts';
import type { Config } from '../config.ts';
import type { Bus } from '../live/bus.ts';
import { createLogger } from '../log.ts';
import { createMetrics } from '../metrics.ts';
import { DEFAULT_PROJECT } from '../project/service.ts';
import { openResources } from '../resources/open.ts';
import { createStore } from '../store/client.ts';
import { migrate } from '../store/migrate.ts';
import { Refusal } from './keys.ts';
import type { Keys } from './keys.ts';

/** How long a revoke waits for Redis, in milliseconds. */
const BUS_WITHIN_MS = 3_000;

/**
 * Calls back with the keys of a project in the database that the configuration names, open for that long. A project
 * that is missing is made for whoever makes a key. Throws Refusal (no such project), and FolderLockedError while
 * another process has the embedded database open.
 */
export async function withDatabase<T>(config: Config, { project = DEFAULT_PROJECT, what }: { project: string | undefined; what: string }, use: (keys: Keys) => Promise<T>): Promise<T> {
  // Not logged: what matters is said in a sentence, and standard output is for the answer.
  const resources = await openResources(config, { log: createLogger('silent'), metrics: createMetrics() });
  const store = createStore(resources.pool);
  try {
    await migrate(resources.migrationPool);
    if (what === 'create' || project === DEFAULT_PROJECT) await store.project.createMany({ data: [{ id: project, name: project }], skipDuplicates: true });
    else if (!(await store.project.findUnique({ where: { id: project } }))) throw new Refusal(`There is no project "${project}".`);
    return await use({
      create: (key) => insertKey(store, project, key),
      list: () => store.apiKey.findMany({ where: { projectId: project }, orderBy: [{ createdAt: 'desc' }, { id: 'desc' }] }),
      async revoke(id) {
        const told = await isUp(resources.bus);
        const row = await revokeKey(store, { revoked: (hash) => resources.bus.publish({ topic: 'keys', hash }) }, project, id);
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
