import { createHash, randomInt, timingSafeEqual } from 'node:crypto';

const PREFIX = 'sentrial_live_';
const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
/** 43 characters of 62 hold 256 bits. */
const LENGTH = 43;
const SHOWN = PREFIX.length + 6;

/** A new API key: `sentrial_live_` and 32 random bytes' worth of base62. */
export const newKey = () => PREFIX + Array.from({ length: LENGTH }, () => BASE62[randomInt(62)]).join('');

/** What is kept of a key. A key is random and long, so one SHA-256 protects it as well as a slow hash would. */
export const hashKey = (key: string) => createHash('sha256').update(key).digest();

/** What a person recognises a key by. */
export const shownPrefix = (key: string) => key.slice(0, Math.min(SHOWN, Math.floor(key.length / 2)));

/** In constant time. */
export const sameHash = (a: Uint8Array, b: Uint8Array) => a.length === b.length && timingSafeEqual(a, b);
