/** What the two threads share: a word that says what is going on, and the memory of PostgreSQL with its two flags. */
export type InterruptHandle = { state: SharedArrayBuffer; memory: SharedArrayBuffer; queryCancelPending: number; interruptPending: number };

const IDLE = 0;
/** Somebody writes the flags. */
const RAISING = 1;
const RAISED = 2;
/** A request of the connection with the number 0 runs; of the next one, this and one more. */
const RUNNING = 3;

/**
 * Ends what PostgreSQL runs, from any thread: sets the flags that its handler of SIGINT sets, which it looks at
 * wherever a statement may be left (CHECK_FOR_INTERRUPTS). The statement then fails as a cancelled one does (57014).
 */
export class Interrupt {
  readonly handle: InterruptHandle;
  readonly #state: Int32Array;
  readonly #memory: Int32Array;

  constructor(handle: InterruptHandle) {
    this.handle = handle;
    this.#state = new Int32Array(handle.state);
    this.#memory = new Int32Array(handle.memory);
  }

  /** Ends the request that runs within `allow` at this moment; nothing where none does, or only that of another connection. */
  raise(connection?: number): void {
    const running = connection === undefined ? Atomics.load(this.#state, 0) : RUNNING + connection;
    if (running < RUNNING || Atomics.compareExchange(this.#state, 0, running, RAISING) !== running) return;
    this.#setFlag(this.handle.queryCancelPending, 1);
    this.#setFlag(this.handle.interruptPending, 1);
    Atomics.store(this.#state, 0, RAISED);
    Atomics.notify(this.#state, 0);
  }

  /** Runs a request that may be ended, on the thread of PostgreSQL; leaves no flag behind for what comes next. */
  allow(connection: number, run: () => void): void {
    const running = RUNNING + connection;
    Atomics.store(this.#state, 0, running);
    try {
      run();
    } finally {
      if (Atomics.compareExchange(this.#state, 0, running, IDLE) !== running) {
        Atomics.wait(this.#state, 0, RAISING);
        this.#setFlag(this.handle.queryCancelPending, 0);
        Atomics.store(this.#state, 0, IDLE);
      }
    }
  }

  #setFlag(address: number, value: 0 | 1): void {
    Atomics.store(this.#memory, address / Int32Array.BYTES_PER_ELEMENT, value);
  }
}
