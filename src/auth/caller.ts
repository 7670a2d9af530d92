/** What a key may do. `admin` may do everything. */
export const SCOPES = ['sessions:write', 'events:write', 'read', 'admin'] as const;
export type Scope = (typeof SCOPES)[number];

/** Who asks. Every request has a caller; one without a key is `anonymous` and may do nothing. */
export type Caller = Anonymous | KeyCaller;

export type Anonymous = { kind: 'anonymous' };

export type KeyCaller = {
  kind: 'key';
  projectId: string;
  keyId: string;
  keyName: string;
  /** SHA-256 of the key, as hex: what the cache, the rate limit and revoking know it by. */
  keyHash: string;
  scopes: ReadonlySet<Scope>;
  expiresAt: Date | null;
};

export const ANONYMOUS: Anonymous = { kind: 'anonymous' };
