import { setInterval } from 'node:timers';
import type { Event, Session } from '../generated/prisma/client.ts';
import type { Logger } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import { isDatabaseAway } from '../store/database-error.ts';
import type { Page } from '../store/bounded.ts';
import type { Bus } from './bus.ts';
import { formatCursor } from './cursor.ts';
import { Feed } from './feed.ts';
import type { Reader } from './feed.ts';
import { toUpdate } from './ring.ts';
import type { EventUpdate } from './ring.ts';

export type { EventUpdate } from './ring.ts';

/** What a subscription to sessions yields: the state of one session as of its latest change. */
export type SessionUpdate = { readonly position: number; readonly cursor: string; readonly session: Session };

/** The log as the hub reads it: always by cursor, always bounded. */
export type LogReader = {
  /** The newest committed position of each of these projects. */
  heads(projectIds: readonly string[]): Promise<ReadonlyMap<string, number>>;
  /** Events in (`after`, `upTo`], in order; at most a page, and what stands in a stretch of the log, either of which `reached` tells the end of. */
  events(projectId: string, after: number, upTo: number, filter: EventFilter): Promise<{ events: Event[]; reached: number }>;
};

export type EventFilter = { sessionId?: string | undefined; types?: readonly string[] | undefined };

export type Hub = {
  /**
   * Events after a cursor, for ever, in order, each once; without a cursor, those committed from now on.
   * Resolves when live. The reader is a cursor, not a queue: one that is slow costs what it holds, and catches up
   * from the database.
   */
  events(projectId: string, after: number | undefined, filter: EventFilter): Promise<AsyncGenerator<EventUpdate, void>>;
  /**
   * Sessions changed after a cursor, for ever: each change of state once, at its newest. `read` gives a page of
   * sessions whose position is greater than the cursor, in order; readers with the same `key` share each read.
   */
  sessions(
    projectId: string,
    after: number | undefined,
    key: string,
    read: (after: number) => Promise<Page<Session>>,
  ): Promise<AsyncGenerator<SessionUpdate, void>>;
  /** How far the slowest feed is behind the newest position that is known, in positions. */
  lag(): number;
  close(): void;
};

/** Even the last message of a burst may be lost: the head is checked this often. */
const HEAD_CHECK_MS = 3_000;
const RETRY_MS = 250;

