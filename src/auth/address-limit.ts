import { isIPv6 } from 'node:net';
import { LRUCache } from 'lru-cache';

const MINUTE_MS = 60_000;
/** How many addresses are remembered; past it the one that was quiet longest is forgotten. */
const ADDRESSES = 10_000;

/** Whose request it is; undefined where the peer has hung up by then, which all count as one. */
type Address = string | undefined;

/** Counts what an address does without a good key, minute by minute. */
export type AddressLimit = {
  readonly perMinute: number;
  /** Seconds until the address may go on, once it has done so much in a minute; else 0. */
  wait(address: Address): number;
  count(address: Address): void;
};

export function createAddressLimit(perMinute: number): AddressLimit {
  const minutes = new LRUCache<string, { count: number; until: number }>({ max: ADDRESSES });

  function minuteOf(address: Address) {
    const minute = minutes.get(networkOf(address));
    return minute && minute.until > Date.now() ? minute : undefined;
  }
  return {
    perMinute,
    wait(address) {
      const minute = minuteOf(address);
      return minute && minute.count >= perMinute ? Math.ceil((minute.until - Date.now()) / 1000) : 0;
    },
    count(address) {
      const minute = minuteOf(address);
      if (minute) minute.count++;
      else minutes.set(networkOf(address), { count: 1, until: Date.now() + MINUTE_MS });
    },
  };
}

/** The first half of an IPv6 address: the other is for whoever has the network to choose. */
export function networkOf(address: Address = ''): string {
  if (!isIPv6(address) || address.includes('.')) return address;
  const [head = [], tail] = address.split('::').map((part) => part.split(':').filter(Boolean));
  const zeros = tail === undefined ? [] : Array<string>(8 - head.length - tail.length).fill('0');
  return [...head, ...zeros, ...(tail ?? [])].slice(0, 4).join(':');
}
