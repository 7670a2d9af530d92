import { createLogger } from '../../src/log.ts';
import type { Bus, LogMessage } from '../../src/live/bus.ts';
import { connectRedis, createRedisBus } from '../../src/live/redis.ts';
import { createMetrics } from '../../src/metrics.ts';
import type { Metrics } from '../../src/metrics.ts';
import { eventually } from './live.ts';

export type TestBus = AsyncDisposable & { bus: Bus; metrics: Metrics };

/** A bus as a server would have it, connected. */
export async function redisBus(url: string): Promise<TestBus> {
  const metrics = createMetrics();
  const bus = createRedisBus({ connections: connectRedis(url), log: createLogger('silent'), metrics });
  await whenUp(bus);
  return { bus, metrics, [Symbol.asyncDispose]: () => bus.close() };
}

export const whenUp = (bus: Bus) =>
  eventually(() => {
    if (bus.state() !== 'up') throw new Error('it is down');
  }, 'the bus is not connected');

export const message = (projectId: string, position: number, more: Partial<LogMessage> = {}): LogMessage => ({ topic: 'log', projectId, from: position, to: position, ...more });

/** Listens, and keeps what it hears. */
export async function listen(bus: Bus, projectId: string): Promise<{ heard: LogMessage[]; end: () => void }> {
  const heard: LogMessage[] = [];
  const end = await bus.subscribeLog(projectId, (said) => heard.push(said));
  return { heard, end };
}
