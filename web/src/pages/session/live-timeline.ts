import { follow } from '../../api/live.ts';
import { ApiError, request } from '../../api/request.ts';
import type { SessionRow } from '../sessions/documents.ts';
import { EVENTS, EVENTS_AFTER, LAST_EVENTS, NEWEST_EVENT, SESSION, SESSION_CHANGES } from './documents.ts';
import type { EventRow, SessionHead } from './documents.ts';

const PAGE = 200;
const FIRST_PAGE = 100;

/** Live events are shown at once for the eye, pages in the background now and then. */
const FRAME_MS = 16;
const FILLING_MS = 200;

export type EventKind = EventRow['eventType'];

/** A row: an event, a session that this one started, or an event that is still to be read. */
export type Row = EventLine | { kind: 'session'; session: SessionRow; depth: number; open: boolean; timeline: LiveTimeline | undefined } | typeof MISSING;
type EventLine = { kind: 'event'; event: EventRow; depth: number };

const MISSING = { kind: 'missing' } as const;

const DEEPEST = 8;

export const startOf = (event: EventRow) => endOf(event) - (event.durationMs ?? 0);
export const endOf = (event: EventRow) => Date.parse(event.clientTimestamp ?? event.createdAt);
export const hasFailed = (event: EventRow) => event.__typename === 'ErrorEvent' || ('status' in event && event.status === 'error') || ('toolError' in event && event.toolError != null);

/** How many events of these kinds a session has. */
export function countOf(session: SessionHead, kinds: readonly EventKind[]): number {
  const { eventCount, toolCallCount, decisionCount, llmCallCount, stateChangeCount } = session;
  const counts: Record<EventKind, number> = {
    TOOL_CALL: toolCallCount,
    LLM_DECISION: decisionCount,
    LLM_CALL: llmCallCount,
    STATE_CHANGE: stateChangeCount,
    ERROR: eventCount - toolCallCount - decisionCount - llmCallCount - stateChangeCount,
  };
  return kinds.length === 0 ? eventCount : kinds.reduce((sum, kind) => sum + counts[kind], 0);
}

/**
 * The events of a session in order, from the first on: a page at once, the others in the background, and what
 * happens meanwhile live. The session is read with its place in the log; what is later comes by subscription after
 * that place, what is earlier by pages up to it. So no event is missed, and none comes twice.
 */
export class LiveTimeline {
  session: SessionHead | undefined;
  fault: ApiError | Error | undefined;
  /** Moves on with every change. */
  version = 0;
  /** Events that came live, for "3 new". */
  arrivals = 0;
  readonly id: string;
  /** Of this session and choice of kinds. */
  readonly key: string;
  readonly #kinds: readonly EventKind[];
  readonly #head: EventLine[] = [];
  #tail: EventLine[] = [];
  readonly #live: EventLine[] = [];
  /** How deep an event stands under those it belongs to. */
  readonly #depths = new Map<string, number>();
  /** Events by pages, those not read yet too. */
  #paged = 0;
  #base = 0;
  #from = Infinity;
  #to = -Infinity;
  readonly #children = new Map<string, SessionRow>();
  readonly #opened = new Map<string, LiveTimeline>();
  readonly #watchers = new Set<() => void>();
  readonly #stopping = new AbortController();
  #unfollow: (() => void)[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #changesAt = 0;
  #rows: { version: number; rows: Row[] } | undefined;
  #tailWanted = false;

  constructor(id: string, kinds: readonly EventKind[]) {
    this.id = id;
    this.key = `${id} ${kinds.join()}`;
    this.#kinds = kinds;
  }

  readonly get = (): number => this.version;
  readonly watch = (watcher: () => void): (() => void) => {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  };

