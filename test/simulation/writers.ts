import { AppError } from '../../src/errors.ts';
import { eventChange, sessionChange, updateChange } from '../../src/store/change.ts';
import type { Change } from '../../src/store/change.ts';
import type { JsonRow } from '../../src/store/records.ts';
import type { Outcome } from '../../src/store/writer.ts';
import type { Config } from './config.ts';
import type { AppendCall, ProjectLog } from './log-model.ts';
import type { SimulatedPostgres } from './postgres.ts';
import type { Random } from './random.ts';
import type { Connection, Server } from './server.ts';
import { Process } from './world.ts';
import type { World } from './world.ts';

/** Something that a client wants written; it may have to be sent more than once. */
type Item = {
  kind: Change['kind'];
  projectId: string;
  /** Of the session or the event; of an update, its key, where it has one. */
  id: string;
  sessionId: string;
  /** The client chose the id, or the key: it may send the same again. */
  named: boolean;
  /** What it says. */
  content: string;
  /** The database cannot store it. */
  poison: boolean;
  ends: boolean;
  /** Where an answer said that it is. */
  position?: number;
};

/** An item that is sent to a server, once. Its mark is in the row that the database gets. */
type Attempt = {
  mark: string;
  item: Item;
  server: Server;
  process: Process;
  sentAt: number;
  /** The newest position that any answer had told when it was sent. */
  after: number;
  answer?: Outcome['outcome'] | 'not accepted';
  answeredAt?: number;
};

/** Within this time each change has its answer (docs/promises.md). */
const ANSWERS_WITHIN_MS = 5_000;
const TIMER_MS = 2;
const TYPES = ['tool_call', 'llm_decision', 'llm_call', 'state_change', 'error'] as const;
const EPOCH = Date.UTC(2030, 0, 1);
const MISSING_SESSION = 'nowhere';

/** The clients that write, and what P1 to P3 promise them. */
export class Writers {
  /** Requests that are not done with. */
  open = 0;
  readonly #process = new Process('clients');
  readonly #attempts = new Map<string, Attempt>();
  /** Items that may be repeated, and sessions that events and updates are about. */
  readonly #named: Item[] = [];
  readonly #sessions = new Map<string, Item[]>();
  /** What each server has sent to the database. An id that comes twice in a request goes in one statement, or in two, one right after the other. */
  readonly #inStatements = new Set<string>();
  readonly #told = new Map<string, number>();
  #count = 0;
  #largestBatch = 0;
  readonly #config: Config;
  readonly #in: { world: World; random: Random; postgres: SimulatedPostgres; servers: readonly Server[] };

