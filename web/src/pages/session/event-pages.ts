import type { EventRow } from './documents.ts';
import type { EventLine } from './event-lines.ts';

/** As many as the server gives at once. */
export const PAGE = 200;
/** Where one jumps to, so many events before it are read as well. */
const BEFORE_JUMP = PAGE / 4;

/** A page after a place in the log, or before one. */
export type PageAsked = { first: number; after: string } | { last: number; before: string };
export type EventPage = { events: readonly EventRow[]; pageInfo: { hasNextPage: boolean; hasPreviousPage: boolean } };

/** All events from one place in the log to another, both included; `at` is the index of the first, as well as it is known. */
type Run = { from: number; to: number; at: number; lines: EventLine[] };

/** What stands at an index: lines, or so many events that are still to be read. */
export type Part = { at: number; lines: readonly EventLine[] } | { at: number; missing: number };

/** The log begins after place 0. */
const FIRST = 1;

const placeOf = (event: EventRow) => Number(event.cursor);

/**
 * The events of a session up to a place in the log, read from the first on, and first of all where one looks. The
 * server pages by place, not by number, so where one jumps to is estimated; it moves to its true index when what lies
 * before it has come. Each page says what stands between two places, so no event is missed and none comes twice.
 */
export class EventPages {
  /** In order, with something unread between each and the next. */
  #runs: Run[] = [];
  #wanted: number | undefined;
  #isJumping = false;
  readonly #total: number;
  readonly #upTo: number;
  readonly #read: (page: PageAsked) => Promise<EventPage>;
  readonly #lineOf: (event: EventRow) => EventLine;

  /** `total` events up to the place `upTo`. */
  constructor({ total, upTo, read, lineOf }: { total: number; upTo: number; read: (page: PageAsked) => Promise<EventPage>; lineOf: (event: EventRow) => EventLine }) {
    this.#total = total;
    this.#upTo = upTo;
    this.#read = read;
    this.#lineOf = lineOf;
  }

  get isComplete(): boolean {
    const [first] = this.#runs;
    return first?.from === FIRST && first.to >= this.#upTo;
  }

  /** Takes in a page that was read after a place. */
  takeAfter(after: number, { events, pageInfo }: EventPage): void {
    const last = events.at(-1);
    this.#take(after + 1, pageInfo.hasNextPage && last ? placeOf(last) : this.#upTo, events);
  }

  /** Reads all that is missing, from the front; calls back after each page. */
  async readAll(onPage: () => void): Promise<void> {
    while (!this.isComplete) {
      const [first] = this.#runs;
      await this.#readAfter(first?.from === FIRST ? first.to : 0);
      onPage();
    }
  }

  /** Reads what is missing around an index, and then around the one that was last asked for meanwhile. */
  async readAt(index: number, onPage: () => void): Promise<void> {
    this.#wanted = index;
    if (this.#isJumping) return;
    this.#isJumping = true;
    try {
      while (this.#wanted !== undefined) {
        const wanted = this.#wanted;
        this.#wanted = undefined;
        if (await this.#jump(wanted)) onPage();
      }
    } finally {
      this.#isJumping = false;
    }
  }

  /** Everything in order, what is missing too. */
  parts(): Part[] {
    const parts: Part[] = [];
    let missing = this.isComplete ? 0 : Math.max(0, this.#total - this.#runs.reduce((sum, { lines }) => sum + lines.length, 0));
    let at = 0;
    const skip = (many: number) => {
      const skipped = Math.min(missing, Math.max(0, many));
      if (skipped > 0) parts.push({ at, missing: skipped });
      at += skipped;
      missing -= skipped;
    };
    for (const run of this.#runs) {
      skip(run.from === FIRST ? 0 : run.to >= this.#upTo ? missing : run.at - at);
      parts.push({ at, lines: run.lines });
      at += run.lines.length;
    }
    skip(missing);
    return parts;
  }

  async #readAfter(after: number): Promise<void> {
    this.takeAfter(after, await this.#read({ first: PAGE, after: String(after) }));
  }

  async #readBefore(before: number): Promise<void> {
    const { events, pageInfo } = await this.#read({ last: PAGE, before: String(before) });
    const [first] = events;
    this.#take(pageInfo.hasPreviousPage && first ? placeOf(first) : FIRST, before - 1, events);
  }

  /** Whether something had to be read. */
  async #jump(index: number): Promise<boolean> {
    const parts = this.parts();
    const gap = parts.findIndex((part) => 'missing' in part && part.at <= index && index < part.at + part.missing);
    const found = parts[gap];
    if (!found || !('missing' in found)) return false;
    const runs = parts.slice(0, gap).filter((part) => 'lines' in part).length;
    const [before, next] = [this.#runs[runs - 1], this.#runs[runs]];
    const low = before?.to ?? 0;
    const high = next?.from ?? this.#upTo + 1;
    const into = index - found.at;
    if (found.missing - into <= PAGE) await this.#readBefore(high);
    else if (into < PAGE) await this.#readAfter(low);
    else await this.#readAfter(Math.max(low, Math.floor(low + (into - BEFORE_JUMP) * ((high - low) / (found.missing + 1)))));
    return true;
  }

  /** The index that an event has if those not read are spread evenly over the log. */
  #indexOf(place: number): number {
    const parts = this.parts();
    let runs = 0;
    for (const part of parts) {
      if ('lines' in part) {
        runs += 1;
        continue;
      }
      const low = this.#runs[runs - 1]?.to ?? 0;
      const high = this.#runs[runs]?.from ?? this.#upTo + 1;
      if (place < high) return part.at + Math.max(0, Math.round(((place - low) * (part.missing + 1)) / (high - low)) - 1);
    }
    return this.#total;
  }

  /** Takes in what stands from one place to another, which is all that stands there. */
  #take(from: number, upTo: number, events: readonly EventRow[]): void {
    const to = Math.min(upTo, this.#upTo); // what is later comes live
    if (to < from) return;
    const touching = this.#runs.filter((run) => run.from <= to + 1 && run.to >= from - 1);
    const isKnown = (place: number) => touching.some((run) => run.from <= place && place <= run.to);
    const fresh = events.filter((event) => placeOf(event) >= from && placeOf(event) <= to && !isKnown(placeOf(event)));
    const [known] = touching;
    if (known && touching.length === 1 && known.from <= from) {
      for (const event of fresh) known.lines.push(this.#lineOf(event));
      known.to = Math.max(known.to, to);
      return;
    }
    const rows = [...touching.flatMap(({ lines }) => lines.map(({ event }) => event)), ...fresh].sort((a, b) => placeOf(a) - placeOf(b));
    const estimated = fresh[0] && !known ? this.#indexOf(placeOf(fresh[0])) : 0;
    const at = known ? known.at - fresh.filter((event) => placeOf(event) < known.from).length : estimated;
    // Anew, because what an event belongs to may have come only now.
    const run = { from: Math.min(from, ...touching.map((each) => each.from)), to: Math.max(to, ...touching.map((each) => each.to)), at, lines: rows.map(this.#lineOf) };
    this.#runs = [...this.#runs.filter((each) => !touching.includes(each)), run].sort((a, b) => a.from - b.from);
  }
}
