import type { TestProject } from 'vitest/node';
import { bootstrap } from '../../src/project/service.ts';
import { openEmbeddedDatabase } from '../../src/resources/embedded-database.ts';
import { migrate } from '../../src/store/migrate.ts';
import { removeFolder, temporaryFolder } from './child.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** A migrated data folder that each embedded server copies, which is faster than making its own. */
    embeddedTemplate: string;
  }
}

/** Makes the template for the run. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = await temporaryFolder('template');
  const database = await openEmbeddedDatabase(folder);
  await migrate(database.pool);
  await bootstrap(database.pool, undefined);
  await database.close();
  project.provide('embeddedTemplate', folder);
  return () => removeFolder(folder);
}
