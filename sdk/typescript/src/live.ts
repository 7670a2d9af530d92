import { createClient } from 'graphql-ws';
import { held, pause } from './clock.ts';
import { SentrialError, asError } from './errors.ts';
import { Head, WatchEvents, WatchSessions } from './generated/operations.ts';
import type { Operation, WatchEventsSubscription, WatchSessionsSubscription } from './generated/operations.ts';
import { eventOf, sessionOf } from './results.ts';
import { backoff } from './transport.ts';
import type { Transport } from './transport.ts';
import type { Clock, EventType, EventUpdate, SessionUpdate, WatchOptions, WatchSessionsOptions } from './types.ts';

export type LiveOptions = {
  apiUrl: string;
  apiKey: string;
  transport: Transport;
  clock: Clock;
  webSocket: typeof WebSocket | undefined;
  onError: (error: Error) => void;
};

/** What may wait for a slow reader. Beyond it the socket is closed, and opened again where the reader has got to. */
const MOST_WAITING = 1_000;

/** How often the server is asked whether it is there, and how long it may take to answer, in milliseconds. */
const PING_MS = 15_000;
const PONG_MS = 10_000;
/** A subscription that lasted so long has not failed, in milliseconds. */
const STEADY_MS = 30_000;

const upper = (type: EventType) => type.toUpperCase() as Uppercase<EventType>;

export function watchEvents(options: LiveOptions, { sessionId, types, after, signal }: WatchOptions): AsyncIterableIterator<EventUpdate> {
  return follow<WatchEventsSubscription, EventUpdate>(options, WatchEvents, { sessionId, types: types?.map(upper) }, after, signal, ({ events }) => ({
    cursor: events.cursor,
    event: eventOf(events.event),
  }));
}

export function watchSessions(options: LiveOptions, { after, signal, ...filter }: WatchSessionsOptions): AsyncIterableIterator<SessionUpdate> {
  return follow<WatchSessionsSubscription, SessionUpdate>(options, WatchSessions, { filter }, after, signal, ({ sessionUpdates }) => ({
    cursor: sessionUpdates.cursor,
    session: sessionOf(sessionUpdates.session),
  }));
}

/**
 * Subscribes again and again, each time after the last cursor: no update is missed, and none comes twice. Rejects
 * with what the server refuses for good, such as a bad key; waits out everything else.
 */
async function* follow<Data, Update extends { cursor: string }>(
  options: LiveOptions,
  operation: Operation<Data, never>,
  variables: Record<string, unknown>,
  after: string | undefined,
  signal: AbortSignal | undefined,
  updateOf: (data: Data) => Update,
): AsyncGenerator<Update, undefined, undefined> {
  const stop = new AbortController();
  const abort = () => stop.abort();
  signal?.addEventListener('abort', abort);
  if (signal?.aborted) abort();
  const webSocketImpl = options.webSocket ?? (await runtimeWebSocket());
  let pongInTime: (() => void) | undefined;
  const client = createClient({
    url: `${options.apiUrl.replace(/^http/, 'ws')}/graphql`,
    connectionParams: { apiKey: options.apiKey },
    webSocketImpl,
    // Its own retries would begin again where this subscription began.
    retryAttempts: 0,
    keepAlive: PING_MS,
    on: {
      // A connection may be gone without a word, after a laptop has slept or where a router has forgotten it.
      ping: (received) => void (received || (pongInTime = options.clock.setTimer(() => client.terminate(), PONG_MS))),
      pong: () => pongInTime?.(),
      closed: () => pongInTime?.(),
    },
  });
  // At once, also when the reader is not waiting for anything.
  stop.signal.addEventListener('abort', () => void client.dispose());
  let cursor = after;
  try {
    for (let failures = 0; !stop.signal.aborted; ) {
      const began = options.clock.now();
      try {
        cursor ??= await headOf(options, stop.signal);
        for await (const data of subscription<Data>(client, operation, { ...variables, after: cursor }, stop.signal)) {
          failures = 0;
          const update = updateOf(data);
          yield update;
          cursor = update.cursor;
        }
      } catch (thrown) {
        const error = errorOf(thrown);
        if (stop.signal.aborted) return;
        if (!error.retryable) throw error;
        failures = options.clock.now() - began < STEADY_MS ? failures + 1 : 1;
        if (failures === 1) options.onError(error);
      }
      if (failures > 0) await held(pause(options.clock, backoff(failures), stop.signal));
    }
  } finally {
    abort();
    signal?.removeEventListener('abort', abort);
  }
}

/** The newest place of the log, so that a connection lost before the first update loses nothing either. */
async function headOf({ transport }: LiveOptions, signal: AbortSignal): Promise<string> {
  return (await held(transport.request(Head, {}, signal))).viewer.project.cursor;
}

/** One subscription until it ends. Ends too, without an error, when the reader falls behind. */
async function* subscription<Data>(client: ReturnType<typeof createClient>, query: string, variables: Record<string, unknown>, signal: AbortSignal): AsyncGenerator<Data> {
  const waiting: Data[] = [];
  let wake: (() => void) | undefined;
  let ended: { error?: unknown } | undefined;
  const end = (error?: unknown) => {
    ended ??= { error };
    wake?.();
  };
  const unsubscribe = client.subscribe<Data>(
    { query, variables },
    {
      next(result) {
        if (result.errors) return end(result.errors);
        if (!result.data || ended) return;
        waiting.push(result.data);
        if (waiting.length >= MOST_WAITING) {
          end();
          unsubscribe();
        }
        wake?.();
      },
      error: end,
      complete: () => end(new SentrialError('NETWORK', 'The server ended the subscription', { retryable: true })),
    },
  );
  const aborted = () => end();
  signal.addEventListener('abort', aborted);
  try {
    for (;;) {
      const data = waiting.shift();
      if (data !== undefined) yield data;
      else if (ended) {
        if (ended.error !== undefined) throw errorOf(ended.error);
        return;
      } else await new Promise<void>((resolve) => (wake = resolve));
    }
  } finally {
    signal.removeEventListener('abort', aborted);
    unsubscribe();
  }
}

/** Sockets are closed by 44xx codes for what will not change; see docs/errors.md of the server. */
const FINAL = new Set([4400, 4403, 4406, 4409, 4429]);

function errorOf(thrown: unknown): SentrialError {
  if (thrown instanceof SentrialError) return thrown;
  if (Array.isArray(thrown)) {
    const [first] = thrown as { message: string; extensions?: { code?: string } }[];
    const code = (first?.extensions?.code ?? 'BAD_USER_INPUT') as SentrialError['code'];
    return new SentrialError(code, first?.message ?? 'The server ended the subscription', { retryable: code === 'OVERLOADED' || code === 'INTERNAL_SERVER_ERROR' });
  }
  const { code, reason } = (thrown ?? {}) as { code?: unknown; reason?: unknown };
  if (typeof code === 'number') {
    const said = typeof reason === 'string' && reason !== '' ? reason : 'no reason given';
    return new SentrialError(code === 4403 ? 'UNAUTHENTICATED' : 'NETWORK', `The live connection was closed: ${code} (${said})`, { retryable: !FINAL.has(code) });
  }
  return new SentrialError('NETWORK', `The live connection failed: ${asError(thrown).message}`, { cause: thrown, retryable: true });
}

/** Browsers, the edge and Node from 22 have their own; before that the package `ws` stands in. */
async function runtimeWebSocket(): Promise<unknown> {
  if (typeof WebSocket === 'function') return WebSocket;
  return (await import('ws')).WebSocket;
}
