/** How many bytes a socket may send before its key is accepted, and all such sockets of one address together. */
const MOST_OF_SOCKET = 64 * 1024;
const MOST_OF_ADDRESS = 4 * 1024 * 1024;

/** A socket whose key has not been accepted yet. */
export type Stranger = {
  /** Counts bytes that it sent. Returns the code and the reason to close it with once it has sent too many. */
  sent(bytes: number): [code: number, reason: string] | undefined;
  /** It is known now, or gone. */
  leave(): void;
};

/** Bounds what sockets without a key hold in memory. An address is in the table only while it has such a socket that sent something. */
export function createStrangers(): (address: string) => Stranger {
  const held = new Map<string, number>();

  return function stranger(address) {
    let own = 0;
    return {
      sent(bytes) {
        own += bytes;
        const all = (held.get(address) ?? 0) + bytes;
        held.set(address, all);
        if (own > MOST_OF_SOCKET) return [1009, `More than ${MOST_OF_SOCKET} bytes before connection_ack`];
        if (all > MOST_OF_ADDRESS) return [1013, 'Too much from this address before connection_ack'];
        return undefined;
      },
      leave() {
        const others = (held.get(address) ?? 0) - own;
        own = 0;
        if (others > 0) held.set(address, others);
        else held.delete(address);
      },
    };
  };
}
