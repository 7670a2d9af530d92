/** Who waits for the session, in the order of precedence. `control` is what writes wait for besides: keys, deletions. */
export type Precedence = 'write' | 'control' | 'read' | 'analytics';

const WRITES: readonly Precedence[] = ['write', 'control'];
const READS: readonly Precedence[] = ['read', 'analytics'];

/** A read may take this long while anything with precedence over it waits, and so long at most, in milliseconds. */
const BUDGET_MS = 500;
const LONGEST_READ_MS = 10_000;
/** How often it is looked at again once its budget is over. */
const LOOK_AGAIN_MS = 25;
/** How long a read waits for its turn. */
const PATIENCE_MS = { read: 5_000, analytics: 10_000 };
/** How far reads may be ahead of writes in the time they share. */
const MOST_CREDIT_MS = 100;

type Waiter = { begin: (end: () => void) => void };

/**
 * Whose turn it is on a session that runs one statement at a time. Writes go before reads, and a read that takes long
 * is ended; while both wait, reads get as much time as writes do, so that neither starves the other.
 */
export class Turns {
  readonly #waiting: { [precedence in Precedence]: Set<Waiter> } = { write: new Set(), control: new Set(), read: new Set(), analytics: new Set() };
  /** How much longer reads may take, in milliseconds, before it is the writes' turn. Below zero where they took more. */
  #credit = 0;
  #taken = false;
  readonly #interrupt: () => void;

  /** `interrupt` ends the statement that runs. */
  constructor(interrupt: () => void) {
    this.#interrupt = interrupt;
  }

  /** Resolves when it is the turn of the one who asks, with what ends it. Rejects when a read has waited too long. */
  take(precedence: Precedence): Promise<() => void> {
    return new Promise((resolve, reject) => {
      const waiting = this.#waiting[precedence];
      const giveUp = () => {
        waiting.delete(waiter);
        reject(new Error('timeout exceeded when trying to connect')); // as pg's pool says it
      };
      const patience = isRead(precedence) ? setTimeout(giveUp, PATIENCE_MS[precedence]) : undefined;
      const waiter: Waiter = {
        begin(end) {
          clearTimeout(patience);
          resolve(end);
        },
      };
      waiting.add(waiter);
      this.#next();
    });
  }

  #next(): void {
    if (this.#taken) return;
    const precedence = (this.#credit > 0 ? [...READS, ...WRITES] : [...WRITES, ...READS]).find((each) => this.#waiting[each].size > 0);
    if (precedence) this.#begin(precedence);
  }

  #begin(precedence: Precedence): void {
    const [waiter] = this.#waiting[precedence];
    this.#waiting[precedence].delete(waiter!);
    this.#taken = true;
    const began = performance.now();
    const stopWatch = isRead(precedence) ? this.#watch(precedence, began) : () => undefined;
    let over = false;
    waiter!.begin(() => {
      if (over) return;
      over = true;
      stopWatch();
      const took = performance.now() - began;
      this.#credit = isRead(precedence) ? Math.max(this.#credit - took, -BUDGET_MS) : Math.min(this.#credit + took, MOST_CREDIT_MS);
      this.#taken = false;
      this.#next();
    });
  }

  /** Ends the read when its time is over. */
  #watch(precedence: 'read' | 'analytics', began: number): () => void {
    const before: readonly Precedence[] = precedence === 'read' ? WRITES : [...WRITES, 'read'];
    const look = () => {
      if (performance.now() - began >= LONGEST_READ_MS || before.some((each) => this.#waiting[each].size > 0)) this.#interrupt();
      timer = setTimeout(look, LOOK_AGAIN_MS);
    };
    let timer = setTimeout(look, BUDGET_MS);
    return () => clearTimeout(timer);
  }
}

const isRead = (precedence: Precedence) => precedence === 'read' || precedence === 'analytics';
