import type { IncomingHttpHeaders } from 'node:http';
import { parseCookie } from 'cookie';
import { ANONYMOUS } from './caller.ts';
import type { Caller } from './caller.ts';
import type { KeyRing } from './key-ring.ts';
import type { RateLimit } from './rate-limit.ts';

export const KEY_COOKIE = 'sentrial_api_key';

export type Authenticator = {
  /**
   * Who sends this request: the key of `Authorization: Bearer`, `x-sentrial-api-key` or the cookie; anonymous
   * without one. Throws UNAUTHENTICATED for a key that is not good, RATE_LIMITED for one that is used too often.
   */
  fromHeaders(headers: IncomingHttpHeaders): Promise<Caller>;
  /** The same for a key that was sent in a WebSocket's `connection_init`. */
  fromKey(key: string): Promise<Caller>;
  /** Whether a browser sent this for our own page or one that was allowed, or nothing says that a browser did. */
  isOwnPage(headers: IncomingHttpHeaders): boolean;
};

export function createAuthenticator(keyRing: KeyRing, rateLimit: RateLimit, allowedOrigins: readonly string[]): Authenticator {
  async function fromKey(key: string) {
    const caller = await keyRing.identify(key);
    await rateLimit(caller);
    return caller;
  }

  function isOwnPage(headers: IncomingHttpHeaders) {
    const { origin, host } = headers;
    if (origin === undefined) return true;
    return allowedOrigins.includes(origin) || (URL.canParse(origin) && new URL(origin).host === host);
  }

  return {
    fromKey,
    isOwnPage,
    async fromHeaders(headers) {
      const bearer = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1];
      const named = headers['x-sentrial-api-key'];
      // A browser sends cookies for any page.
      const cookie = headers.cookie && isOwnPage(headers) ? parseCookie(headers.cookie)[KEY_COOKIE] : undefined;
      const key = bearer ?? (typeof named === 'string' ? named : undefined) ?? cookie;
      if (key) return fromKey(key);
      return ANONYMOUS;
    },
  };
}
