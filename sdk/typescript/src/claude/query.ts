import { watched } from '../tracking/iterate.ts';
import type { AgentRun } from './agent-run.ts';

type Method = (...args: unknown[]) => unknown;

/**
 * The same query, with the run told of its messages and its end. A query is iterated through an inner generator, or by
 * its own `next`; both lead to the same messages. Every other method is that of the query, bound to it.
 */
export function watchedQuery(query: AsyncIterable<unknown>, run: AgentRun): AsyncIterable<unknown> {
  const watcher = { item: (message: unknown) => run.message(message), end: () => run.end(), fail: (error: unknown) => run.fail(error), close: () => run.interrupt() };
  const own = query as unknown as AsyncIterator<unknown>;
  const direct = typeof own.next === 'function' ? watched(unbound(own), watcher) : undefined;
  const overrides: Record<PropertyKey, unknown> = { ...direct, [Symbol.asyncIterator]: () => watched(query[Symbol.asyncIterator](), watcher) };
  return new Proxy(query, {
    get(target, key) {
      if (key in overrides && key in target) return overrides[key];
      const value: unknown = Reflect.get(target, key, target);
      if (typeof value !== 'function') return value;
      const bound = (value as Method).bind(target);
      return key === 'close' || key === Symbol.asyncDispose ? interrupting(bound, run) : bound;
    },
  });
}

/** The iterator's methods as a plain object, which a query with private state is not. */
const unbound = (iterator: AsyncIterator<unknown>): AsyncIterator<unknown> => ({
  next: (...args) => iterator.next(...args),
  return: (value) => iterator.return!(value),
  throw: (error) => iterator.throw!(error),
});

function interrupting(method: Method, run: AgentRun): Method {
  return (...args) => {
    run.interrupt();
    return method(...args);
  };
}
