import { follow } from '../../api/live.ts';
import { request } from '../../api/request.ts';
import { HEAD, NEWEST_CHANGE, SESSION_UPDATES, SESSIONS } from './documents.ts';
import type { SessionRow } from './documents.ts';
import type { Filter, Order } from './view.ts';

const PAGE = 100;

export type Listed = {
  rows: readonly SessionRow[];
  /** Sessions that arrived while the reader was further down; `release` lets them in. */
  waiting: number;
  /** Ids of sessions that arrived while one was looking. */
  arrived: ReadonlySet<string>;
  hasMore: boolean;
  loading: boolean;
  /** Whether so many have come while one looked at the top that it is time to begin anew. */
  isLong: boolean;
  fault: Error | undefined;
};

export const NOTHING_YET: Listed = { rows: [], waiting: 0, arrived: new Set(), hasMore: false, loading: true, isLong: false, fault: undefined };

/** A page that stays open for days keeps no more rows than these, as long as one is at the top. */
const MOST_KEPT = 5_000;

/**
 * A list of sessions, by pages as far as one has scrolled, kept up to date by `sessionUpdates`. What can change
 * about a session while it runs (its status, whether it has errors) is looked at here, because the server does not
 * send sessions that no longer match.
 */
export class LiveSessions {
  #state: Listed = NOTHING_YET;
  readonly #filter: Filter;
  readonly #order: Order;
  readonly #watchers = new Set<() => void>();
  readonly #byId = new Map<string, SessionRow>();
  readonly #held = new Map<string, SessionRow>();
  readonly #inbox = new Map<string, SessionRow>();
  readonly #stopping = new AbortController();
  #endCursor: string | null | undefined;
  #unfollow = () => {};
  #frame: ReturnType<typeof setTimeout> | undefined;
  #holding = false;
  #reading = false;

  constructor(filter: Filter, order: Order) {
    this.#filter = filter;
    this.#order = order;
  }

  readonly get = (): Listed => this.#state;
  readonly watch = (watcher: () => void): (() => void) => {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  };

