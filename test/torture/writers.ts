import { setTimeout as pause } from 'node:timers/promises';
import { Content, digestOf, digestOfPoison } from './content.ts';
import type { Fields } from './content.ts';
import { HttpClient } from './http.ts';
import type { Model, Project, Write } from './model.ts';
import type { Random } from './random.ts';
import { POISON, requestFor } from './requests.ts';
import type { Api, Draft } from './requests.ts';

const REMEMBERED = 60;
const LARGEST_BATCH = 40;
const LONGEST_PAUSE_MS = 40;
const TRIES = 5;

type Access = {
  project: Project;
  /** Of a server that this client may ask, whether it is up or not. */
  url(random: Random): string;
};

/**
 * A client that writes one thing after another, each decided by its own stream of the seed, and tells the model what
 * it was answered. What was not answered it sends again, or leaves as it is.
 */
export class Writer {
  readonly #name: string;
  readonly #random: Random;
  readonly #content: Content;
  readonly #model: Model;
  readonly #access: Access;
  readonly #http = new HttpClient();
  /** What may be sent again: events and sessions with an id of their own, updates with a key. */
  readonly #repeatable: Draft[] = [];
  #stopping = false;
  #count = 0;
  longestAnswerMs = 0;

  constructor(name: string, using: { random: Random; model: Model; access: Access }) {
    this.#name = name;
    this.#random = using.random.fork(name);
    this.#content = new Content(this.#random.fork('content'));
    this.#model = using.model;
    this.#access = using.access;
  }

