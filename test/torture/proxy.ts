import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';

/** A TCP proxy on 127.0.0.1: what passes between two processes, and can be held up or cut. */
export interface Proxy extends AsyncDisposable {
  readonly port: number;
  /** Breaks every connection, for both sides at once. Returns how many there were. */
  cut(): number;
  /** Nothing passes, either way, until it goes on; then nothing is missing. */
  hold(): void;
  release(): void;
  /** One side of every connection is told that it broke; the other is left with silence, until `release`. */
  abandon(side: 'client' | 'server'): number;
}

type Pair = { client: Socket; server: Socket };

/** `target` says where the other end listens now; undefined where nobody does. */
export async function startProxy(target: () => number | undefined): Promise<Proxy> {
  const pairs = new Set<Pair>();
  const abandoned = new Set<Socket>();
  let held = false;

  function forward(from: Socket, to: Socket) {
    from.on('data', (bytes: Buffer) => {
      if (!to.write(bytes)) from.pause();
    });
    to.on('drain', () => {
      if (!held) from.resume();
    });
    from.on('end', () => to.end());
    from.on('error', () => undefined); // 'close' follows
    from.on('close', () => {
      if (!abandoned.has(to)) to.destroy();
    });
    if (held) from.pause();
  }

  const listener = createServer({ allowHalfOpen: true }, (client) => {
    const port = target();
    client.on('error', () => undefined);
    if (port === undefined) return client.resetAndDestroy();
    const server = connect({ host: '127.0.0.1', port, allowHalfOpen: true, noDelay: true });
    client.setNoDelay();
    const pair = { client, server };
    pairs.add(pair);
    forward(client, server);
    forward(server, client);
    server.once('close', () => pairs.delete(pair));
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');

  const sockets = () => [...pairs].flatMap(({ client, server }) => [client, server]);
  const drop = (socket: Socket) => void (socket.connecting ? socket.destroy() : socket.resetAndDestroy());

  return {
    port: (listener.address() as AddressInfo).port,
    cut() {
      const count = pairs.size;
      sockets().forEach(drop);
      return count;
    },
    hold() {
      held = true;
      sockets().forEach((socket) => socket.pause());
    },
    release() {
      held = false;
      sockets().forEach((socket) => socket.resume());
      abandoned.forEach(drop);
      abandoned.clear();
    },
    abandon(side) {
      const count = pairs.size;
      for (const { client, server } of pairs) {
        const [told, left] = side === 'client' ? [client, server] : [server, client];
        abandoned.add(left);
        left.pause();
        left.removeAllListeners('data');
        drop(told);
      }
      return count;
    },
    async [Symbol.asyncDispose]() {
      sockets().forEach((socket) => socket.destroy());
      abandoned.forEach((socket) => socket.destroy());
      listener.close();
      await once(listener, 'close');
    },
  };
}
