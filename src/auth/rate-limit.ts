import { RateLimiterRes } from 'rate-limiter-flexible';
import type { RateLimiterAbstract } from 'rate-limiter-flexible';
import { rateLimited } from '../errors.ts';
import type { KeyCaller } from './caller.ts';

/** Throws RATE_LIMITED, with when to try again, once a key has made its requests of this minute. */
export type RateLimit = (caller: KeyCaller) => Promise<void>;

export function createRateLimit(limiter: RateLimiterAbstract | undefined): RateLimit {
  if (!limiter) return () => Promise.resolve();
  return async function rateLimit(caller) {
    try {
      await limiter.consume(caller.keyHash);
    } catch (refusal) {
      if (!(refusal instanceof RateLimiterRes)) throw refusal;
      throw rateLimited(limiter.points, Math.max(1, Math.ceil(refusal.msBeforeNext / 1000)));
    }
  };
}
