import { createLogger } from '../../src/log.ts';
import type { Bus, LogMessage } from '../../src/live/bus.ts';
import { connectRedis, createRedisBus } from '../../src/live/redis.ts';
import { createMetrics } from '../../src/metrics.ts';
import type { Metrics } from '../../src/metrics.ts';
import { Changes } from './changes.ts';

export type TestBus = AsyncDisposable & {
  bus: Bus;
  metrics: Metrics;
  /** Resolves when the bus is up, or down; rejects after 20 s. */
  when(state: 'up' | 'down'): Promise<void>;
};

/** A bus as a server would have it, connected. */
export async function redisBus(url: string): Promise<TestBus> {
  const metrics = createMetrics();
  const connections = connectRedis(url);
  const bus = createRedisBus({ connections, log: createLogger('silent'), metrics });
  const changes = new Changes();
  for (const connection of Object.values(connections)) for (const event of ['ready', 'close', 'end']) connection.on(event, changes.tell);
  const when = (state: 'up' | 'down') =>
    changes.when(() => {
      if (bus.state() !== state) throw new Error(`The bus is ${bus.state()}`);
    });
  await when('up');
  return { bus, metrics, when, [Symbol.asyncDispose]: () => bus.close() };
}

export const message = (projectId: string, position: number, more: Partial<LogMessage> = {}): LogMessage => ({ topic: 'log', projectId, from: position, to: position, ...more });

/** Listens, and keeps what it hears; `hears` resolves when the assertion on it holds. */
export async function listen(bus: Bus, projectId: string): Promise<{ heard: LogMessage[]; hears: (assertion: () => void) => Promise<void>; end: () => void }> {
  const heard: LogMessage[] = [];
  const changes = new Changes();
  const end = await bus.subscribeLog(projectId, (said) => {
    heard.push(said);
    changes.tell();
  });
  return { heard, hears: (assertion) => changes.when(assertion), end };
}
