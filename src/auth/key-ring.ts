import { LRUCache } from 'lru-cache';
import type { Pool } from 'pg';
import { AppError, databaseUnavailable, unauthenticated } from '../errors.ts';
import type { Bus } from '../live/bus.ts';
import type { KeyCaller, Permission } from './caller.ts';
import { hashKey, sameHash } from './key-format.ts';

/** How long a key is trusted without asking the database: the longest a revoke may take when its message is lost. */
const CACHE_MS = 30_000;
const CACHED_KEYS = 10_000;
/** How long a key is remembered as unknown, so that a client that repeats it does not reach the database each time. */
const UNKNOWN_MS = 2_000;
/** setTimeout's longest; a key that expires later is looked at again by then. */
const LONGEST_TIMER_MS = 2_147_483_647;

export type KeyRing = {
  /**
   * The caller a key stands for. Throws UNAUTHENTICATED where it is unknown, revoked or expired. All suspect keys
   * together, which come from addresses that send bad ones, are looked up by one statement at a time.
   */
  identify(key: string, how?: { suspect: boolean }): Promise<KeyCaller>;
  /** Calls back once when the key is revoked or expires; for connections that outlive a request. */
  whenEnded(caller: KeyCaller, callback: (why: 'revoked' | 'expired') => void): () => void;
  /** Forgets a revoked key here and on every other server. */
  revoked(hash: string): void;
  close(): void;
};

type KeyRow = { project_id: string; id: string; name: string; hash: Buffer; scopes: Permission[]; expires_at: Date | null; revoked_at: Date | null };

export async function createKeyRing({ pool, bus, cacheMs = CACHE_MS }: { pool: Pool; bus: Bus; cacheMs?: number }): Promise<KeyRing> {
  const known = new LRUCache<string, KeyCaller>({ max: CACHED_KEYS, ttl: cacheMs });
  /** Apart, so that guesses do not drive good keys out. */
  const unknown = new LRUCache<string, true>({ max: CACHED_KEYS, ttl: UNKNOWN_MS });
  const watchers = new Map<string, Set<(why: 'revoked' | 'expired') => void>>();
  /** Moves on with every message: what was looked up before it may be the state before it. */
  let epoch = 0;

  const unsubscribe = await bus.subscribeKeys(({ hash }) => {
    epoch++;
    known.delete(hash);
    for (const end of watchers.get(hash) ?? []) end('revoked');
  });
  // Messages may have been lost: ask the database about every key again, watched ones now.
  const stopGap = bus.onGap(() => {
    epoch++;
    known.clear();
    void recheck([...watchers.keys()]);
  });
  const sweep = setInterval(() => void recheck([...watchers.keys()]), cacheMs);
  sweep.unref();

  /** Ends what is watched of those that are no longer good. */
  async function recheck(hashes: readonly string[]) {
    const good = await lookUp(hashes).catch(() => undefined); // database away: decided at the next sweep
    if (!good) return;
    for (const hash of hashes) if (!good.has(hash)) for (const end of watchers.get(hash) ?? []) end('revoked');
  }

  /** The callers of those that are good, by hash. */
  async function lookUp(hashes: readonly string[]): Promise<Map<string, KeyCaller>> {
    const asked = new Map(hashes.map((hash) => [hash, Buffer.from(hash, 'hex')]));
    if (asked.size === 0) return new Map();
    const { rows } = await pool.query<KeyRow>({
      name: 'keys_by_hash',
      text: 'SELECT project_id, id, name, hash, scopes, expires_at, revoked_at FROM api_key WHERE hash = ANY ($1)',
      values: [[...asked.values()]],
    });
    const good = new Map<string, KeyCaller>();
    for (const row of rows) {
      const hash = row.hash.toString('hex');
      const bytes = asked.get(hash);
      if (row.revoked_at || !bytes || !sameHash(row.hash, bytes)) continue;
      good.set(hash, { kind: 'key', projectId: row.project_id, keyId: row.id, keyName: row.name, keyHash: hash, scopes: new Set(row.scopes), expiresAt: row.expires_at });
    }
    return good;
  }

  let suspects: { hashes: string[]; found: Promise<Map<string, KeyCaller>> } | undefined;
  let earlierSuspects: Promise<unknown> = Promise.resolve();

  /** The caller of a suspect key: while one look-up is on its way, the next gathers. */
  async function lookUpSuspect(hash: string): Promise<KeyCaller | undefined> {
    if (!suspects) {
      const hashes: string[] = [];
      const found = earlierSuspects.then(() => {
        suspects = undefined;
        return lookUp(hashes);
      });
      earlierSuspects = found.catch(() => undefined);
      suspects = { hashes, found };
    }
    suspects.hashes.push(hash);
    return (await suspects.found).get(hash);
  }

  const isOver = (caller: KeyCaller) => caller.expiresAt !== null && caller.expiresAt.getTime() <= Date.now();

  return {
    async identify(key, { suspect } = { suspect: false }) {
      const hash = hashKey(key).toString('hex');
      if (unknown.has(hash)) throw unauthenticated();
      let caller = known.get(hash);
      if (!caller) {
        const before = epoch;
        try {
          caller = suspect ? await lookUpSuspect(hash) : (await lookUp([hash])).get(hash);
        } catch (error) {
          throw error instanceof AppError ? error : databaseUnavailable();
        }
        if (epoch === before && caller) known.set(hash, caller);
        if (epoch === before && !caller) unknown.set(hash, true);
      }
      if (!caller || isOver(caller)) throw unauthenticated();
      return caller;
    },
    whenEnded(caller, callback) {
      let timer: NodeJS.Timeout | undefined;
      const watching = watchers.get(caller.keyHash) ?? new Set();
      watchers.set(caller.keyHash, watching);
      function stop() {
        clearTimeout(timer);
        watching.delete(end);
        if (watching.size === 0 && watchers.get(caller.keyHash) === watching) watchers.delete(caller.keyHash);
      }
      function end(why: 'revoked' | 'expired') {
        stop();
        callback(why);
      }
      function awaitExpiry(at: number) {
        const left = at - Date.now();
        if (left <= 0) return end('expired');
        timer = setTimeout(() => awaitExpiry(at), Math.min(left, LONGEST_TIMER_MS)).unref();
      }
      watching.add(end);
      if (known.get(caller.keyHash) !== caller) void recheck([caller.keyHash]); // a revoke may have come since it was identified
      if (caller.expiresAt) awaitExpiry(caller.expiresAt.getTime());
      return stop;
    },
    revoked(hash) {
      bus.publish({ topic: 'keys', hash });
    },
    close() {
      clearInterval(sweep);
      stopGap();
      unsubscribe();
    },
  };
}
