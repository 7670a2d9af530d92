import { follow } from '../../api/live.ts';
import { ApiError, request } from '../../api/request.ts';
import { beganAt } from '../../ui/format.ts';
import type { SessionRow } from '../sessions/documents.ts';
import { EVENT_PAGE, EVENTS, NEWEST_EVENT, SESSION, SESSION_CHANGES } from './documents.ts';
import type { EventRow, SessionHead } from './documents.ts';
import { EventLines, startOf } from './event-lines.ts';
import type { EventLine } from './event-lines.ts';
import { EventPages } from './event-pages.ts';

const FIRST_PAGE = 100;

/** Live events are shown at once for the eye, pages in the background now and then. */
const FRAME_MS = 16;
const FILLING_MS = 200;

export type EventKind = EventRow['eventType'];

/** A row: an event, a session that this one started, or an event that is still to be read. */
export type Row = EventLine | { kind: 'session'; session: SessionRow; depth: number; open: boolean; timeline: LiveTimeline | undefined } | Missing;
/** `index` is its number among the events of its timeline, from 0. */
type Missing = { kind: 'missing'; index: number; of: LiveTimeline };

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
 * A session, its events in order and the sessions that it started: a page at once, the others in the background, and
 * what happens meanwhile live. The session is read with its place in the log; what is later comes by subscription
 * after that place, what is earlier by pages up to it. So no event is missed, and none comes twice.
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
  readonly #lines = new EventLines();
  #pages: EventPages | undefined;
  readonly #missing: Missing[] = [];
  readonly #live: EventLine[] = [];
  readonly #children = new Map<string, SessionRow>();
  readonly #opened = new Map<string, LiveTimeline>();
  readonly #watchers = new Set<() => void>();
  readonly #stopping = new AbortController();
  #unfollow: (() => void)[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #changesAt = 0;
  #rows: { version: number; rows: Row[] } | undefined;

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
      for (const { node } of children.edges) this.#children.set(node.id, node);
      const pageOf = ({ edges, pageInfo }: typeof events) => ({ events: edges.map(({ node }) => node), pageInfo });
      const pages = new EventPages({
        total: countOf(head, this.#kinds),
        upTo: Number(head.cursor),
        lineOf: this.#lines.lineOf,
        read: async (page) => {
          const answer = await request(EVENT_PAGE, { ...variables, ...page }, signal);
          if (!answer.session) throw new ApiError('NOT_FOUND', 'This session was deleted');
          return pageOf(answer.session.events);
        },
      });
      this.#pages = pages;
      pages.takeAfter(0, pageOf(events));
      this.#changed();
      this.#followAll(head.cursor);
      if (head.status === 'ACTIVE') this.want(countOf(head, this.#kinds) - 1);
      await pages.readAll(() => this.#soon(FILLING_MS));
      this.#changed();
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

  /** Reads what is missing around an event first, because one looks there. */
  want(index: number): void {
    this.#pages?.readAt(index, () => this.#changed()).catch(() => undefined); // it comes with the others all the same
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
    const begun = Date.parse(beganAt(this.session));
    const ended = this.session.completedAt ? Date.parse(this.session.completedAt) : begun;
    const from = Math.min(begun, this.#lines.from);
    return { from, to: Math.max(ended, this.#lines.to, from + 1) };
  }

  /** Whether every event up to now has been read. */
  get isComplete(): boolean {
    return this.#pages?.isComplete ?? false;
  }

  /** Every row, in order. */
  rows(): readonly Row[] {
    if (this.#rows?.version === this.version) return this.#rows.rows;
    const rows: Row[] = [];
    this.#addRows(rows, 0);
    this.#rows = { version: this.version, rows };
    return rows;
  }

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
    for (const part of this.#pages?.parts() ?? []) {
      if ('lines' in part) addEvents(part.lines);
      else for (let index = part.at; index < part.at + part.missing; index++) rows.push((this.#missing[index] ??= { kind: 'missing', index, of: this }));
    }
    addEvents(this.#live);
    addChildrenUntil(Infinity);
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
            this.#live.push(this.#lines.lineOf(event));
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
