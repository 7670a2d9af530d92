import { z } from 'zod';
import { assertMay } from '../auth/authorize.ts';
import { PERMISSIONS } from '../auth/caller.ts';
import { hashKey, newKey, shownPrefix } from '../auth/key-format.ts';
import type { KeyRing } from '../auth/key-ring.ts';
import { apiKeyNotFound, badInput } from '../errors.ts';
import type { ApiKey } from '../generated/prisma/client.ts';
import type { Scope } from '../scope.ts';
import type { Store } from '../store/client.ts';
import { newId } from '../store/ids.ts';
import { validate } from '../store/validate.ts';

const ApiKeyInput = z.object({
  name: z.string().min(1).max(200),
  scopes: z.array(z.enum(PERMISSIONS)).min(1),
  expiresAt: z.date().nullish(),
});

export type CreatedKey = {
  apiKey: ApiKey;
  /** The key itself: shown now and never again. */
  key: string;
};

/** Creates a key for the caller's project. Throws BAD_USER_INPUT. */
export async function createApiKey(scope: Scope, input: unknown): Promise<CreatedKey> {
  const { projectId } = assertMay(scope.caller, 'admin');
  return insertKey(scope.services.store, projectId, input);
}

/** Revokes a key: requests with it are refused from now on, on every server, and its live connections closed. Throws NOT_FOUND. */
export async function revokeApiKey(scope: Scope, id: string): Promise<ApiKey> {
  const { projectId } = assertMay(scope.caller, 'admin');
  return revokeKey(scope.services.store, scope.services.keyRing, projectId, id);
}

/** The keys of the caller's project, newest first. */
export async function listApiKeys(scope: Scope): Promise<ApiKey[]> {
  const { projectId } = assertMay(scope.caller, 'admin');
  return scope.services.store.apiKey.findMany({ where: { projectId }, orderBy: [{ createdAt: 'desc' }, { id: 'desc' }] });
}

/** As createApiKey, for the operator's command line, which needs no key of its own. */
export async function insertKey(store: Store, projectId: string, input: unknown): Promise<CreatedKey> {
  const { value } = validate(ApiKeyInput, input, 'API key');
  if (value.expiresAt && value.expiresAt.getTime() <= Date.now()) throw badInput('API key is not valid: expiresAt is in the past');
  const key = newKey();
  const apiKey = await store.apiKey.create({
    data: {
      projectId,
      id: newId('key'),
      name: value.name,
      prefix: shownPrefix(key),
      hash: Uint8Array.from(hashKey(key)),
      scopes: [...new Set(value.scopes)],
      expiresAt: value.expiresAt ?? null,
    },
  });
  return { apiKey, key };
}

/** As revokeApiKey, for the operator's command line. */
export async function revokeKey(store: Store, keyRing: Pick<KeyRing, 'revoked'>, projectId: string, id: string): Promise<ApiKey> {
  const where = { projectId_id: { projectId, id } };
  const found = id.includes('\0') ? null : await store.apiKey.findUnique({ where });
  if (!found) throw apiKeyNotFound(id);
  const revoked = found.revokedAt ? found : await store.apiKey.update({ where, data: { revokedAt: new Date() } });
  keyRing.revoked(Buffer.from(revoked.hash).toString('hex'));
  return revoked;
}
