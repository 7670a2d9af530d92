import type { Bus, BusMessage, KeyMessage, Listener, LogMessage, Unsubscribe } from './bus.ts';

/** Listeners of this process, by channel. The Redis bus uses it for its own side as well. */
export class LocalListeners {
  readonly #log = new Map<string, Set<Listener<LogMessage>>>();
  readonly #keys = new Set<Listener<KeyMessage>>();

  deliver(message: BusMessage): void {
    if (message.topic === 'keys') {
      for (const listener of this.#keys) listener(message);
    } else {
      for (const listener of this.#log.get(message.projectId) ?? []) listener(message);
    }
  }

  addLog(projectId: string, listener: Listener<LogMessage>): Unsubscribe {
    const listeners = this.#log.get(projectId) ?? new Set();
    this.#log.set(projectId, listeners);
    listeners.add(listener);
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0 && this.#log.get(projectId) === listeners) this.#log.delete(projectId);
    };
  }

  addKeys(listener: Listener<KeyMessage>): Unsubscribe {
    this.#keys.add(listener);
    return () => this.#keys.delete(listener);
  }

  hasLog(projectId: string): boolean {
    return this.#log.has(projectId);
  }
}

/** The bus of a single process. */
export function createMemoryBus(): Bus {
  const listeners = new LocalListeners();
  return {
    publish: (message) => listeners.deliver(message),
    subscribeLog: (projectId, listener) => Promise.resolve(listeners.addLog(projectId, listener)),
    subscribeKeys: (listener) => Promise.resolve(listeners.addKeys(listener)),
    onGap: () => () => {},
    state: () => 'up',
    close: () => Promise.resolve(),
  };
}
