import { watchEvents } from '../../src/event/access.ts';
import type { EventFilter, EventUpdate, SessionUpdate } from '../../src/live/hub.ts';
import { watchSessions } from '../../src/session/access.ts';
import type { SessionField } from '../../src/session/access.ts';
import { SESSION_COLUMNS } from '../../src/store/records.ts';
import type { Config } from './config.ts';
import { firstAfter } from './log-model.ts';
import type { EventRow, ProjectLog } from './log-model.ts';
import type { SimulatedPostgres } from './postgres.ts';
import type { Random } from './random.ts';
import type { Connection, Server } from './server.ts';
import { Process } from './world.ts';
import type { World } from './world.ts';

const EVERY_FIELD = Object.keys(SESSION_COLUMNS) as SessionField[];

type Surroundings = { world: World; random: Random; postgres: SimulatedPostgres; servers: readonly Server[] };

/** Says what each subscription is promised (P4), and holds it against what comes. */
type Expectation<Update> = {
  subscribe(server: Server, after: string | undefined): Promise<AsyncGenerator<Update, void>>;
  /** Live from now on: without a cursor, what is committed later has to come. */
  opened(cursor: number | undefined): void;
  /** What is wrong with an update, if something is. */
  received(update: Update): string | undefined;
  /** What has not come yet, if something has not. */
  missing(): string | undefined;
};

/** A client that reads live: it comes back after its last cursor, to any server, whatever ended its subscription. */
export class Reader<Update extends { position: number }> {
  readonly #name: string;
  readonly #process: Process;
  readonly #expects: Expectation<Update>;
  readonly #in: Surroundings;
  readonly #config: Config;
  #cursor: number | undefined;
  /** How long it takes over an update, at most. */
  readonly #pace: number;
  #open = false;

  constructor(name: string, expects: Expectation<Update>, config: Config, surroundings: Surroundings) {
    this.#name = name;
    this.#expects = expects;
    this.#config = config;
    this.#in = surroundings;
    this.#process = new Process(name);
    const { random } = surroundings;
    this.#cursor = random.chance(0.5) ? 0 : undefined;
    this.#pace = random.pick([0, 0, 20, 3_000]);
    this.#later(random.next() * config.faultsUntil * 0.7);
  }

  /** What it waits for, if it waits for something. */
  missing(): string | undefined {
    return this.#open ? this.#expects.missing() : `${this.#name} has no subscription`;
  }

