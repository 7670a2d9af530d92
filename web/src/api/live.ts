import { print } from '@0no-co/graphql.web';
import type { TadaDocumentNode } from 'gql.tada';
import { createClient } from 'graphql-ws';
import type { Client } from 'graphql-ws';
import { loggedOut } from './request.ts';

// One WebSocket for all subscriptions. Each resumes after the last cursor it got, so a lost connection or a server
// that restarts costs time and nothing else.

/**
 * `idle`: nothing is subscribed. `lost`: trying again. `catching up`: connected again, and what was missed is on its
 * way. `caught up`: all of it has come; soon `live` again.
 */
export type Connection = 'idle' | 'connecting' | 'live' | 'lost' | 'catching up' | 'caught up';

const FORBIDDEN = 4403;
const PING_MS = 10_000;
const PONG_WITHIN_MS = 4_000;
const LONGEST_WAIT_MS = 4_000;
const CAUGHT_UP_SHOWN_MS = 4_000;
/** What was to come may have been deleted meanwhile: then nothing says that all has come. */
const CATCH_UP_WITHIN_MS = 15_000;

let connection: Connection = 'idle';
let everLive = false;
const watchers = new Set<() => void>();
const followers = new Set<Follower>();
let client: Client | undefined;

/** A subscription; it is behind while its cursor is lower than what it has to reach. */
type Follower = { cursor: () => number; newest: () => Promise<string | undefined>; target: number };

function become(next: Connection) {
  if (connection === next) return;
  connection = next;
  watchers.forEach((watcher) => watcher());
}

export const connectionState = () => connection;
export function watchConnection(watcher: () => void): () => void {
  watchers.add(watcher);
  return () => watchers.delete(watcher);
}

function connect(): Client {
  let pongTimer: ReturnType<typeof setTimeout> | undefined;
  let socket: WebSocket | undefined;
  return createClient({
    url: `${location.origin.replace(/^http/, 'ws')}/graphql`,
    lazy: true,
    lazyCloseTimeout: 2_000,
    keepAlive: PING_MS,
    retryAttempts: Infinity,
    shouldRetry: () => true,
    async retryWait(attempt) {
      const wait = Math.min(LONGEST_WAIT_MS, 150 * 2 ** attempt);
      await new Promise((resolve) => setTimeout(resolve, wait * (0.75 + Math.random() / 2)));
    },
    on: {
      connecting: () => become(everLive ? 'lost' : 'connecting'),
      opened: (opened) => (socket = opened as WebSocket),
      connected: () => {
        if (everLive) void catchUp();
        else become('live');
        everLive = true;
      },
      ping: (received) => {
        if (!received) pongTimer = setTimeout(() => socket?.close(4408, 'No pong'), PONG_WITHIN_MS);
      },
      pong: (received) => {
        if (received) clearTimeout(pongTimer);
      },
      closed: (event) => {
        clearTimeout(pongTimer);
        const { code } = event as CloseEvent;
        if (code === FORBIDDEN) return loggedOut();
        become(code === 1000 ? 'idle' : 'lost');
      },
    },
  });
}

/** Ends every subscription, as at a logout; the next one connects anew. */
export function disconnect(): void {
  void client?.dispose();
  client = undefined;
  everLive = false;
  become('idle');
}

/** How often it was lost: what one break began, the next one ends. */
let breaks = 0;

/** After a break: finds out how far each subscription has to come. */
async function catchUp(): Promise<void> {
  const number = ++breaks;
  become('catching up');
  setTimeout(() => number === breaks && caughtUp(), CATCH_UP_WITHIN_MS);
  // Until that is known, nothing that comes can be the last of it.
  for (const follower of followers) follower.target = Infinity;
  await Promise.all(
    Array.from(followers, async (follower) => {
      const newest = Number((await follower.newest().catch(() => undefined)) ?? 0);
      if (number === breaks) follower.target = newest;
    }),
  );
  if (number === breaks) checkCaughtUp();
}

function checkCaughtUp() {
  if (connection === 'catching up' && [...followers].every((follower) => follower.cursor() >= follower.target)) caughtUp();
}

function caughtUp() {
  if (connection !== 'catching up') return;
  become('caught up');
  setTimeout(() => {
    if (connection === 'caught up') become('live');
  }, CAUGHT_UP_SHOWN_MS);
}

type Resumable = { after?: string | null | undefined };

/**
 * Follows a subscription that takes `after`. `next` gets each result and returns its cursor; after a break the
 * stream goes on from there, and `newest` says how far it has to come to have caught up. Returns how to stop.
 */
export function follow<Data, Variables extends Resumable>(
  document: TadaDocumentNode<Data, Variables>,
  variables: Variables,
  { next, newest }: { next: (data: Data) => string; newest: () => Promise<string | undefined> },
): () => void {
  let cursor = variables.after ?? undefined;
  // Read anew each time the client subscribes, so also when it resumes.
  const resuming = { ...variables } as Record<string, unknown>;
  Object.defineProperty(resuming, 'after', { enumerable: true, get: () => cursor });
  const follower: Follower = { cursor: () => Number(cursor ?? 0), newest, target: 0 };
  let timer: ReturnType<typeof setTimeout> | undefined;
  let unsubscribe = () => {};
  const again = () => {
    timer = setTimeout(start, LONGEST_WAIT_MS / 4);
  };
  function start() {
    client ??= connect();
    unsubscribe = client.subscribe<Data>(
      { query: print(document), variables: resuming },
      {
        next: ({ data }) => {
          if (!data) return;
          cursor = next(data);
          checkCaughtUp();
        },
        error: again,
        complete: again,
      },
    );
  }
  followers.add(follower);
  start();
  return () => {
    followers.delete(follower);
    clearTimeout(timer);
    const stop = unsubscribe;
    unsubscribe = () => {};
    stop();
    clearTimeout(timer); // its end was reported as any other
    checkCaughtUp();
  };
}
