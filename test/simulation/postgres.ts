import type { Pool } from 'pg';
import { databaseError, keyOf, LogModel, readAppendCall } from './log-model.ts';
import type { AppendCall, ResultRow, Statement } from './log-model.ts';
import type { Random } from './random.ts';
import { Process } from './world.ts';
import type { World } from './world.ts';

/** How often a statement meets each of these, between 0 and 1. */
export type StatementFaults = {
  /** The connection breaks before the statement arrives. */
  lost: number;
  /** The connection breaks when it has arrived: while it waits or works, or after the commit. It is carried out all the same. */
  unanswered: number;
  /** It arrives late, perhaps when nobody waits for it any more: a frozen backend that then reads its socket. */
  late: number;
  /** Its backend is terminated while it waits or works. */
  terminated: number;
  /** The database refuses it, this time, for a reason of its own (an internal error). */
  refused: number;
  /** It takes seconds. */
  slow: number;
};

export const NO_STATEMENT_FAULTS: StatementFaults = { lost: 0, unanswered: 0, late: 0, terminated: 0, refused: 0, slow: 0 };

/** As src/resources/production.ts sets them: the database gives up a little before the client does. */
const WRITE_TIMEOUT_MS = 8_000;
const READ_TIMEOUT_MS = 10_500;
const BEFORE_CLIENT_MS = 500;
const CONNECT_TIMEOUT_MS = 3_000;
/** How long append_to_log waits for a lock other than a project's where it is to wait for no project. */
const OTHER_LOCK_WAIT_MS = 250;

type Outcome = { rows: unknown[] } | Error;

/** A statement on its way: from the client, to the client. */
type Call = {
  statement: Statement;
  /** What it appends, where that is what it does. */
  append: AppendCall | undefined;
  client: Process;
  /** The connections that stood when it was sent. */
  generation: number;
  timeout: number;
  /** No answer reaches the client any more. */
  broken: boolean;
  /** Tells the client; what comes later does not count. */
  finish: (outcome: Outcome) => void;
};

/** Takes its locks one after the other, works for a time, and lets go. One without work holds them until it is ended. */
type Transaction = {
  name: string;
  wanted: readonly string[];
  held: string[];
  waitsFor: string | undefined;
  /** In milliseconds, for each lock. */
  patience: number | undefined;
  work: (() => void) | undefined;
  fail: (error: Error) => void;
  ended: boolean;
};

/** A PostgreSQL behind `pg.Pool.query`, for the statements of the writer and the hub: with its locks, and with its ways to fail. */
export class SimulatedPostgres {
  readonly process = new Process('postgres');
  readonly log: LogModel;
  faults = NO_STATEMENT_FAULTS;
  /** Told of each append_to_log when a server sends it. */
  onAppend: (call: AppendCall) => void = () => {};
  readonly #world: World;
  readonly #random: Random;
  readonly #locks = new Map<string, { holder: Transaction; waiting: Transaction[] }>();
  readonly #running = new Set<Transaction>();
  readonly #unanswered = new Set<Call>();
  /** Statements that a client has sent and the database has not done with. */
  #underWay = 0;
  #up = true;
  /** Raised when every connection breaks. */
  #generation = 0;

  constructor(world: World, random: Random, log = new LogModel()) {
    this.#world = world;
    this.#random = random;
    this.log = log;
  }

  /** Whether nothing is under way, nor waited for. */
  get idle(): boolean {
    return this.#underWay === 0 && this.#unanswered.size === 0;
  }