  async start(): Promise<void> {
    const { signal } = this.#stopping;
    try {
      const { viewer } = await request(HEAD, {}, signal);
      await this.#read();
      if (signal.aborted) return;
      const { statuses: _statuses, hasErrors: _hasErrors, ...filter } = this.#filter;
      this.#unfollow = follow(
        SESSION_UPDATES,
        { after: viewer.project.cursor, filter },
        {
          next: ({ sessionUpdates: { cursor, session } }) => {
            this.#inbox.set(session.id, session);
            this.#frame ??= setTimeout(() => this.#takeIn(), 16);
            return cursor;
          },
          newest: async () => (await request(NEWEST_CHANGE, { filter }, signal)).sessions.edges[0]?.node.cursor,
        },
      );
    } catch (error) {
      if (!signal.aborted) this.#become({ fault: error as Error, loading: false });
    }
  }

  stop(): void {
    this.#stopping.abort();
    this.#unfollow();
    clearTimeout(this.#frame);
  }

  async more(): Promise<void> {
    if (this.#reading || !this.#state.hasMore) return;
    this.#become({ loading: true, fault: undefined });
    try {
      await this.#read();
    } catch (error) {
      if (!this.#stopping.signal.aborted) this.#become({ fault: error as Error, loading: false });
    }
  }

  /** After a fault: goes on where it was. */
  async retry(): Promise<void> {
    if (this.#endCursor !== undefined) return this.more();
    this.#become({ loading: true, fault: undefined });
    await this.start();
  }

  /** While one reads further down, new rows wait, so that nothing moves. */
  hold(holding: boolean): void {
    this.#holding = holding;
    if (!holding) this.release();
  }

  release(): void {
    if (this.#held.size === 0) return;
    const rows = [...this.#state.rows];
    for (const row of this.#held.values()) this.#put(rows, row);
    const arrived = new Set(this.#held.keys());
    this.#held.clear();
    this.#become({ rows, arrived, waiting: 0 });
  }

  async #read(): Promise<void> {
    this.#reading = true;
    try {
      const { sessions } = await request(SESSIONS, { filter: this.#filter, orderBy: this.#order, first: PAGE, after: this.#endCursor ?? null }, this.#stopping.signal);
      this.#endCursor = sessions.pageInfo.endCursor;
      const added = sessions.edges.map(({ node }) => node).filter(({ id }) => !this.#byId.has(id));
      for (const row of added) this.#byId.set(row.id, row);
      this.#become({ rows: [...this.#state.rows, ...added], hasMore: sessions.pageInfo.hasNextPage, loading: false });
    } finally {
      this.#reading = false;
    }
  }

  /** What came since the last time, all at once. */
  #takeIn(): void {
    this.#frame = undefined;
    const rows = [...this.#state.rows];
    const arrived = new Set<string>();
    const indexes = this.#inbox.size > 20 ? new Map(rows.map((row, index) => [row.id, index])) : undefined;
    const moving: SessionRow[] = [];
    const leaving = new Set<string>();
    for (const row of this.#inbox.values()) {
      const before = this.#byId.get(row.id);
      if (!this.#wants(row)) {
        this.#held.delete(row.id);
        if (before) leaving.add(row.id);
      } else if (before) {
        this.#byId.set(row.id, row);
        const stays = this.#holding || this.#compare(before, row) === 0;
        if (stays) rows[indexes?.get(row.id) ?? rows.findIndex(({ id }) => id === row.id)] = row;
        else {
          leaving.add(row.id);
          moving.push(row);
        }
      } else if (this.#holding || this.#held.has(row.id)) {
        if (this.#isShown(rows, row)) this.#held.set(row.id, row);
      } else if (this.#isShown(rows, row)) {
        moving.push(row);
        arrived.add(row.id);
      }
    }
    this.#inbox.clear();
    const kept = leaving.size > 0 ? rows.filter(({ id }) => !leaving.has(id)) : rows;
    for (const id of leaving) this.#byId.delete(id);
    for (const row of moving) this.#put(kept, row);
    this.#become({ rows: kept, arrived, waiting: this.#held.size, isLong: !this.#holding && kept.length > MOST_KEPT });
  }

  #wants({ status, errorCount, agentName, userId, convoId }: SessionRow): boolean {
    const filter = this.#filter;
    const ended = status !== 'ACTIVE';
    return (
      (!filter.statuses || filter.statuses.includes(status)) &&
      (filter.hasErrors == null || filter.hasErrors === errorCount > 0) &&
      (!filter.agentName || filter.agentName === agentName) &&
      (!filter.userId || filter.userId === userId) &&
      (!filter.convoId || filter.convoId === convoId) &&
      (ended || this.#order.field === 'CREATED_AT' || this.#order.field === 'LAST_CHANGE')
    );
  }

  /** Whether a row stands within what has been read so far. */
  #isShown(rows: readonly SessionRow[], row: SessionRow): boolean {
    const last = rows.at(-1);
    return !this.#state.hasMore || last === undefined || this.#compare(row, last) < 0;
  }

  #put(rows: SessionRow[], row: SessionRow): void {
    this.#byId.set(row.id, row);
    let [low, high] = [0, rows.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#compare(rows[middle]!, row) < 0) low = middle + 1;
      else high = middle;
    }
    rows.splice(low, 0, row);
  }

  /** Negative where `a` comes first. */
  #compare(a: SessionRow, b: SessionRow): number {
    const sign = this.#order.direction === 'ASC' ? 1 : -1;
    return sign * (this.#key(a) - this.#key(b) || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
  }

  #key(row: SessionRow): number {
    switch (this.#order.field) {
      case 'CREATED_AT':
        return Date.parse(row.createdAt);
      case 'LAST_CHANGE':
        return Number(row.cursor);
      case 'DURATION':
        return row.durationMs ?? 0;
      case 'COST':
        return row.estimatedCost;
    }
  }

  #become(change: Partial<Listed>): void {
    this.#state = { ...this.#state, ...change };
    this.#watchers.forEach((watcher) => watcher());
  }
}