  async start(): Promise<void> {
    const { signal } = this.#stopping;
    const variables = { id: this.id, types: this.#kinds.length > 0 ? [...this.#kinds] : null };
    try {
      const { session } = await request(SESSION, { ...variables, first: FIRST_PAGE }, signal);
      if (!session) throw new ApiError('NOT_FOUND', `No session "${this.id}" in this project`);
      const { events, children, ...head } = session;
      this.session = head;
      this.#base = Number(head.cursor);
      this.#paged = countOf(head, this.#kinds);
      for (const { node } of children.edges) this.#children.set(node.id, node);
      this.#append(events.edges.map(({ node }) => node));
      this.#changed();
      this.#followAll(head.cursor);
      if (head.status === 'ACTIVE' && events.pageInfo.hasNextPage) await this.#readTail();
      await this.#readOn(events.pageInfo);
    } catch (error) {
      if (signal.aborted) return;
      this.fault = error as Error;
      this.#changed();
    }
  }

  stop(): void {
    this.#stopping.abort();
    this.#unfollow.forEach((stop) => stop());
    this.#opened.forEach((timeline) => timeline.stop());
    clearTimeout(this.#timer);
  }

  /** Reads the last events first, when one looks there before the pages have come so far. */
  wantTail(): void {
    if (this.#tailWanted || this.#missing() < PAGE) return;
    this.#tailWanted = true;
    void this.#readTail().catch(() => undefined); // the pages come all the same
  }

  /** Shows or hides what a child session did, in its place. */
  toggle(child: string): void {
    for (const timeline of this.#opened.values()) timeline.toggle(child);
    if (!this.#children.has(child)) return;
    const opened = this.#opened.get(child);
    if (opened) {
      opened.stop();
      this.#opened.delete(child);
    } else {
      const timeline = new LiveTimeline(child, []);
      this.#opened.set(child, timeline);
      timeline.watch(() => this.#changed());
      void timeline.start();
    }
    this.#changed();
  }

  /** The time that the rows span, in milliseconds since 1970. */
  span(): { from: number; to: number } {
    if (!this.session) return { from: 0, to: 1 };
    const begun = Date.parse(this.session.createdAt);
    const ended = this.session.completedAt ? Date.parse(this.session.completedAt) : begun;
    const from = Math.min(begun, this.#from);
    return { from, to: Math.max(ended, this.#to, from + 1) };
  }

  /** Every row, in order. */
  rows(): readonly Row[] {
    if (this.#rows?.version === this.version) return this.#rows.rows;
    const rows: Row[] = [];
    this.#addRows(rows, 0);
    this.#rows = { version: this.version, rows };
    return rows;
  }

  #missing = () => Math.max(0, this.#paged - this.#head.length - this.#tail.length);

  #addRows(rows: Row[], depth: number): void {
    const children = [...this.#children.values()].sort((a, b) => Date.parse(a.createdAt) - Date.parse(b.createdAt));
    let next = 0;
    const addChildrenUntil = (moment: number) => {
      for (; next < children.length && Date.parse(children[next]!.createdAt) <= moment; next++) {
        const child = children[next]!;
        const timeline = this.#opened.get(child.id);
        rows.push({ kind: 'session', session: timeline?.session ?? child, depth, open: timeline !== undefined, timeline });
        if (timeline) timeline.#addRows(rows, depth + 1);
      }
    };
    const addEvents = (lines: readonly EventLine[]) => {
      for (const line of lines) {
        if (next < children.length) addChildrenUntil(startOf(line.event));
        rows.push(depth === 0 ? line : { ...line, depth: depth + line.depth });
      }
    };
    addEvents(this.#head);
    for (let missing = this.#missing(); missing > 0; missing--) rows.push(MISSING);
    addEvents(this.#tail);
    addEvents(this.#live);
    addChildrenUntil(Infinity);
  }

  #append(events: readonly EventRow[], to = this.#head): void {
    for (const event of events) {
      if (to !== this.#live && Number(event.cursor) > this.#base) continue; // comes live
      const parentDepth = event.parentEventId === null ? undefined : this.#depths.get(event.parentEventId);
      const depth = parentDepth === undefined ? 0 : Math.min(DEEPEST, parentDepth + 1);
      this.#depths.set(event.id, depth);
      to.push({ kind: 'event', event, depth });
      this.#from = Math.min(this.#from, startOf(event));
      this.#to = Math.max(this.#to, endOf(event));
    }
  }

  async #readOn(page: { endCursor: string | null; hasNextPage: boolean }): Promise<void> {
    const { signal } = this.#stopping;
    while (page.hasNextPage && this.#missing() > 0 && !signal.aborted) {
      const { session } = await request(EVENTS_AFTER, { id: this.id, types: this.#kinds.length > 0 ? [...this.#kinds] : null, first: PAGE, after: page.endCursor }, signal);
      if (!session) return;
      page = session.events.pageInfo;
      const firstOfTail = this.#tail[0];
      const events = session.events.edges.map(({ node }) => node);
      this.#append(firstOfTail ? events.filter(({ cursor }) => Number(cursor) < Number(firstOfTail.event.cursor)) : events);
      this.#soon(FILLING_MS);
    }
    // Nothing more is to come, whatever the count said.
    this.#paged = this.#head.length + this.#tail.length;
    this.#changed();
  }

  async #readTail(): Promise<void> {
    this.#tailWanted = true;
    const { session } = await request(LAST_EVENTS, { id: this.id, types: this.#kinds.length > 0 ? [...this.#kinds] : null, last: PAGE }, this.#stopping.signal);
    const last = Number(this.#head.at(-1)?.event.cursor ?? 0);
    const tail: EventLine[] = [];
    this.#append((session?.events.edges ?? []).map(({ node }) => node).filter(({ cursor }) => Number(cursor) > last), tail);
    this.#tail = tail;
    this.#changed();
  }

  #followAll(after: string): void {
    const { id } = this;
    const types = this.#kinds.length > 0 ? [...this.#kinds] : null;
    const { signal } = this.#stopping;
    const newest = async () => (await request(NEWEST_EVENT, { id, types }, signal)).session?.events.edges[0]?.node.cursor;
    this.#unfollow = [
      follow(
        EVENTS,
        { after, sessionId: id, types },
        {
          newest,
          next: ({ events: { cursor, event } }) => {
            this.#append([event], this.#live);
            this.arrivals += 1;
            this.#soon();
            return cursor;
          },
        },
      ),
      follow(
        SESSION_CHANGES,
        { after, filter: { ids: [id] } },
        {
          newest,
          next: ({ sessionUpdates: { cursor, session } }) => {
            this.session = session;
            this.#soon();
            return cursor;
          },
        },
      ),
      follow(
        SESSION_CHANGES,
        { after, filter: { parentSessionId: id } },
        {
          newest: () => Promise.resolve(undefined),
          next: ({ sessionUpdates: { cursor, session } }) => {
            this.#children.set(session.id, session);
            this.#soon();
            return cursor;
          },
        },
      ),
    ];
  }

  /** What comes in a short time is shown together. */
  #soon(within = FRAME_MS): void {
    const at = performance.now() + within;
    if (this.#timer !== undefined && this.#changesAt <= at) return;
    clearTimeout(this.#timer);
    this.#changesAt = at;
    this.#timer = setTimeout(() => this.#changed(), within);
  }

  #changed(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.version += 1;
    this.#watchers.forEach((watcher) => watcher());
  }
}
