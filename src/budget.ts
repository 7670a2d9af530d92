import type { Limits } from './config.ts';
import { answersBusy } from './errors.ts';
import type { Found, Room } from './store/bounded.ts';

/** What is read of an answer before it has to wait for a place among the large ones, in bytes. */
const SMALL = 1024 * 1024;
/** Names, ids and cursors, which an answer may hold beside its payloads. */
const NAMES = 1024 * 1024;

/** The heaviest row that is read with its payloads: none that is written is heavier, and one alone is an answer. */
export const largestRow = ({ eventBytes, sessionBytes, answerBytes }: Limits): number => Math.max(eventBytes, sessionBytes, answerBytes);

/**
 * What one answer may still take, in bytes (docs/promises.md, P10). Each request has one, and each message of a
 * subscription: reads take from it what they bring, fields what they print.
 */
export class Budget {
  readonly #limits: Limits;
  readonly #places: Places;
  #toRead: number;
  #toPrint: number;
  #printed = 0;
  #turn: Promise<unknown> = Promise.resolve();
  #leave: (() => void) | undefined;

  constructor(limits: Limits, places: Places) {
    this.#limits = limits;
    this.#places = places;
    this.#toRead = limits.answerBytes;
    this.#toPrint = largestRow(limits) + NAMES;
  }

  /** A budget of the same size. */
  renewed(): Budget {
    return new Budget(this.#limits, this.#places);
  }

  /**
   * Runs a query with the room that those before it have left: the reads of one answer take turns. What would bring
   * much waits for a place among the large answers. Where there is none for too long it throws OVERLOADED, or, where
   * an answer must not fail for that, leaves out what would be much.
   */
  read<Row>(query: (room: Room) => Promise<Found<Row>>, whenBusy?: 'leave out'): Promise<Found<Row>> {
    const found = this.#turn.then(() => this.#take(query, whenBusy === 'leave out'));
    this.#turn = found.catch(() => undefined);
    return found;
  }

  async #take<Row>(query: (room: Room) => Promise<Found<Row>>, leaveOut: boolean): Promise<Found<Row>> {
    const read = this.#limits.answerBytes - this.#toRead;
    const room: Room = { total: this.#toRead, row: read <= NAMES ? largestRow(this.#limits) : this.#toRead };
    let found = await query({ total: Math.min(room.total, SMALL), row: Math.min(room.row, SMALL) });
    if (found.wanted > SMALL && room.row > SMALL) {
      this.#leave ??= await this.#places.take();
      if (this.#leave) found = await query(room);
      else if (!leaveOut) throw answersBusy();
    }
    this.#toRead = Math.max(0, this.#toRead - found.taken);
    return found;
  }

  /** Counts what is about to be printed. False where there is no room for it. */
  prints(bytes: number): boolean {
    if (bytes > this.#toPrint) return false;
    this.#toPrint -= bytes;
    this.#printed += bytes;
    return true;
  }

  /** How much was printed. */
  get printed(): number {
    return this.#printed;
  }

  /** The answer is written: its place is free. */
  close(): void {
    this.#leave?.();
    this.#leave = undefined;
  }
}

/** How many large answers a server makes at a time, so that many who ask at once cost no more memory than these. */
const LARGE_ANSWERS = 4;
/** How long one waits for its turn, in milliseconds. */
const PATIENCE_MS = 10_000;

/** The places of those who make a large answer; the others wait in a line. */
export class Places {
  #free = LARGE_ANSWERS;
  readonly #waiting = new Set<() => void>();

  /** Resolves with what gives the place back; with nothing when it has waited in vain. */
  async take(): Promise<(() => void) | undefined> {
    if (this.#free > 0) this.#free--;
    else if (!(await this.#inLine())) return undefined;
    return () => {
      const [next] = this.#waiting;
      if (next) next();
      else this.#free++;
    };
  }

  #inLine(): Promise<boolean> {
    return new Promise((resolve) => {
      const settle = (called: boolean) => {
        clearTimeout(timer);
        this.#waiting.delete(call);
        resolve(called);
      };
      const call = () => settle(true);
      const timer = setTimeout(() => settle(false), PATIENCE_MS);
      this.#waiting.add(call);
    });
  }
}
