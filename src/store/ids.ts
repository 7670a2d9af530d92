import { createHash, randomFillSync } from 'node:crypto';
import { v7 } from 'uuid';

type Prefix = 'sess' | 'evt' | 'key';

// Random bytes are fetched for many ids at once: asking for sixteen at a time costs more than the rest of an id.
const BYTES = 16;
const pool = new Uint8Array(256 * BYTES);
let used = pool.length;

function randomBytes(): Uint8Array {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  return pool.slice(used, (used += BYTES));
}

let msecs = 0;
let seq = 0;

/** A new id: prefix and UUIDv7 (RFC 9562), so ids made later sort later; a clock that goes back does not change that. */
export function newId(prefix: Prefix): string {
  const now = Date.now();
  if (now > msecs) {
    msecs = now;
    seq = 0;
  } else seq++;
  return `${prefix}_${v7({ msecs, seq, random: randomBytes() }).replaceAll('-', '')}`;
}

/**
 * The id that an Idempotency-Key stands for. The same key gives the same id, so the unique index on ids
 * is what makes a repeated request safe: no second table, no expiry.
 */
export const idFromKey = (prefix: Prefix, key: string) =>
  `${prefix}_${createHash('sha256').update(`${prefix}\n${key}`).digest('hex').slice(0, 32)}`;