export function createHub(options: { bus: Bus; reader: LogReader; log: Logger; metrics: Metrics }): Hub {
  const { bus, reader: logReader, log, metrics } = options;
  const feeds = new Map<string, Feed>();

  /** Asks the database how far the logs are: a message may have been lost, the last one too. */
  async function checkHeads() {
    if (feeds.size === 0) return;
    try {
      const heads = await logReader.heads([...feeds.keys()]);
      for (const [projectId, head] of heads) feeds.get(projectId)?.reachesTo(head);
    } catch (error) {
      log.warn({ err: error }, 'the live hub could not read the heads of its logs');
    }
  }
  let checking: Promise<void> | undefined;
  const timer = setInterval(() => {
    checking ??= checkHeads().finally(() => (checking = undefined));
  }, HEAD_CHECK_MS);
  timer.unref();
  const stopGap = bus.onGap(() => void checkHeads());

  /** The feed of a project, live. It lives as long as it has readers. */
  async function join(projectId: string): Promise<Feed> {
    let feed = feeds.get(projectId);
    if (!feed) {
      feed = new Feed(projectId, { bus, reader: logReader, log, metrics });
      feeds.set(projectId, feed);
      metrics.hubFeeds.set(feeds.size);
    }
    feed.readers++;
    try {
      await feed.live();
      return feed;
    } catch (error) {
      leave(feed);
      throw error;
    }
  }

  function leave(feed: Feed) {
    feed.readers--;
    if (feed.readers > 0) return;
    feed.close();
    if (feeds.get(feed.projectId) === feed) feeds.delete(feed.projectId);
    metrics.hubFeeds.set(feeds.size);
  }

  /** Reads again until the database answers; nothing once the reader is gone. Throws what another try would not mend. */
  async function retrying<T>(subscriber: Reader, read: () => Promise<T>): Promise<T | undefined> {
    while (!subscriber.stopped) {
      try {
        return await read();
      } catch (error) {
        if (!isDatabaseAway(error)) throw error;
        log.warn({ err: error }, 'a live reader could not read the log; it tries again');
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
    return undefined;
  }

  async function* readEvents(feed: Feed, reader: Reader, start: number, filter: EventFilter): AsyncGenerator<EventUpdate, void> {
    metrics.subscribers.inc({ stream: 'events' });
    try {
      const wanted = matcher(filter);
      let position = start;
      while (!feed.closed && !reader.stopped) {
        if (position >= feed.head) {
          await feed.moved(position, reader);
        } else if (feed.ring.covers(position)) {
          const segment = feed.ring.after(position)!;
          for (const update of segment.updates) if (wanted(update)) yield update;
          position = segment.to;
        } else {
          metrics.hubReads.inc({ why: 'catch_up' });
          const page = await retrying(reader, () => logReader.events(feed.projectId, position, feed.head, filter));
          if (!page) return;
          for (const event of page.events) yield toUpdate(event);
          position = page.reached;
        }
      }
    } finally {
      metrics.subscribers.dec({ stream: 'events' });
      leave(feed);
    }
  }

  async function* readSessions(
    feed: Feed,
    reader: Reader,
    start: number,
    key: string,
    read: (after: number) => Promise<Page<Session>>,
  ): AsyncGenerator<SessionUpdate, void> {
    metrics.subscribers.inc({ stream: 'sessions' });
    try {
      let position = start;
      while (!feed.closed && !reader.stopped) {
        if (position >= feed.head) {
          await feed.moved(position, reader);
          continue;
        }
        const head = feed.head;
        const page = await retrying(reader, () => feed.shared(`${key}@${position}`, async () => {
          metrics.hubReads.inc({ why: 'sessions' });
          const { rows, more } = await read(position);
          return { more, updates: rows.map((session) => ({ position: Number(session.position), cursor: formatCursor(session.position), session })) };
        }));
        if (!page) return;
        for (const update of page.updates) yield update;
        const last = page.updates.at(-1)?.position ?? position;
        // One without more behind it says that nothing up to the head is left.
        position = page.more ? last : Math.max(last, head);
      }
    } finally {
      metrics.subscribers.dec({ stream: 'sessions' });
      leave(feed);
    }
  }

  return {
    async events(projectId, after, filter) {
      const feed = await join(projectId);
      const reader = newReader();
      return stoppable(readEvents(feed, reader, after ?? feed.newest, filter), reader, () => leave(feed));
    },
    async sessions(projectId, after, key, read) {
      const feed = await join(projectId);
      const reader = newReader();
      return stoppable(readSessions(feed, reader, after ?? feed.newest, key, read), reader, () => leave(feed));
    },
    lag: () => Math.max(0, ...[...feeds.values()].map((feed) => feed.newest - feed.head)),
    close() {
      clearInterval(timer);
      stopGap();
      for (const feed of feeds.values()) feed.close();
    },
  };
}

const newReader = (): Reader => ({ stopped: false, wake: () => {} });

function matcher(filter: EventFilter): (update: EventUpdate) => boolean {
  const types = filter.types && filter.types.length > 0 ? new Set(filter.types) : undefined;
  return ({ event }) => (!filter.sessionId || event.sessionId === filter.sessionId) && (!types || types.has(event.eventType));
}

/**
 * Ends a generator at once. By itself one that waits for the next event would end with that event, and one
 * that was never advanced would run no `finally`.
 */
function stoppable<T>(generator: AsyncGenerator<T, void>, reader: Reader, leaveUnread: () => void): AsyncGenerator<T, void> {
  let begun = false;
  function stop() {
    reader.stopped = true;
    reader.wake();
    if (!begun) leaveUnread();
    begun = true;
  }
  return {
    next() {
      begun = true;
      return generator.next();
    },
    return() {
      stop();
      return generator.return();
    },
    throw(error) {
      stop();
      return generator.throw(error);
    },
    [Symbol.asyncIterator]() {
      return this;
    },
    async [Symbol.asyncDispose]() {
      await this.return();
    },
  };
}
