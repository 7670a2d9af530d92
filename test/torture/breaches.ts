import { seconds } from './faults/fault.ts';

/** What must not happen, whatever else does. */
export const BREACHES = [
  'lost', // acknowledged, and not in the table
  'duplicated', // in the table twice, or delivered twice
  'out of order', // a position that is not greater than those before it
  'gap', // in the table, and passed over by a reader
  'wrong content', // the table or a delivery says something else than what was sent
  'stored though refused',
  'wrong answer', // a status that the request does not explain, a 5xx other than 503
  'wrong repeat', // sent again, answered otherwise than the first time; or a conflict that was not refused
  'stale read', // acknowledged, and not found by a read that was sent afterwards
  'wrong rollup', // the counts on a session are not those of its events
  'unexplained exit', // a server that ended, or did not start or stop, and no fault says why
  'memory', // beyond the bound
  'stuck', // not back to work in time after the last fault
] as const;
export type Breach = (typeof BREACHES)[number];

const SHOWN = 20;

/** The breaches found, with the evidence of the first ones of each kind, and when it was found. */
export class Breaches {
  readonly #began = Date.now();
  readonly #counts = new Map<Breach, number>();
  readonly evidence: string[] = [];

  add(kind: Breach, evidence: string): void {
    const count = (this.#counts.get(kind) ?? 0) + 1;
    this.#counts.set(kind, count);
    if (count <= SHOWN) this.evidence.push(`${kind} (${seconds(Date.now() - this.#began)}): ${evidence}`);
  }

  count(kind: Breach): number {
    return this.#counts.get(kind) ?? 0;
  }

  get total(): number {
    return BREACHES.reduce((sum, kind) => sum + this.count(kind), 0);
  }
}
