/** What a key may do; to users, its scopes. `admin` may do everything. */
export const PERMISSIONS = ['sessions:write', 'events:write', 'read', 'admin'] as const;
export type Permission = (typeof PERMISSIONS)[number];

/** Who asks. Every request has a caller; one without a key is `anonymous` and may do nothing. */
export type Caller = Anonymous | KeyCaller;

type Anonymous = { kind: 'anonymous' };

export type KeyCaller = {
  kind: 'key';
  projectId: string;
  keyId: string;
  keyName: string;
  /** SHA-256 of the key, as hex: what the cache, the rate limit and revoking know it by. */
  keyHash: string;
  scopes: ReadonlySet<Permission>;
  expiresAt: Date | null;
};

export const ANONYMOUS: Anonymous = { kind: 'anonymous' };
