import type { IncomingHttpHeaders } from 'node:http';
import { parseCookie } from 'cookie';
import { AppError, tooManyBadKeys } from '../errors.ts';
import { createAddressLimit } from './address-limit.ts';
import { ANONYMOUS } from './caller.ts';
import type { Caller } from './caller.ts';
import type { KeyRing } from './key-ring.ts';
import type { RateLimit } from './rate-limit.ts';

export const KEY_COOKIE = 'sentrial_api_key';

/** How many keys that are not good an address may send in a minute. */
const BAD_KEYS_PER_MINUTE = 60;

/** What is looked at of a request: Fastify's has both. */
type Sender = { headers: IncomingHttpHeaders; ip: string | undefined };

export type Authenticator = {
  /**
   * Who sends this request: the key of `Authorization: Bearer`, `x-sentrial-api-key` or the cookie; anonymous
   * without one. Throws UNAUTHENTICATED for a key that is not good; RATE_LIMITED for one that is used too often, or
   * that is not good and comes from an address that sent too many of those. A good key is good from any address.
   */
  fromRequest(request: Sender): Promise<Caller>;
  /** The same for a key that was sent in a body, or in a WebSocket's `connection_init`. */
  fromKey(key: string, request: Sender): Promise<Caller>;
  /** Whether a browser sent this for our own page or one that was allowed, or nothing says that a browser did. */
  isOwnPage(headers: IncomingHttpHeaders): boolean;
};

export function createAuthenticator(keyRing: KeyRing, rateLimit: RateLimit, allowedOrigins: readonly string[]): Authenticator {
  const badKeys = createAddressLimit(BAD_KEYS_PER_MINUTE);

  async function fromKey(key: string, { ip }: Sender) {
    const wait = badKeys.wait(ip);
    const caller = await keyRing.identify(key, { suspect: wait > 0 }).catch((error: unknown) => {
      if (!(error instanceof AppError) || error.code !== 'UNAUTHENTICATED') throw error;
      badKeys.count(ip);
      throw wait > 0 ? tooManyBadKeys(badKeys.perMinute, wait) : error;
    });
    await rateLimit(caller);
    return caller;
  }

  function isOwnPage(headers: IncomingHttpHeaders) {
    const { origin, host, 'sec-fetch-site': site } = headers;
    if (origin === undefined) return site === undefined || site === 'same-origin' || site === 'none';
    return allowedOrigins.includes(origin) || (URL.canParse(origin) && new URL(origin).host === host);
  }

  return {
    fromKey,
    isOwnPage,
    async fromRequest(request) {
      const { headers } = request;
      const bearer = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1];
      const named = headers['x-sentrial-api-key'];
      // A browser sends cookies for any page.
      const cookie = headers.cookie && isOwnPage(headers) ? parseCookie(headers.cookie)[KEY_COOKIE] : undefined;
      const key = bearer ?? (typeof named === 'string' ? named : undefined) ?? cookie;
      if (key) return fromKey(key, request);
      return ANONYMOUS;
    },
  };
}
