import type { Permission } from '../auth/caller.ts';

export type NewKey = { name: string; scopes: Permission[]; expiresAt: Date | undefined };

/** What is shown of a key. */
export type KeyRow = { id: string; name: string; prefix: string; scopes: string[]; createdAt: Date; expiresAt: Date | null; revokedAt: Date | null };

/** The keys of one project, wherever they are reached: in the database, or through the server that has it open. */
export type Keys = {
  create(key: NewKey): Promise<{ key: string; apiKey: KeyRow }>;
  list(): Promise<KeyRow[]>;
  revoke(id: string): Promise<KeyRow>;
};

/** The operator's to mend: said in a sentence, without a stack. */
export class Refusal extends Error {}
