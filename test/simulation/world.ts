/** Something that can be frozen (SIGSTOP) or die: a server, the database, Redis, a client. */
export class Process {
  readonly name: string;
  /** Whether it runs code of src, whose microtasks have to end before anything else may happen. */
  readonly runsCode: boolean;
  alive = true;
  /** How far its clock is off, in milliseconds. */
  skew = 0;
  /** What came due while it was frozen. */
  frozen: Step[] | undefined;
  /** It has been frozen: what it promises within a time, it cannot keep. */
  hindered = false;

  constructor(name: string, { runsCode = false } = {}) {
    this.name = name;
    this.runsCode = runsCode;
  }
}

/** A timer of the process, or something that comes to it from outside. */
type StepKind = 'timer' | 'message';
type Step = { due: number; order: number; process: Process; kind: StepKind; run: () => void };

/** The wall clock's reading when a schedule starts. */
const EPOCH = Date.UTC(2030, 0, 1);
/** A schedule of more steps than this does not come to rest. */
const MOST_STEPS = 200_000;

/**
 * One event loop and one clock for all processes of a schedule. What happens is a step of one process at one time;
 * between two steps every microtask of the first has run. So the order of everything follows from what was put
 * into the queue, and that from the seed.
 */
export class World {
  /** Virtual milliseconds since the schedule began. */
  now = 0;
  /** The process whose step this is: timers that are set now are its own. */
  current: Process | undefined;
  /** What was broken first, in a sentence. */
  violation: string | undefined;
  /** A readable account of what happened, where it was asked for. */
  readonly account: string[] | undefined;
  #steps = new StepQueue();
  taken = 0;

  constructor({ tells }: { tells: boolean }) {
    this.account = tells ? [] : undefined;
  }

  /** The wall clock, as the current process reads it. */
  wallClock(): number {
    return EPOCH + Math.floor(this.now) + (this.current?.skew ?? 0);
  }

  /** Lets a process do something after a time. */
  after(delay: number, process: Process, run: () => void, kind: StepKind = 'message'): void {
    this.#steps.push({ due: this.now + delay, order: 0, process, kind, run });
  }

  freeze(process: Process): void {
    this.tell(process, () => 'is frozen');
    process.frozen ??= [];
    process.hindered = true;
  }

  /** As an event loop does that finds itself behind: first the timers, then what has arrived. */
  thaw(process: Process): void {
    const missed = process.frozen ?? [];
    this.tell(process, () => 'goes on');
    process.frozen = undefined;
    for (const kind of ['timer', 'message'] as const) {
      for (const step of missed) if (step.kind === kind) this.#steps.push({ ...step, due: this.now });
    }
  }

  broken(sentence: string): void {
    if (this.violation === undefined) this.tell('BROKEN', () => sentence);
    this.violation ??= sentence;
  }

  tell(who: Process | string, what: () => string): void {
    this.account?.push(`${(this.now / 1_000).toFixed(4).padStart(9)} s  ${(typeof who === 'string' ? who : who.name).padEnd(9)} ${what()}`);
  }

  /** Goes on until `done`, a broken promise, or `limit`. Returns whether it is done. */
  async run(done: () => boolean, limit: number): Promise<boolean> {
    while (!done()) {
      const step = this.#steps.pop();
      if (!step || step.due > limit) {
        if (step) this.#steps.push(step);
        this.now = limit;
        return false;
      }
      if (!step.process.alive) continue;
      if (step.process.frozen) {
        step.process.frozen.push(step);
        continue;
      }
      this.now = step.due;
      this.current = step.process;
      step.run();
      if (step.process.runsCode) await nextMacrotask();
      this.current = undefined;
      if (this.violation !== undefined) return false;
      if (++this.taken > MOST_STEPS) this.broken(`nothing comes to rest: ${MOST_STEPS} steps`);
    }
    return true;
  }
}

/** Node begins a macrotask only when no microtask is left, those included that microtasks have made. */
const nextMacrotask = () => new Promise<void>((resolve) => setImmediate(resolve));

/** By time; at the same time in the order in which they were put in. */
class StepQueue {
  #heap: Step[] = [];
  #count = 0;

  push(step: Step): void {
    step.order = this.#count++;
    const heap = this.#heap;
    let at = heap.push(step) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!before(step, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = step;
  }

  pop(): Step | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (!last || last === first) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++;
      if (!before(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
    return first;
  }
}

const before = (a: Step, b: Step) => a.due < b.due || (a.due === b.due && a.order < b.order);
