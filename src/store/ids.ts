import { createHash } from 'node:crypto';
import { v7 } from 'uuid';

type Prefix = 'sess' | 'evt' | 'key' | 'proj';

/** A new id: prefix and UUIDv7 (RFC 9562), so ids made later sort later. */
export const newId = (prefix: Prefix) => `${prefix}_${v7().replaceAll('-', '')}`;

/**
 * The id that an Idempotency-Key stands for. The same key gives the same id, so the unique index on ids
 * is what makes a repeated request safe: no second table, no expiry.
 */
export const idFromKey = (prefix: Prefix, key: string) =>
  `${prefix}_${createHash('sha256').update(`${prefix}\n${key}`).digest('hex').slice(0, 32)}`;