  constructor(config: Config, surroundings: { world: World; random: Random; postgres: SimulatedPostgres; servers: readonly Server[] }) {
    this.#config = config;
    this.#in = surroundings;
    const { random, postgres } = surroundings;
    postgres.onAppend = (call) => this.#tried(call);
    for (const projectId of postgres.log.projects.keys()) {
      this.#sessions.set(projectId, []);
      const sessions = Array.from({ length: config.sessions }, () => this.#session(projectId, true));
      for (const session of sessions) this.#later(random.next() * 100, [session]);
    }
    for (let i = 0; i < config.writes; i++) this.#later(random.next() * config.faultsUntil, this.#items());
  }

  /** What one request writes. */
  #items(): Item[] {
    const { random, postgres } = this.#in;
    const projectId = random.pick([...postgres.log.projects.keys()]);
    if (random.chance(0.15)) return [this.#session(random.chance(0.05) ? 'no project' : projectId, random.chance(0.6))];
    if (random.chance(0.25)) return [random.chance(0.2) ? this.#again('update', projectId) : this.#update(projectId)];
    const events = Array.from({ length: random.between(1, this.#config.batch) }, () => (random.chance(0.15) ? this.#again('event', projectId) : this.#event(projectId)));
    return random.chance(0.05) ? [...events, ...events] : events;
  }

  #session(projectId: string, named: boolean): Item {
    const id = `s${++this.#count}`;
    const item = this.#item({ kind: 'session', projectId, id, sessionId: id, named });
    this.#sessions.get(projectId)?.push(item);
    return item;
  }

  #event(projectId: string): Item {
    const { random } = this.#in;
    return this.#item({ kind: 'event', projectId, id: `e${++this.#count}`, sessionId: random.chance(0.03) ? MISSING_SESSION : random.pick(this.#sessions.get(projectId)!).id, named: random.chance(0.5) });
  }

  #update(projectId: string): Item {
    const { random } = this.#in;
    return this.#item({ kind: 'update', projectId, id: `k${++this.#count}`, sessionId: random.pick(this.#sessions.get(projectId)!).id, named: random.chance(0.5) });
  }

  #item(given: Pick<Item, 'kind' | 'projectId' | 'id' | 'sessionId' | 'named'>): Item {
    const { random } = this.#in;
    const item = { ...given, content: `c${++this.#count}`, poison: random.chance(this.#config.poison), ends: random.chance(0.3) };
    if (item.named) this.#named.push(item);
    return item;
  }

  /** Something that was sent before: the same, or other content under its name. */
  #again(kind: Item['kind'], projectId: string): Item {
    const { random } = this.#in;
    const candidates = this.#named.filter((item) => item.kind === kind && item.projectId === projectId);
    if (candidates.length === 0) return kind === 'event' ? this.#event(projectId) : this.#update(projectId);
    const item = random.pick(candidates);
    return random.chance(0.7) ? item : this.#item({ ...item });
  }

  #later(delay: number, items: readonly Item[]) {
    this.open++;
    this.#in.world.after(delay, this.#process, () => this.#send(items));
  }

  #send(items: readonly Item[]) {
    const { world, random, servers } = this.#in;
    const server = random.pick(servers);
    const { process } = server;
    let over = false;
    /** Nobody knows what became of these: they are sent again, where they have a name. */
    const done = (unknown: readonly Item[]) => {
      if (over) return;
      over = true;
      this.open--;
      const again = unknown.filter((item) => item.named);
      if (again.length > 0) this.#later(random.between(10, 1_500), again);
    };
    if (!server.serves) {
      this.open--;
      return this.#later(random.between(10, 1_500), items);
    }
    const connection: Connection = { lost: () => done(items) };
    server.connect(connection);
    world.after(random.skewed(0.1, 20), process, () => {
      if (!server.serves) return done(items);
      const attempts = items.map((item) => this.#attempt(item, server));
      const changes = attempts.map((attempt) => this.#change(attempt));
      world.tell(process, () => `takes ${attempts.map((attempt) => `${attempt.item.kind} ${attempt.item.id}=${attempt.item.content}`).join(', ')}`);
      this.#largestBatch = Math.max(this.#largestBatch, changes.reduce((sum, { json }) => sum + json.length, 0));
      server.writer!.write(changes).then(
        (outcomes) => {
          server.disconnect(connection);
          attempts.forEach((attempt, i) => this.#answered(attempt, outcomes[i]!));
          done(attempts.filter(({ answer }) => answer === 'failed').map(({ item }) => item));
        },
        (error: unknown) => {
          server.disconnect(connection);
          for (const attempt of attempts) this.#settles(attempt, 'not accepted');
          if (!(error instanceof AppError) || error.code !== 'OVERLOADED') world.broken(`a write was refused for ${String(error)}`);
          done(items);
        },
      );
      this.#checkQueue(server);
    });
    world.after(random.between(6_000, 20_000), this.#process, () => done(items)); // its client has given up
  }

  #attempt(item: Item, server: Server): Attempt {
    const attempt: Attempt = { mark: `m${++this.#count}`, item, server, process: server.process, sentAt: this.#in.world.now, after: this.#told.get(item.projectId) ?? 0 };
    this.#attempts.set(attempt.mark, attempt);
    return attempt;
  }

  #change({ item, mark }: Attempt): Change {
    const { kind, projectId, id, sessionId, content } = item;
    const at = new Date(EPOCH + this.#in.world.now).toISOString();
    const poison = item.poison ? { duration_ms: 'poison' } : {};
    switch (kind) {
      case 'event': {
        const type = TYPES[this.#count % TYPES.length]!;
        return eventChange(projectId, { project_id: projectId, id, session_id: sessionId, event_type: type, tool_name: content, branch_name: mark, ...(item.named && { fingerprint: content }), ...poison, replaced: false, created_at: at }, this.#config.weight);
      }
      case 'session':
        return sessionChange(projectId, { ...NEW_SESSION, project_id: projectId, id, name: content, failure_reason: mark, fingerprint: item.named ? content : null, ...poison, created_at: at, updated_at: at });
      case 'update':
        return updateChange(projectId, {
          project_id: projectId,
          session_id: sessionId,
          at,
          patch: { summary: content, failure_reason: mark, metadata: { [content]: 1 }, ...(item.ends && { status: 'completed' }), ...poison },
          ...(item.named && { key: id, fingerprint: content }),
        });
    }
  }

  /** A statement is on its way to the database. Who has been told no may not be in it for the first time. */
  #tried({ sessions, events, updates }: AppendCall) {
    const marks = [...sessions.map((row) => row['failure_reason']), ...events.map((row) => row['branch_name']), ...updates.map(({ patch }) => patch['failure_reason'])];
    for (const mark of marks) {
      const attempt = this.#attempts.get(String(mark));
      if (!attempt) continue;
      const key = `${attempt.server.name} ${attempt.item.kind} ${attempt.item.id}`;
      if (!this.#inStatements.has(key) && attempt.answer) this.#in.world.broken(`${nameOf(attempt.item)} is sent to the database for the first time after its caller was answered "${attempt.answer}"`);
      this.#inStatements.add(key);
    }
  }

  #settles(attempt: Attempt, answer: NonNullable<Attempt['answer']>) {
    const { world } = this.#in;
    attempt.answer = answer;
    attempt.answeredAt = world.now;
    const took = world.now - attempt.sentAt;
    if (took > ANSWERS_WITHIN_MS + TIMER_MS && !attempt.process.hindered) world.broken(`${nameOf(attempt.item)} was answered after ${took} ms`);
  }

  #answered(attempt: Attempt, outcome: Outcome) {
    const { item } = attempt;
    const { world, postgres } = this.#in;
    const broken = (what: string) => world.broken(`${nameOf(item)} was answered "${outcome.outcome}"${outcome.outcome === 'failed' ? '' : ` at ${outcome.position}`}, but ${what}`);
    world.tell(attempt.process, () => `answers ${nameOf(item)}: ${outcome.outcome === 'failed' ? outcome.error.message : `${outcome.outcome} ${outcome.position ?? ''}`}`);
    if (outcome.outcome === 'failed' && outcome.error.code === 'OVERLOADED') return this.#settles(attempt, 'failed');
    this.#settles(attempt, outcome.outcome);
    if (outcome.outcome === 'failed') {
      attempt.answer = 'not accepted';
      if (!item.poison && this.#config.statements.refused === 0) broken('the database had nothing against it');
      return;
    }
    const project = postgres.log.projects.get(item.projectId);
    if (outcome.outcome === 'no_project') return project && broken('the project is there');
    if (!project) return item.kind === 'event' && outcome.outcome === 'no_session' ? undefined : broken('there is no such project');
    const { position } = outcome;
    switch (outcome.outcome) {
      case 'stored':
      case 'duplicate':
        if (!this.#isThere(project, item, position!)) broken('it is not there');
        if (outcome.outcome === 'stored' && position! <= attempt.after) broken(`position ${attempt.after} had been told before it was sent`);
        if (item.kind === 'event' && item.position !== undefined && item.position !== position) broken(`an earlier answer said ${item.position}`);
        item.position = position!;
        this.#told.set(item.projectId, Math.max(this.#told.get(item.projectId) ?? 0, position!));
        return;
      case 'conflict': {
        const there = contentThere(project, item);
        if (there === undefined || there === item.content) broken(`what is there is ${there ?? 'nothing'}`);
        return;
      }
      case 'no_session': {
        const created = [...project.versions.values()].find((version) => version.id === item.sessionId);
        if (created && Number(created.session['position']) <= attempt.after) broken('its session was there when it was sent');
        return;
      }
      case 'too_large':
        if (item.kind !== 'update' || this.#config.metadataBytes > 1_000) broken('it is not');
    }
  }

  #isThere(project: ProjectLog, item: Item, position: number): boolean {
    if (item.kind === 'event') {
      const row = project.eventsById.get(item.id);
      return row?.position === position && row['tool_name'] === item.content;
    }
    const version = project.versions.get(position);
    if (version?.id !== item.sessionId) return false;
    return item.kind === 'session' ? version.session['name'] === item.content : item.named ? project.updates.get(item.id) === item.content : version.update?.patch['summary'] === item.content;
  }

  #checkQueue(server: Server) {
    const { bytes } = server.writer!.waiting();
    const most = Math.max(this.#config.maxQueueBytes, this.#largestBatch);
    if (bytes > most) this.#in.world.broken(`${bytes} bytes wait in the queue of ${server.name}, which may hold ${most}`);
  }

  /** When all is at rest: what is in the log, against what was sent and answered. */
  check(): void {
    const { world, postgres, servers } = this.#in;
    for (const server of servers) {
      const { rows, bytes } = server.writer!.waiting();
      if (rows !== 0 || bytes !== 0) world.broken(`nothing waits, but ${server.name} counts ${rows} rows and ${bytes} bytes`);
    }
    for (const [projectId, project] of postgres.log.projects) this.#checkProject(projectId, project);
  }

  #checkProject(projectId: string, project: ProjectLog) {
    const { world } = this.#in;
    const taken = new Set<number>();
    const takes = (position: number, what: string) => {
      if (taken.has(position)) world.broken(`position ${position} of ${projectId} is taken twice, the second time by ${what}`);
      taken.add(position);
    };
    const counts = new Map<string, number>();
    for (const event of project.events) {
      takes(event.position, event.id);
      counts.set(event.session_id, (counts.get(event.session_id) ?? 0) + 1);
      this.#checkSent(String(event['branch_name']), event.id, event['tool_name']);
    }
    const created = new Set<string>();
    for (const [position, { id, session, update }] of project.versions) {
      if (update) this.#checkSent(String(update.patch['failure_reason']), id, update.patch['summary']);
      else if (!created.has(id)) this.#checkSent(String(session['failure_reason']), id, session['name']);
      if (update || !created.has(id)) takes(position, id);
      created.add(id);
    }
    if (taken.size !== project.head) world.broken(`the log of ${projectId} reaches to ${project.head} and has ${taken.size} positions`);
    for (const [id, session] of project.sessions) {
      if (Number(session['event_count']) !== (counts.get(id) ?? 0)) world.broken(`${id} counts ${String(session['event_count'])} events and has ${counts.get(id) ?? 0}`);
    }
    this.#checkUpdates(projectId, project);
  }

  /** A row of the log: somebody sent it, and was not told that it is not there. */
  #checkSent(mark: string, id: string, content: unknown) {
    const attempt = this.#attempts.get(mark);
    if (!attempt || attempt.item.content !== content || (attempt.item.id !== id && attempt.item.sessionId !== id)) return this.#in.world.broken(`${id} is in the log as nobody sent it`);
    const { answer, item } = attempt;
    if (answer === 'not accepted' || answer === 'no_session' || answer === 'conflict' || answer === 'too_large') this.#in.world.broken(`${nameOf(item)} is in the log, but was answered "${answer}"`);
  }

  /** Updates of a session take effect between being sent and being answered; so one does not undo what came after its answer. */
  #checkUpdates(projectId: string, project: ProjectLog) {
    const { world } = this.#in;
    const applied = new Map<string, { first: number; last: number; times: number }>();
    for (const [position, { update }] of project.versions) {
      if (!update) continue;
      const mark = String(update.patch['failure_reason']);
      const { first, times } = applied.get(mark) ?? { first: position, times: 0 };
      applied.set(mark, { first, last: position, times: times + 1 });
    }
    const updates = [...this.#attempts.values()].filter(({ item }) => item.kind === 'update' && item.projectId === projectId);
    for (const earlier of updates) {
      if (earlier.answer !== 'stored') continue;
      const { item, mark, answeredAt } = earlier;
      const { last, times } = applied.get(mark) ?? { last: 0, times: 0 };
      if (item.named && times !== 1) world.broken(`${nameOf(item)} was applied ${times} times`);
      if (!(content(project, item.sessionId)?.[item.content] === 1)) world.broken(`what ${nameOf(item)} added is gone`);
      for (const later of updates) {
        if (later.item.sessionId !== item.sessionId || later.sentAt <= answeredAt!) continue;
        const first = applied.get(later.mark)?.first;
        if (first !== undefined && first < last) world.broken(`${nameOf(item)} was applied again at ${last}, over ${nameOf(later.item)} at ${first}, which was sent after its answer`);
      }
    }
  }
}

const content = (project: ProjectLog, sessionId: string) => project.sessions.get(sessionId)?.['metadata'] as JsonRow | undefined;

function contentThere(project: ProjectLog, { kind, id }: Item): string | undefined {
  if (kind === 'event') return project.eventsById.get(id)?.['tool_name'] as string | undefined;
  if (kind === 'session') return project.sessions.get(id)?.['name'] as string | undefined;
  return project.updates.get(id);
}

const nameOf = ({ kind, id, content: says }: Item) => `${kind} ${id}=${says}`;

const NEW_SESSION = {
  agent_name: 'agent',
  user_id: 'user',
  status: 'active',
  replaced: false,
  completed_at: null,
  event_count: 0,
  tool_call_count: 0,
  decision_count: 0,
  llm_call_count: 0,
  state_change_count: 0,
  error_count: 0,
  event_prompt_tokens: 0,
  event_completion_tokens: 0,
  event_total_tokens: 0,
  event_cost: 0,
};
