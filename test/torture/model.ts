import { performance } from 'node:perf_hooks';
import { Changes } from '../support/changes.ts';
import type { Breaches } from './breaches.ts';

export type Project = { id: string; key: string };

/** What an answer says became of a write. */
export type Verdict =
  | { outcome: 'unknown' } // 503, or no answer: it may have been stored (docs/promises.md, limits)
  | { outcome: 'refused'; status: number; message: string }
  | { outcome: 'acknowledged'; id: string; createdAt: string; position?: number };

/** What must be in a session for as long as no later update says otherwise. */
export type Assigned = { readonly name?: string; readonly status?: string };

/** One thing that a client wanted stored, however often it was sent. */
export type Write = {
  readonly kind: 'session' | 'event' | 'update';
  readonly project: Project;
  /** Stands in the content, and so finds the row whatever its id. */
  readonly marker: string;
  /** Of the row: chosen by the client, or as the server answered. */
  id: string | undefined;
  /** The session that an event is reported to, or an update changes. */
  readonly sessionId: string | undefined;
  /** What the row must say; '' where that is not compared. */
  readonly digest: string;
  /** Its digest is digestOfPoison. */
  readonly poisonous: boolean;
  readonly assigned: Assigned;
  /** Statuses that the request may be answered with, beside 503. */
  readonly expects: readonly number[];
  /** `unknown` from the first attempt that was not answered until one is; `refused` only where every attempt was. */
  state: 'new' | 'unknown' | 'acknowledged' | 'refused';
  /** Whether an attempt was ever not answered: then it may have been carried out more than once, or at another time. */
  ambiguous: boolean;
  firstSentAt: number;
  acknowledgedAt: number;
  /** As it was answered, where that is the position of this very change. */
  position: number | undefined;
  createdAt: string | undefined;
};

type New = Pick<Write, 'kind' | 'project' | 'digest'> & Partial<Pick<Write, 'id' | 'sessionId' | 'assigned' | 'expects' | 'poisonous'>>;

const RECENT_SESSIONS = 12;

/** What was sent, and what is known of it. */
export class Model {
  readonly breaches: Breaches;
  readonly writes = new Map<string, Write>();
  readonly counts = { acknowledged: 0, refused: 0, unanswered: 0, repeats: 0, conflicts: 0 };
  /** The newest acknowledged sessions of each project: writers report to one another's. */
  readonly #sessions = new Map<string, string[]>();

  readonly #changes = new Changes();

  constructor(breaches: Breaches) {
    this.breaches = breaches;
  }

  begin(marker: string, write: New): Write {
    const begun: Write = {
      id: undefined,
      sessionId: undefined,
      assigned: {},
      expects: [200],
      poisonous: false,
      ...write,
      marker,
      state: 'new',
      ambiguous: false,
      firstSentAt: 0,
      acknowledgedAt: 0,
      position: undefined,
      createdAt: undefined,
    };
    this.writes.set(marker, begun);
    return begun;
  }

  sent(write: Write): void {
    if (write.firstSentAt === 0) write.firstSentAt = performance.now();
    if (write.state === 'acknowledged') this.counts.repeats += 1;
  }

  settle(write: Write, verdict: Verdict): void {
    const { marker, state } = write;
    if (verdict.outcome === 'unknown') {
      this.counts.unanswered += 1;
      write.ambiguous = true;
      if (state !== 'acknowledged') write.state = 'unknown';
      return;
    }
    const status = verdict.outcome === 'refused' ? verdict.status : 200;
    if (state === 'acknowledged' && status !== 200) return this.breaches.add('wrong repeat', `${marker} ${write.id}: acknowledged, then ${status}`);
    if (!write.expects.includes(status)) {
      const said = verdict.outcome === 'refused' ? verdict.message : verdict.id;
      this.breaches.add(write.expects.includes(409) ? 'wrong repeat' : 'wrong answer', `${write.kind} ${marker}: expected ${write.expects.join(' or ')}, got ${status} (${said})`);
    }
    if (verdict.outcome === 'refused') {
      this.counts.refused += 1;
      if (status === 409) this.counts.conflicts += 1;
      if (!write.ambiguous) write.state = 'refused';
      return;
    }
    if (state === 'acknowledged') {
      if (verdict.id !== write.id || verdict.createdAt !== write.createdAt) {
        this.breaches.add('wrong repeat', `${marker}: first ${write.id} of ${write.createdAt}, then ${verdict.id} of ${verdict.createdAt}`);
      }
      return;
    }
    this.counts.acknowledged += 1;
    if (write.id !== undefined && write.id !== verdict.id) this.breaches.add('wrong answer', `${marker}: sent as ${write.id}, answered as ${verdict.id}`);
    write.state = 'acknowledged';
    write.acknowledgedAt = performance.now();
    write.id = verdict.id;
    write.createdAt = verdict.createdAt;
    if (!write.ambiguous) write.position = verdict.position;
    if (write.kind === 'session') this.#remember(write.project, verdict.id);
    this.#changes.tell();
  }

  /** Resolves when so many more were acknowledged, or at the latest after `within` ms. */
  async acknowledges(more: number, within: number): Promise<void> {
    const enough = this.counts.acknowledged + more;
    const look = () => {
      if (this.counts.acknowledged < enough) throw new Error(`${this.counts.acknowledged} of ${enough}`);
    };
    await this.#changes.when(look, within).catch(() => undefined);
  }

  sessionsOf(project: Project): readonly string[] {
    return this.#sessions.get(project.id) ?? [];
  }

  #remember(project: Project, id: string): void {
    this.#sessions.set(project.id, [id, ...this.sessionsOf(project)].slice(0, RECENT_SESSIONS));
  }
}