  async run(): Promise<void> {
    while (!this.#stopping) {
      if (this.#model.sessionsOf(this.#access.project).length === 0) await this.#createSession();
      else await this.#random.weighted(this.#operations).run();
      await pause(this.#random.int(0, LONGEST_PAUSE_MS));
    }
  }

  stop(): void {
    this.#stopping = true;
  }

  close(): void {
    this.#http.close();
  }

  readonly #operations = [
    { weight: 34, run: () => this.#event() },
    { weight: 18, run: () => this.#batch() },
    { weight: 8, run: () => this.#createSession() },
    { weight: 10, run: () => this.#update() },
    { weight: 12, run: () => this.#repeat() },
    { weight: 5, run: () => this.#conflict() },
    { weight: 5, run: () => this.#invalid() },
    { weight: 8, run: () => this.#readBack() },
  ];

  /** One event of this content, in one request. */
  async event(marker: string, fields: Fields): Promise<Write> {
    const draft = this.#draftEvent({ id: `evt-${marker}`, ...fields });
    await this.#send([draft]);
    return draft.write;
  }

  /** An event with this JSON text in one of its fields, which the server may refuse. */
  async poison(field: string, json: string): Promise<Write> {
    const marker = this.marker();
    const fields = { id: `evt-${marker}`, eventType: 'tool_call', toolName: 'poison', metadata: { marker } };
    const expected = { expects: [200, 400, 413], poisonous: true, digest: digestOfJson(fields, field, json) };
    const draft = { ...this.#draftEvent({ ...fields, [field]: POISON }, expected), poison: json };
    await this.#send([draft]);
    return draft.write;
  }

  /** Several events in one request. */
  async events(contents: readonly Fields[]): Promise<void> {
    await this.#send(contents.map((fields) => this.#draftEvent(fields)));
  }

  /** An error, which every reader gets, sent until a server acknowledges it; returns its position. */
  async lastWord(): Promise<number> {
    const draft = this.#draftEvent({ eventType: 'error', errorMessage: 'the last word', metadata: { marker: this.marker() } });
    while (draft.write.state !== 'acknowledged') await this.#attempt([draft], 'graphql');
    return draft.write.position ?? 0;
  }

  marker = () => `${this.#name}-${++this.#count}`;

  async #event() {
    const random = this.#random;
    const marker = this.marker();
    const fields = this.#content.event(marker);
    const own = random.pick(['id', 'key', 'none'] as const);
    if (own === 'key') return this.#send([this.#draftEvent(fields, {}, marker)], 'rest');
    await this.#send([this.#draftEvent({ ...fields, ...(own === 'id' && { id: `evt-${marker}` }) })]);
  }

  async #batch() {
    const random = this.#random;
    const count = random.size(2, LARGEST_BATCH);
    const drafts = Array.from({ length: count }, () => {
      const marker = this.marker();
      const fields = this.#content.event(marker, random.size(20, 2_000));
      if (random.chance(0.04)) return this.#draftEvent({ ...fields, durationMs: -1 }, { expects: [400] });
      return this.#draftEvent({ ...fields, ...(random.chance(0.7) && { id: `evt-${marker}` }) });
    });
    await this.#send(drafts);
  }

  async #createSession() {
    const marker = this.marker();
    const own = this.#random.pick(['id', 'key', 'none'] as const);
    const fields = { ...this.#content.session(marker), ...(own === 'id' && { id: `sess-${marker}` }) };
    const write = this.#begin('session', fields, { assigned: { name: marker, status: 'active' } });
    await this.#send([{ write, fields, ...(own === 'key' && { idempotencyKey: marker }) }], own === 'key' ? 'rest' : undefined);
  }

  async #update() {
    const random = this.#random;
    const marker = this.marker();
    const status = random.chance(0.4) ? random.pick(['completed', 'failed', 'cancelled']) : undefined;
    const name = status === undefined || random.chance(0.3) ? marker : undefined;
    // completeSession takes no name.
    const fields = { metadata: { [marker]: this.#content.text(random.size(10, 300)) }, ...(status && { status }), ...(name && !status && { name }) };
    const keyed = random.chance(0.5);
    const sessionId = this.#session();
    const write = this.#begin('update', fields, { sessionId, assigned: { ...(fields.status && { status: fields.status }), ...(fields.name && { name: fields.name }) } });
    await this.#send([{ write, fields, sessionId, ...(keyed && { idempotencyKey: `update-${marker}` }) }], keyed ? 'rest' : undefined);
  }

  /** Sends something again that was sent before, by either API. */
  async #repeat() {
    const draft = this.#past();
    if (!draft) return this.#event();
    await this.#attempt([draft], draft.idempotencyKey === undefined ? this.#api() : 'rest');
  }

  /** An id that is taken, with other content. */
  async #conflict() {
    const taken = this.#past((draft) => draft.write.kind === 'event' && draft.write.state === 'acknowledged' && draft.fields['id'] !== undefined);
    if (!taken) return this.#event();
    const fields = { ...this.#content.event(this.marker()), id: taken.fields['id'], sessionId: taken.fields['sessionId'] };
    await this.#attempt([{ write: this.#begin('event', fields, { expects: [409], id: undefined }), fields }], this.#api());
  }

  async #invalid() {
    const fields = this.#content.event(this.marker());
    const draft = this.#random.chance(0.5)
      ? this.#draftEvent({ ...fields, sessionId: 'sess-that-nobody-made' }, { expects: [404] })
      : this.#draftEvent({ ...fields, confidence: 2, eventType: 'llm_decision' }, { expects: [400] });
    await this.#attempt([draft], 'rest');
  }

  /** What was acknowledged is there for whoever asks afterwards, on any server. */
  async #readBack() {
    const draft = this.#past((each) => each.write.kind === 'event' && each.write.state === 'acknowledged');
    if (!draft) return this.#event();
    const { id, project, marker } = draft.write;
    const body = JSON.stringify({ query: 'query ($id: ID!) { event(id: $id) { id cursor } }', variables: { id } });
    const reply = await this.#http.send(this.#access.url(this.#random), { method: 'POST', path: '/graphql', key: project.key, body });
    const [error] = (reply?.body['errors'] as { message: string; extensions?: { code?: string } }[] | undefined) ?? [];
    if (error && error.extensions?.code !== 'OVERLOADED') this.#model.breaches.add('stale read', `event ${id} (${marker}): ${error.extensions?.code} ${error.message}`);
  }

  #past(accepts: (draft: Draft) => boolean = () => true): Draft | undefined {
    const found = this.#repeatable.filter(accepts);
    const place = this.#random.next();
    return found[Math.floor(place * found.length)];
  }

  #session = () => this.#random.pick(this.#model.sessionsOf(this.#access.project));
  #api = (): Api => (this.#random.chance(0.6) ? 'rest' : 'graphql');

  #draftEvent(content: Fields, more: Partial<Write> = {}, idempotencyKey?: string): Draft {
    const fields: Fields = { sessionId: this.#session(), ...content };
    return { write: this.#begin('event', fields, more), fields, idempotencyKey };
  }

  #begin(kind: Write['kind'], fields: Fields, more: Partial<Write> = {}): Write {
    const metadata = fields['metadata'] as Fields;
    const marker = String(kind === 'update' ? Object.keys(metadata)[0] : metadata['marker']);
    const { id, sessionId } = fields as { id?: string; sessionId?: string };
    return this.#model.begin(marker, { kind, project: this.#access.project, digest: kind === 'event' ? digestOf(fields) : '', id, sessionId, ...more });
  }

  /** Until all is answered, or a few times, or once: as the seed has it. */
  async #send(drafts: readonly Draft[], api = this.#api()): Promise<void> {
    const tries = this.#random.chance(0.7) ? TRIES : 1;
    for (const draft of drafts) {
      const own = draft.idempotencyKey !== undefined || (draft.write.kind !== 'update' && draft.fields['id'] !== undefined);
      if (own && draft.write.expects.includes(200) && JSON.stringify(draft.fields).length < 50_000) this.#repeatable.push(draft);
    }
    this.#repeatable.splice(0, this.#repeatable.length - REMEMBERED);
    for (let left = tries; left > 0; left--) {
      await this.#attempt(drafts, api);
      // Without an id of its own a repeat would be another event.
      const again = drafts.filter(({ write, fields, idempotencyKey }) => write.state === 'unknown' && (write.kind === 'update' || fields['id'] !== undefined || idempotencyKey !== undefined));
      if (again.length === 0) return;
      drafts = again;
      await pause(this.#random.int(50, 500));
    }
  }

  async #attempt(drafts: readonly Draft[], api: Api): Promise<void> {
    const { read, ...sending } = requestFor(drafts, api);
    for (const { write } of drafts) this.#model.sent(write);
    const reply = await this.#http.send(this.#access.url(this.#random), sending);
    this.longestAnswerMs = Math.max(this.longestAnswerMs, reply?.ms ?? 0);
    read(reply).forEach((verdict, n) => this.#model.settle(drafts[n]!.write, verdict));
  }
}

function digestOfJson(fields: Fields, field: string, json: string): string {
  try {
    return digestOfPoison({ ...fields, [field]: JSON.parse(json) as unknown });
  } catch {
    return ''; // it nests too deep to be compared, and to be stored
  }
}
