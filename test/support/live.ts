import { createClient as createSseClient } from 'graphql-sse';
import { createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import type { Resources } from '../../src/resources/resources.ts';
import { expect, vi } from 'vitest';
import type { TestApp } from './app.ts';
import { Changes } from './changes.ts';

// Subscriptions over both doors, through the published clients of each.

export type Door = 'ws' | 'sse';

type LiveResult<Data> = { data?: Data | null; errors?: readonly { message: string; extensions?: Record<string, unknown> }[] };

/** A subscription and what it has got so far. */
export interface Live<Data> extends AsyncDisposable {
  readonly results: LiveResult<Data>[];
  /** The data of the results. */
  readonly data: Data[];
  /** Resolves when the condition holds; rejects when the subscription ends before, or after 20 s. */
  received(condition: (data: Data[]) => boolean): Promise<Data[]>;
  /** Resolves when it has ended, with the reason if it did not complete by itself. */
  readonly ended: Promise<unknown>;
  /** The client unsubscribes. */
  stop(): Promise<void>;
  /** Its connection breaks without a word (WebSocket only). */
  cut(): void;
}

export type Operation = { query: string; variables?: Record<string, unknown> };
type Access = { url: string; key: string };

export function subscribe<Data>({ url, key }: Access, operation: Operation, door: Door = 'ws', changes = new Changes()): Live<Data> {
  const results: LiveResult<Data>[] = [];
  const data: Data[] = [];
  let resolveEnded!: (reason: unknown) => void;
  const ended = new Promise<unknown>((resolve) => (resolveEnded = resolve));
  let hasEnded = false;
  let socket: WebSocket | undefined;
  let isCut = false;

  const client =
    door === 'ws'
      ? createClient({
          url: `${url.replace('http', 'ws')}/graphql`,
          webSocketImpl: WebSocket,
          connectionParams: { apiKey: key },
          retryAttempts: 0,
          on: {
            opened(opened) {
              socket = opened as WebSocket;
              if (isCut) socket.terminate();
            },
          },
        })
      : createSseClient({ url: `${url}/graphql`, headers: { authorization: `Bearer ${key}` }, retryAttempts: 0 });

  function end(reason?: unknown) {
    hasEnded = true;
    resolveEnded(reason);
    changes.tell();
  }
  const unsubscribe = client.subscribe<Data>(operation, {
    next(result) {
      results.push(result);
      if (result.data) data.push(result.data);
      changes.tell();
    },
    error: end,
    complete: () => end(),
  });

  async function stop() {
    unsubscribe();
    await ended;
    await client.dispose();
  }

  return {
    results,
    data,
    ended,
    stop,
    cut() {
      isCut = true; // also where it is not open yet
      socket?.terminate();
    },
    [Symbol.asyncDispose]: stop,
    async received(condition) {
      const said = () => `${results.length} results came, the last: ${JSON.stringify(results.at(-1))}`;
      const enough = await changes.when(() => {
        if (condition(data)) return true;
        if (hasEnded) return false;
        throw new Error(said());
      });
      if (!enough) throw new Error(`The subscription ended; ${said()}`, { cause: await ended });
      return data;
    },
  };
}

export type EventsData = { events: { cursor: string; event: { id: string; eventType?: string; sessionId?: string } } };

const EVENTS = `subscription Events($after: Cursor, $sessionId: ID, $types: [EventType!]) {
  events(after: $after, sessionId: $sessionId, types: $types) { cursor event { id eventType sessionId } }
}`;

/** The events of a project as one reader gets them. */
export const subscribeToEvents = (access: Access, variables: Record<string, unknown> = {}, door: Door = 'ws', changes = new Changes()) =>
  subscribe<EventsData>(access, { query: EVENTS, variables }, door, changes);

export const positionsOf = (data: readonly EventsData[]) => data.map(({ events }) => Number(events.cursor));
export const idsOf = (data: readonly EventsData[]) => data.map(({ events }) => events.event.id);

/** A reader that comes back from its last cursor whenever it is cut off. */
export type Follower = AsyncDisposable & {
  /** All it has got, over every connection. */
  all(): EventsData[];
  /** Resolves when it has got so many. */
  received(count: number): Promise<void>;
  connections(): number;
  stop(): Promise<void>;
};

/** Follows the events of a project from the beginning, on whichever server `access` says when it connects; while there is none it waits. */
export function follow(access: () => Access | Promise<Access>, door: Door = 'ws'): Follower {
  const past: EventsData[] = [];
  const changes = new Changes();
  let live: Live<EventsData> | undefined;
  let connections = 0;
  let stopping = false;
  const running = (async () => {
    while (!stopping) {
      const after = past.at(-1)?.events.cursor ?? '0';
      live = subscribeToEvents(await access(), { after }, door, changes);
      connections += 1;
      await live.ended;
      past.push(...live.data);
      live = undefined;
    }
  })();
  const all = () => (live ? [...past, ...live.data] : [...past]);
  async function stop() {
    stopping = true;
    await live?.stop();
    await running;
  }
  return {
    all,
    received: (count) =>
      changes.when(() => {
        const got = past.length + (live?.data.length ?? 0);
        if (got < count) throw new Error(`It has got ${got} of ${count} events`);
      }),
    connections: () => connections,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** Open subscriptions on a server, as its metrics count them. */
export async function subscribersOf(server: Pick<TestApp, 'metrics'>): Promise<number> {
  const { values } = await server.metrics.subscribers.get();
  return values.reduce((sum, { value }) => sum + value, 0);
}

/** Resolves when a server has so many subscribers; then all of them are live. */
export async function whenSubscribers(server: Pick<TestApp, 'metrics'>, count: number): Promise<void> {
  await eventually(async () => expect(await subscribersOf(server)).toBe(count));
}

/** Asks again until the assertion holds: for what has no way to tell that it has changed. */
export const eventually = <T>(assertion: () => Promise<T> | T, within = 15_000): Promise<T> => vi.waitFor(assertion, { timeout: within, interval: 20 });

/** The events of a project as the table has them. */
export async function eventsInTable(server: { resources: Pick<Resources, 'pool'> }, projectId: string): Promise<{ position: number; id: string; sessionId: string }[]> {
  const { rows } = await server.resources.pool.query<{ position: string; id: string; session_id: string }>(
    'SELECT position, id, session_id FROM event WHERE project_id = $1 ORDER BY position',
    [projectId],
  );
  return rows.map((row) => ({ position: Number(row.position), id: row.id, sessionId: row.session_id }));
}