  /** The connections of one server. */
  pool(client: Process, { writes }: { writes: boolean }): Pool {
    let idle = 0;
    let generation = this.#generation;
    const query = (sent: Statement | string, values: unknown[] = []) => {
      const statement = typeof sent === 'string' ? { text: sent, values } : sent;
      return new Promise<{ rows: unknown[] }>((resolve, reject) => {
        if (!client.alive) return; // in the last step of its process
        if (generation !== this.#generation) [idle, generation] = [0, this.#generation];
        const call: Call = {
          statement,
          append: writes ? readAppendCall(statement.values) : undefined,
          client,
          generation,
          broken: false,
          timeout: writes ? WRITE_TIMEOUT_MS : READ_TIMEOUT_MS,
          finish: (outcome) => {
            if (!this.#unanswered.delete(call)) return;
            if (!(outcome instanceof Error)) {
              if (call.generation === this.#generation) idle++;
              return resolve(outcome);
            }
            this.#world.tell(client, () => `gets no answer to ${nameOf(call)}: ${outcome.message}`);
            reject(outcome);
          },
        };
        if (call.append) this.onAppend(call.append);
        this.#unanswered.add(call);
        if (idle === 0) return this.#connect(call);
        idle--;
        this.#send(call);
      });
    };
    return { query } as unknown as Pool;
  }

  /** The server is gone: nobody waits for its statements. The database goes on with what it has got. */
  forget(client: Process): void {
    for (const call of this.#unanswered) if (call.client === client) this.#unanswered.delete(call);
  }

  /** Whatever is under way is rolled back, every connection breaks. */
  kill(): void {
    this.#world.tell(this.process, () => 'is killed');
    this.#up = false;
    this.#generation++;
    for (const transaction of [...this.#running]) this.#end(transaction);
    for (const call of this.#unanswered) this.#answer(call, new Error('Connection terminated unexpectedly'));
  }

  start(): void {
    this.#world.tell(this.process, () => 'is up again');
    this.#up = true;
  }

  /** Somebody else's transaction locks a project, or a session (keyOf). Returns what ends it. */
  lock(key: string): () => void {
    const transaction = this.#begin({ name: 'psql', wanted: [key], patience: undefined, work: undefined, fail: () => {} });
    this.#world.tell('psql', () => `locks ${key.replace('\n', '/')}`);
    return () => {
      this.#world.tell('psql', () => `unlocks ${key.replace('\n', '/')}`);
      this.#end(transaction);
    };
  }

  #connect(call: Call) {
    const fails = (delay: number, message: string) => this.#world.after(delay, call.client, () => call.finish(new Error(message)));
    const delay = this.#random.skewed(0.2, 20);
    if (!this.#up) return fails(delay, 'connect ECONNREFUSED');
    if (this.process.frozen) return fails(CONNECT_TIMEOUT_MS, 'timeout exceeded when trying to connect');
    this.#world.after(delay, call.client, () => {
      if (call.generation === this.#generation) this.#send(call);
      else call.finish(new Error('Connection terminated unexpectedly'));
    });
  }

  #send(call: Call) {
    this.#world.tell(call.client, () => `sends ${nameOf(call)}`);
    this.#world.after(call.timeout, call.client, () => call.finish(new Error('Query read timeout')), 'timer');
    if (this.#random.chance(this.faults.lost)) return this.#answer(call, new Error('Connection terminated unexpectedly'));
    this.#underWay++;
    const late = call.append !== undefined && this.#random.chance(this.faults.late);
    this.#world.after(late ? this.#random.skewed(5, 20_000) : this.#random.skewed(0.1, 20), this.process, () => {
      if (call.generation !== this.#generation) this.#failUnderWay(call, new Error('read ECONNRESET'));
      else if (call.append) this.#append(call, call.append);
      else this.#world.after(this.#duration(), this.process, () => this.#read(call));
    });
  }

  #answer(call: Call, outcome: Outcome) {
    if (call.broken) return;
    this.#world.after(this.#random.skewed(0.1, 20), call.client, () => call.finish(outcome));
  }

  #failUnderWay(call: Call, error: Error) {
    this.#underWay--;
    this.#answer(call, error);
  }

  #read(call: Call) {
    if (call.generation !== this.#generation) return this.#failUnderWay(call, new Error('read ECONNRESET'));
    if (this.#random.chance(this.faults.refused)) return this.#failUnderWay(call, databaseError('XX000', 'could not read block'));
    if (this.#random.chance(this.faults.terminated)) return this.#failUnderWay(call, databaseError('57P01', 'terminating connection due to administrator command'));
    this.#underWay--;
    this.#answer(call, { rows: this.log.read(call.statement) });
  }

  #append(call: Call, append: AppendCall) {
    if (this.#random.chance(this.faults.unanswered)) {
      call.broken = true;
      this.#world.after(this.#random.skewed(0, 1_000), call.client, () => call.finish(new Error('Connection terminated unexpectedly')));
    }
    const wait = call.statement.values[6] as number | null;
    const projects = append.projects.map((each) => each.project_id).filter((id) => this.log.projects.has(id)).sort();
    const busy = wait === null ? projects.filter((id) => this.#locks.has(id)) : [];
    const sessions = [...append.rollups, ...append.updates].filter((each) => this.log.projects.get(each.project_id)?.sessions.has(each.session_id));
    const rows = busy.length > 0 ? [] : new Set(sessions.map((each) => keyOf(each.project_id, each.session_id)));
    const refusal = this.#random.chance(this.faults.refused) ? databaseError('XX000', 'could not read block') : undefined;
    const transaction = this.#begin({
      name: `${call.client.name}'s ${nameOf(call)}`,
      wanted: [...projects.filter((id) => !busy.includes(id)), ...rows],
      patience: wait ?? OTHER_LOCK_WAIT_MS,
      work: () => {
        if (busy.length > 0) return this.#commit(call, busy.map((id): ResultRow => ['busy', id, null, null, null, null]));
        try {
          if (refusal) throw refusal;
          this.#commit(call, this.log.append(append));
        } catch (error) {
          this.#world.tell(this.process, () => `refuses ${nameOf(call)} of ${call.client.name}: ${String(error)}`);
          this.#answer(call, error as Error);
        }
      },
      fail: (error) => this.#answer(call, error),
    });
    this.#failAfter(call.timeout - BEFORE_CLIENT_MS, transaction, '57014', 'canceling statement due to statement timeout');
    if (this.#random.chance(this.faults.terminated)) this.#failAfter(this.#random.skewed(0, 500), transaction, '57P01', 'terminating connection due to administrator command');
  }

  #commit(call: Call, rows: ResultRow[]) {
    this.#world.tell(this.process, () => `commits ${nameOf(call)} of ${call.client.name}: ${rows.map(([kind, projectId, key, outcome, position]) => [kind, projectId, key, outcome, position].filter((cell) => cell !== null).join(' ')).join(', ')}`);
    this.#answer(call, { rows });
  }

  #begin(options: Pick<Transaction, 'name' | 'wanted' | 'patience' | 'work' | 'fail'>): Transaction {
    const transaction: Transaction = { ...options, held: [], waitsFor: undefined, ended: false };
    this.#running.add(transaction);
    this.#acquire(transaction);
    return transaction;
  }

  #acquire(transaction: Transaction) {
    const { wanted, held, patience } = transaction;
    while (held.length < wanted.length) {
      const key = wanted[held.length]!;
      const lock = this.#locks.get(key);
      if (lock && lock.holder !== transaction) {
        transaction.waitsFor = key;
        lock.waiting.push(transaction);
        if (patience !== undefined) this.#failAfter(patience, transaction, '55P03', 'canceling statement due to lock timeout', key);
        return;
      }
      if (!lock) this.#locks.set(key, { holder: transaction, waiting: [] });
      held.push(key);
    }
    transaction.waitsFor = undefined;
    const { work } = transaction;
    if (!work) return;
    this.#world.after(this.#duration(), this.process, () => {
      if (transaction.ended) return;
      work();
      this.#end(transaction);
    });
  }

  /** Rolls back a transaction that has not ended by then; with `lock`, one that still waits for that. */
  #failAfter(delay: number, transaction: Transaction, code: string, message: string, lock?: string) {
    this.#world.after(delay, this.process, () => {
      if (transaction.ended || (lock !== undefined && transaction.waitsFor !== lock)) return;
      this.#world.tell(this.process, () => `rolls back ${transaction.name}: ${message}`);
      transaction.fail(databaseError(code, message));
      this.#end(transaction);
    }, 'timer');
  }

  /** Lets go of its locks, in favour of who has waited longest. */
  #end(transaction: Transaction) {
    if (transaction.ended) return;
    transaction.ended = true;
    if (transaction.work) this.#underWay--;
    this.#running.delete(transaction);
    const awaited = transaction.waitsFor === undefined ? undefined : this.#locks.get(transaction.waitsFor);
    if (awaited) awaited.waiting = awaited.waiting.filter((each) => each !== transaction);
    for (const key of transaction.held) {
      const lock = this.#locks.get(key)!;
      const next = lock.waiting.shift();
      if (next) {
        lock.holder = next;
        this.#acquire(next);
      } else this.#locks.delete(key);
    }
  }

  #duration(): number {
    return this.#random.chance(this.faults.slow) ? this.#random.between(500, 7_000) : this.#random.skewed(0.2, 30);
  }
}

/** By what it appends; a read by its name. */
function nameOf({ statement, append }: Call): string {
  if (!append) return statement.name ?? 'sessions_after';
  const { sessions, events, updates } = append;
  return `[${[...sessions.map(({ id }) => id), ...events.map(({ id }) => id), ...updates.map(({ session_id: id, patch }) => `${id}=${String(patch['summary'])}`)].join(' ')}]`;
}