  #later(delay: number) {
    this.#in.world.after(delay, this.#process, () => this.#subscribe());
  }

  #subscribe() {
    const { world, random, servers } = this.#in;
    const server = random.pick(servers);
    if (!server.serves) return this.#later(random.between(10, 500));
    const { process } = server;
    let over = false;
    /** Once, however the subscription ends. */
    const ended = (why: string) => {
      if (over) return;
      over = true;
      this.#open = false;
      server.disconnect(connection);
      world.tell(this.#name, () => `${why}, at ${this.#cursor}`);
      this.#later(random.between(10, 1_000));
    };
    const connection: Connection = { lost: () => ended('lost its server') };
    server.connect(connection);
    world.after(random.skewed(0.1, 20), process, () => {
      if (!server.serves) return ended('is sent away');
      this.#expects.subscribe(server, this.#cursor === undefined ? undefined : String(this.#cursor)).then(
        (updates) => {
          this.#open = true;
          this.#expects.opened(this.#cursor);
          world.tell(this.#name, () => `is live on ${server.name} after ${this.#cursor}`);
          const read = () => {
            if (over) return;
            updates.next().then(
              ({ done, value }) => {
                if (over) return;
                if (done) return ended('is sent away');
                this.#received(value);
                if (this.#pace === 0 || world.now > this.#config.faultsUntil) read();
                else world.after(random.skewed(0, this.#pace), process, read);
              },
              (error: unknown) => ended(`is refused (${String(error)})`),
            );
          };
          read();
          if (random.chance(0.3)) {
            world.after(random.skewed(0, 5_000), process, () => {
              if (over || world.now > this.#config.faultsUntil) return;
              void updates.return();
              ended('leaves');
            });
          }
        },
        (error: unknown) => ended(`is refused (${String(error)})`),
      );
    });
  }

  #received(update: Update) {
    const { world } = this.#in;
    world.tell(this.#name, () => `gets ${update.position}`);
    const fault = this.#cursor !== undefined && update.position <= this.#cursor ? `its cursor was ${this.#cursor} already` : this.#expects.received(update);
    if (fault) world.broken(`${this.#name} got ${update.position}, but ${fault}`);
    this.#cursor = update.position;
  }
}

/** Every event that the filter lets through: in order, each once. */
export class ExpectedEvents implements Expectation<EventUpdate> {
  readonly #projectId: string;
  readonly #project: ProjectLog;
  readonly #filter: EventFilter;
  /** The first event that may be missing. */
  #next = 0;
  /** Without a cursor it may get what was committed shortly before, but then all that follows. */
  #exact = false;

  constructor(projectId: string, project: ProjectLog, filter: EventFilter) {
    this.#projectId = projectId;
    this.#project = project;
    this.#filter = filter;
  }

  subscribe(server: Server, after: string | undefined) {
    return watchEvents(server.scope(this.#projectId), after, this.#filter);
  }

  opened(cursor: number | undefined) {
    this.#exact = cursor !== undefined;
    this.#next = firstAfter(this.#project.events, cursor ?? this.#project.head);
  }

  received({ position, event }: EventUpdate) {
    const { events } = this.#project;
    const expected = this.#expected();
    if (position !== expected?.position) {
      const earlier = events[firstAfter(events, position - 1)];
      const early = !this.#exact && earlier?.position === position && this.#wants(earlier) && (!expected || position < expected.position);
      if (!early) return `the next is ${expected?.position ?? 'not written yet'}`;
    }
    const at = firstAfter(events, position - 1);
    this.#exact = true;
    this.#next = at + 1;
    const row = events[at]!;
    const same =
      event.id === row.id && event.sessionId === row.session_id && event.eventType === row.event_type && event.toolName === row['tool_name'] && event.fingerprint === (row.fingerprint ?? null) && event.createdAt.getTime() === Date.parse(row.created_at) && event.bytes === row.bytes;
    return same ? undefined : `it is not what the table has`;
  }

  missing() {
    const expected = this.#expected();
    return expected && `the event ${expected.position} has not come`;
  }

  #wants(event: EventRow) {
    const { sessionId, types } = this.#filter;
    return (sessionId === undefined || event.session_id === sessionId) && (types === undefined || types.includes(event.event_type));
  }

  #expected(): EventRow | undefined {
    const { events } = this.#project;
    while (this.#next < events.length && !this.#wants(events[this.#next]!)) this.#next++;
    return events[this.#next];
  }
}

/** The newest state of every session that the filter lets through; states in between may be left out, but never come late. */
export class ExpectedSessions implements Expectation<SessionUpdate> {
  readonly #projectId: string;
  readonly #project: ProjectLog;
  readonly #statuses: readonly string[] | undefined;
  #start = 0;
  readonly #seen = new Map<string, number>();

  constructor(projectId: string, project: ProjectLog, statuses: readonly string[] | undefined) {
    this.#projectId = projectId;
    this.#project = project;
    this.#statuses = statuses;
  }

  subscribe(server: Server, after: string | undefined) {
    return watchSessions(server.scope(this.#projectId), after, { statuses: this.#statuses }, EVERY_FIELD);
  }

  opened(cursor: number | undefined) {
    if (cursor === undefined) this.#start = this.#project.head;
  }

  received({ position, session }: SessionUpdate) {
    this.#seen.set(session.id, position);
    const version = this.#project.versions.get(position)?.session;
    if (version?.['id'] !== session.id) return `it is ${session.id}, which did not change then`;
    const same = session.summary === (version['summary'] ?? null) && session.failureReason === version['failure_reason'] && session.status === version['status'] && session.eventCount === version['event_count'];
    if (!same) return 'it is not what the table had';
    return this.#wants(session.status) ? undefined : `its status is ${session.status}`;
  }

  missing() {
    for (const [id, session] of this.#project.sessions) {
      const position = Number(session['position']);
      if (position > this.#start && this.#wants(String(session['status'])) && this.#seen.get(id) !== position) return `the session ${id} at ${position} has not come`;
    }
    return undefined;
  }

  #wants(status: string) {
    return this.#statuses === undefined || this.#statuses.includes(status);
  }
}
