import { SCOPES } from '../auth/caller.ts';
import { hashKey, newKey, shownPrefix } from '../auth/key-format.ts';
import type { Store } from '../store/client.ts';
import { newId } from '../store/ids.ts';

/** The project that a first start creates, and that `npm run keys` uses. */
export const DEFAULT_PROJECT = 'default';

/**
 * Makes sure there is a project and a key to begin with. Returns a key only where it made one of its own: it is
 * shown once and kept nowhere. A given bootstrap key is created if missing and left alone if there.
 * Several servers may do this at once.
 */
export async function bootstrap(store: Store, bootstrapKey: string | undefined): Promise<string | undefined> {
  await store.project.createMany({ data: [{ id: DEFAULT_PROJECT, name: DEFAULT_PROJECT }], skipDuplicates: true });
  if (bootstrapKey) {
    await store.apiKey.createMany({ data: [keyRow(bootstrapKey, 'bootstrap')], skipDuplicates: true });
    return undefined;
  }
  return store.$transaction(async (tx) => {
    await tx.$queryRaw`SELECT 1 FROM project WHERE id = ${DEFAULT_PROJECT} FOR UPDATE`;
    if ((await tx.apiKey.count({ where: { projectId: DEFAULT_PROJECT } })) > 0) return undefined;
    const key = newKey();
    await tx.apiKey.create({ data: keyRow(key, 'first') });
    return key;
  });
}

const keyRow = (key: string, name: string) => ({
  projectId: DEFAULT_PROJECT,
  id: newId('key'),
  name,
  prefix: shownPrefix(key),
  hash: Uint8Array.from(hashKey(key)),
  scopes: [...SCOPES],
});
