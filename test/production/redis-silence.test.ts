import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { expect, it } from 'vitest';
import { createLogger } from '../../src/log.ts';
import { connectRedis, createRedisBus } from '../../src/live/redis.ts';
import { createMetrics } from '../../src/metrics.ts';
import { startRedis } from '../support/redis.ts';

it('a Redis that comes back and then falls silent ends no process: what is subscribed again by itself may fail', async () => {
  const redis = await startRedis();
  if ('missing' in redis) throw new Error(redis.missing);
  // In front of it: connections that break, and from then on nothing that subscribes gets through.
  const sockets = new Set<Socket>();
  let silent = false;
  const proxy = createServer((client) => {
    const server = connect(redis.port, '127.0.0.1');
    server.pipe(client);
    client.on('data', (bytes: Buffer) => void (silent && bytes.includes('\r\nsubscribe\r\n') ? client.pause() : server.write(bytes)));
    for (const socket of [client, server]) sockets.add(socket.on('error', () => undefined));
    client.on('close', () => server.destroy());
  }).listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  const unhandled: unknown[] = [];
  const collect = (reason: unknown) => unhandled.push(reason);
  process.on('unhandledRejection', collect);

  const connections = connectRedis(`redis://127.0.0.1:${(proxy.address() as AddressInfo).port}`);
  const bus = createRedisBus({ connections, log: createLogger('silent'), metrics: createMetrics() });
  await once(connections.subscriber, 'ready');
  await bus.subscribeLog('a project', () => undefined);
  silent = true;
  const gaveUp = new Promise<void>((resolve) => bus.onGap(resolve));
  sockets.forEach((socket) => socket.destroy());
  await gaveUp;
  expect(unhandled).toEqual([]);

  process.off('unhandledRejection', collect);
  await bus.close();
  sockets.forEach((socket) => socket.destroy());
  proxy.close();
  await redis.stop();
});
