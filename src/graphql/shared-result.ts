import { WebSocket } from 'ws';
import type { ExecutionResult } from 'graphql';

/**
 * A result that many subscribers get: encoded once.
 *
 * graphql-ws makes each subscriber's message with JSON.stringify({ id, type: "next", payload }). The payload
 * stringifies to a number, which no real payload does, and the socket puts the encoded result in its place.
 */
type Shared = ExecutionResult & { toJSON(): number };

let last = { token: 0, json: '' };

export function sharedResult(result: ExecutionResult): Shared {
  const json = JSON.stringify(result);
  // Own and enumerable: graphql-ws copies the payload before it stringifies it. Both happen in one turn with send().
  return {
    ...result,
    toJSON() {
      last = { token: (last.token + 1) % 1_000_000, json };
      return last.token;
    },
  };
}

const START = /^\{"id":"(?:[^"\\]|\\.)*","type":"next","payload":(\d+)\}$/;

/** A WebSocket that sends shared results. */
export class SharedSocket extends WebSocket {
  override send(data: unknown, ...rest: unknown[]): void {
    const expanded = typeof data === 'string' ? expand(data) : data;
    (super.send as (...args: unknown[]) => void)(expanded, ...rest);
  }

  /** A peer that breaks the protocol has been sent its close code already; graphql-ws would print it to the console as a fault of ours. */
  override emit(event: string | symbol, ...args: unknown[]): boolean {
    return event === 'error' || super.emit(event, ...args);
  }
}

function expand(message: string): string {
  const token = START.exec(message)?.[1];
  if (token === undefined || Number(token) !== last.token) return message;
  return `${message.slice(0, -token.length - 1)}${last.json}}`;
}
