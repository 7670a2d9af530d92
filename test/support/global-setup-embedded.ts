import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { bootstrap } from '../../src/project/service.ts';
import { openEmbeddedDatabase } from '../../src/resources/embedded-database.ts';
import { migrate } from '../../src/store/migrate.ts';

/** Makes one migrated data folder for the run; each server copies it, which is faster than making its own. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'sentrial-template-'));
  const database = await openEmbeddedDatabase(folder);
  await migrate(database.pool);
  await bootstrap(database.pool, undefined);
  await database.close();
  project.provide('embeddedTemplate', folder);
  return () => rm(folder, { recursive: true, force: true, maxRetries: 5 });
}
