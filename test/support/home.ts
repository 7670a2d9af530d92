import { cp } from 'node:fs/promises';
import { inject } from 'vitest';
import { removeFolder, temporaryFolder } from './child.ts';
import { createDatabase } from './postgres.ts';

/** What a server process of this flavour keeps its data in: the same at each start. */
type Home = AsyncDisposable & { env: Record<string, string> };

export async function emptyHome(): Promise<Home> {
  if (inject('flavour') === 'embedded') {
    const folder = await temporaryFolder('home');
    return { env: { SENTRIAL_DATA_DIR: folder }, [Symbol.asyncDispose]: () => removeFolder(folder) };
  }
  const production = inject('production');
  if ('missing' in production) throw new Error(production.missing);
  const databaseUrl = await createDatabase(production.databaseUrl, `home_${crypto.randomUUID().replaceAll('-', '')}`);
  return { env: { DATABASE_URL: databaseUrl, REDIS_URL: production.redisUrl }, [Symbol.asyncDispose]: () => Promise.resolve() };
}

/** One whose database is migrated already, where that is faster. */
export async function migratedHome(): Promise<Home> {
  const home = await emptyHome();
  const folder = home.env['SENTRIAL_DATA_DIR'];
  if (folder) await cp(inject('embeddedTemplate'), folder, { recursive: true });
  return home;
}
