/** What the two threads share: what is going on, and the memory of PostgreSQL with its two flags. */
export type InterruptHandle = { state: SharedArrayBuffer; memory: SharedArrayBuffer; queryCancelPending: number; interruptPending: number };

/** The words of `state`: what runs, as one of the numbers below, and the newest connection that was given up. */
const [STATE, GONE] = [0, 1];

const IDLE = 0;
/** Somebody writes the flags. */
const RAISING = 1;
const RAISED = 2;
/** A request of the connection with the number 0 runs; of the next one, this and one more. */
const RUNNING = 3;

/** Nothing runs, nobody has gone. */
export function newState(): SharedArrayBuffer {
  const state = new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT);
  new Int32Array(state)[GONE] = -1;
  return state;
}

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

  /** Ends the request that runs within `allow` at this moment, if one does. */
  raise(): void {
    this.#raise(Atomics.load(this.#state, STATE));
  }

  /** Ends the requests of a connection, the one that runs and those that would be the next. Connections count upwards. */
  giveUp(connection: number): void {
    Atomics.store(this.#state, GONE, Math.max(connection, Atomics.load(this.#state, GONE)));
    this.#raise(RUNNING + connection);
  }

  #raise(running: number): void {
    if (running < RUNNING || Atomics.compareExchange(this.#state, STATE, running, RAISING) !== running) return;
    this.#setFlag(this.handle.queryCancelPending, 1);
    this.#setFlag(this.handle.interruptPending, 1);
    Atomics.store(this.#state, STATE, RAISED);
    Atomics.notify(this.#state, STATE);
  }

  /** Runs a request that may be ended, on the thread of PostgreSQL; leaves no flag behind for what comes next. */
  allow(connection: number, run: () => void): void {
    const running = RUNNING + connection;
    Atomics.store(this.#state, STATE, running);
    try {
      if (Atomics.load(this.#state, GONE) < connection) run();
    } finally {
      if (Atomics.compareExchange(this.#state, STATE, running, IDLE) !== running) {
        Atomics.wait(this.#state, STATE, RAISING);
        this.#setFlag(this.handle.queryCancelPending, 0);
        Atomics.store(this.#state, STATE, IDLE);
      }
    }
  }

  #setFlag(address: number, value: 0 | 1): void {
    Atomics.store(this.#memory, address / Int32Array.BYTES_PER_ELEMENT, value);
  }
}
