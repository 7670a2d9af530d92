import { randomUUID } from 'node:crypto';
import { Cluster, Redis } from 'ioredis';
import type { Logger } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import type { Bus, BusMessage } from './bus.ts';
import { LocalListeners } from './memory.ts';

const PREFIX = 'sentrial:';
const KEYS_CHANNEL = `${PREFIX}keys`;
const logChannel = (projectId: string) => `${PREFIX}log:{${projectId}}`;
const channelOf = (message: BusMessage) => (message.topic === 'keys' ? KEYS_CHANNEL : logChannel(message.projectId));

/** Rows larger than this stay in the database; the message then says only how far the log is. */
const LARGEST_ROWS = 64 * 1024;
/** Beyond this much unsent output a Redis that does not read is treated as gone. */
const LARGEST_BACKLOG = 1_000;
/** A Redis that takes a command and says nothing is given up on after this long, in milliseconds: requests wait for it where a rate limit is set. */
const PUBLISHER_PATIENCE_MS = 500;
const SUBSCRIBER_PATIENCE_MS = 5_000;

export type RedisConnections = { publisher: Redis | Cluster; subscriber: Redis | Cluster };

/**
 * Connections for the bus: `redis://host:port`, or several separated by commas for a Redis Cluster, which then
 * uses sharded pub/sub (Redis 7): each channel lives on one shard instead of all.
 */
export function connectRedis(url: string): RedisConnections {
  const urls = url.split(',');
  const make = (name: string) => {
    // Commands are refused while disconnected (the bus is best effort), and connecting is tried again for ever. What was
    // subscribed is subscribed again by the bus: ioredis would leave a failure of that unhandled, which ends the process.
    const options = { connectionName: `sentrial-${name}`, enableOfflineQueue: false, maxRetriesPerRequest: 1, lazyConnect: true, autoResubscribe: false, commandTimeout: name === 'publisher' ? PUBLISHER_PATIENCE_MS : SUBSCRIBER_PATIENCE_MS };
    const pause = (attempt: number) => Math.min(attempt * 50, 1_000);
    return urls.length > 1
      ? new Cluster(urls, { lazyConnect: true, enableOfflineQueue: false, clusterRetryStrategy: pause, shardedSubscribers: name === 'subscriber', redisOptions: options })
      : new Redis(url, { ...options, retryStrategy: pause });
  };
  return { publisher: make('publisher'), subscriber: make('subscriber') };
}

/** Redis pub/sub between servers. Losing it costs latency: readers find what they missed by asking the database. */
export function createRedisBus(options: { connections: RedisConnections; log: Logger; metrics: Metrics }): Bus {
  const { connections, log, metrics } = options;
  const { publisher, subscriber } = connections;
  const sharded = subscriber instanceof Cluster;
  const origin = randomUUID();
  const local = new LocalListeners();
  const gapListeners = new Set<() => void>();
  /** Channels wanted, with the number of listeners; what is wanted is subscribed again after a reconnect. */
  const wanted = new Map<string, number>();
  let unsent = 0;

  function received(channel: string, text: string) {
    if (text.startsWith(origin)) return;
    try {
      local.deliver(JSON.parse(text.slice(origin.length)) as BusMessage);
    } catch (error) {
      log.warn({ err: error, channel }, 'a message on the bus could not be read');
    }
  }
  subscriber.on(sharded ? 'smessage' : 'message', received);

  const redisSubscribe = (channel: string) => (sharded ? subscriber.ssubscribe(channel) : subscriber.subscribe(channel));
  const redisUnsubscribe = (channel: string) => (sharded ? subscriber.sunsubscribe(channel) : subscriber.unsubscribe(channel));

  function resubscribe() {
    // Every channel is subscribed again, also those whose SUBSCRIBE failed while Redis was away; then ask for what was missed.
    void Promise.allSettled([...wanted.keys()].map(redisSubscribe)).then(() => gapListeners.forEach((listener) => listener()));
  }
  subscriber.on('ready', resubscribe);
  // A cluster stays ready while one of its nodes is replaced; this says that the connections to its shards are new.
  if (sharded) subscriber.on('subscribersReady', resubscribe);
  for (const [name, connection] of Object.entries(connections)) {
    connection.on('error', (error: unknown) => log.warn({ err: error, connection: name }, 'Redis is not reachable; live readers fall back to the database'));
    void connection.connect().catch(() => undefined);
  }

  function send(message: BusMessage) {
    if (publisher.status !== 'ready' || unsent >= LARGEST_BACKLOG) return metrics.busDropped.inc();
    const small = message.topic === 'keys' || (message.bytes ?? 0) <= LARGEST_ROWS;
    const text = origin + JSON.stringify(small ? message : { ...message, rows: undefined, bytes: undefined });
    unsent++;
    const sent = sharded ? publisher.spublish(channelOf(message), text) : publisher.publish(channelOf(message), text);
    sent.catch(() => metrics.busDropped.inc()).finally(() => unsent--);
  }

  async function want(channel: string) {
    wanted.set(channel, (wanted.get(channel) ?? 0) + 1);
    if (subscriber.status !== 'ready') return; // subscribed when it is; until then the head check finds what is new
    try {
      await redisSubscribe(channel);
    } catch (error) {
      log.warn({ err: error, channel }, 'could not subscribe on Redis; it is tried again after the next reconnect');
    }
  }

  function unwant(channel: string) {
    const left = (wanted.get(channel) ?? 1) - 1;
    if (left > 0) return void wanted.set(channel, left);
    wanted.delete(channel);
    if (subscriber.status === 'ready') redisUnsubscribe(channel).catch(() => undefined);
  }

  async function listen(channel: string, remove: () => void) {
    await want(channel);
    let ended = false;
    return () => {
      if (ended) return;
      ended = true;
      remove();
      unwant(channel);
    };
  }

  return {
    publish(message) {
      local.deliver(message);
      send(message);
    },
    subscribeLog: (projectId, listener) => listen(logChannel(projectId), local.addLog(projectId, listener)),
    subscribeKeys: (listener) => listen(KEYS_CHANNEL, local.addKeys(listener)),
    onGap(listener) {
      gapListeners.add(listener);
      return () => gapListeners.delete(listener);
    },
    state: () => (publisher.status === 'ready' && subscriber.status === 'ready' ? 'up' : 'down'),
    async close() {
      gapListeners.clear();
      for (const connection of [publisher, subscriber]) {
        if (connection.status === 'ready') await connection.quit().catch(() => undefined);
        connection.disconnect();
      }
    },
  };
}
