import type { ExecutionResult } from 'graphql';
import { stringify } from '../json-text.ts';

/** Yoga writes a result by its own `stringify`, where it has one. */
export const asText = (result: ExecutionResult) => ({ ...result, stringify });

/** The JSON of results that several subscribers get: the same object, encoded once. */
const encoded = new WeakMap<ExecutionResult, string>();

function encode(result: ExecutionResult): string {
  let json = encoded.get(result);
  if (json === undefined) encoded.set(result, (json = stringify(result)));
  return json;
}

/**
 * Sends the results of a subscription itself, as `next` messages. graphql-ws, which would encode each result for each
 * subscriber, gets a stream that yields nothing and ends with it.
 */
export function deliver(results: AsyncIterable<ExecutionResult>, id: string, send: (text: string) => Promise<void> | void): AsyncIterableIterator<never, void> {
  const source = results[Symbol.asyncIterator]();
  const start = `{"id":${JSON.stringify(id)},"type":"next","payload":`;
  let left = false;

  const delivery: AsyncIterableIterator<never, void> = {
    async next() {
      for (;;) {
        const step = await source.next();
        if (step.done || left) return { done: true, value: undefined };
        await send(`${start}${encode(step.value)}}`);
      }
    },
    // What graphql-ws calls when the client completes or is gone.
    async return() {
      left = true;
      await source.return?.();
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]: () => delivery,
  };
  return delivery;
}
