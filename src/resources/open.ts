import type { Config } from '../config.ts';
import type { Resources, Using } from './resources.ts';

/** The flavour is decided here and nowhere else: DATABASE_URL names a PostgreSQL, without it everything is embedded. */
export async function openResources(config: Config, using: Using): Promise<Resources> {
  if (config.databaseUrl === undefined) return (await import('./embedded.ts')).openEmbedded(config, using);
  return (await import('./production.ts')).openProduction(config, config.databaseUrl, using);
}
