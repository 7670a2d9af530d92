import { setTimeout as pause } from 'node:timers/promises';
import { createClient as createSseClient } from 'graphql-sse';
import { createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import { Changes } from '../support/changes.ts';
import type { Breaches } from './breaches.ts';
import { digestOf } from './content.ts';
import type { Fields } from './content.ts';
import type { Project } from './model.ts';
import type { Random } from './random.ts';

// Clients that read the log as it grows, and come back from their last cursor whenever they are cut off.

export type Transport = 'ws' | 'sse';

/** What a reader was given: an event, or the state of a session. */
export type Delivery = { position: number; id: string; said: string };

/** What a reader asks for, and how it reads what comes. */
export type Stream = {
  readonly name: string;
  readonly query: string;
  readonly variables: Readonly<Fields>;
  /** The one kind of event that it is about; undefined: all. */
  readonly type?: string;
  /** Undefined where the message has no content, for an error that it names. */
  read(data: Fields): Delivery | undefined;
};

const ids = ({ cursor, event }: { cursor: string; event: Fields }): Delivery => ({ position: Number(cursor), id: String(event['id']), said: '' });

const COMMON = ['reasoning', 'stateBefore', 'stateAfter', 'durationMs', 'estimatedCost', 'totalTokens', 'traceId', 'spanId', 'parentEventId', 'branchName', 'metadata', 'clientTimestamp'];
const OWN: { readonly [type: string]: string } = {
  ToolCallEvent: 'toolName toolInput toolOutput toolError status',
  LlmDecisionEvent: 'alternativesConsidered chosen confidence',
  LlmCallEvent: 'model prompt response promptTokens completionTokens',
  ErrorEvent: 'errorMessage errorType errorStack recoverable recoveryAction',
};
const WHOLE = `id eventType ${COMMON.join(' ')} ${Object.entries(OWN).map(([type, fields]) => `... on ${type} { ${fields} }`).join(' ')}`;

/** Every event, with all that it says. */
export const contents: Stream = {
  name: 'events with their contents',
  query: `subscription ($after: Cursor) { events(after: $after) { cursor event { ${WHOLE} } } }`,
  variables: {},
  read(data) {
    const update = data['events'] as { cursor: string; event: Fields };
    return { ...ids(update), said: digestOf(update.event) };
  },
};

/** Every event, by its id; of one kind, where it is named. */
export const eventIds = (type?: string): Stream => ({
  name: type ? `events ${type}` : 'events',
  query: 'subscription ($after: Cursor, $types: [EventType!]) { events(after: $after, types: $types) { cursor event { id } } }',
  variables: { types: type ? [type.toUpperCase()] : null },
  type,
  read: (data) => ids(data['events'] as { cursor: string; event: Fields }),
});

/** What is compared of a session's state. */
export const stateOf = (session: { name: unknown; status: unknown; eventCount: unknown }) => [session.name, String(session.status).toLowerCase(), session.eventCount].join(' ');

export const sessionStates: Stream = {
  name: 'sessionUpdates',
  query: 'subscription ($after: Cursor) { sessionUpdates(after: $after) { cursor session { id name status eventCount } } }',
  variables: {},
  read(data) {
    const { cursor, session } = data['sessionUpdates'] as { cursor: string; session: { id: string; name: string; status: string; eventCount: number } };
    return { position: Number(cursor), id: session.id, said: stateOf(session) };
  },
};

export class Reader {
  readonly name: string;
  readonly project: Project;
  readonly stream: Stream;
  readonly delivered: Delivery[] = [];
  connections = 0;
  readonly #transport: Transport;
  readonly #random: Random;
  readonly #url: (random: Random) => string;
  readonly #breaches: Breaches;
  readonly #changes = new Changes();
  #stop: (() => void) | undefined;
  #stopping = false;

  constructor(transport: Transport, stream: Stream, using: { project: Project; random: Random; url: (random: Random) => string; breaches: Breaches }) {
    this.name = `${transport} reader of ${stream.name} of ${using.project.id.slice(0, 9)}`;
    this.project = using.project;
    this.stream = stream;
    this.#transport = transport;
    this.#random = using.random.fork(this.name);
    this.#url = using.url;
    this.#breaches = using.breaches;
  }

  async run(): Promise<void> {
    while (!this.#stopping) {
      const before = this.delivered.length;
      await this.#connect();
      if (this.delivered.length === before && !this.#stopping) await pause(this.#random.int(100, 500));
    }
  }

  get last(): number {
    return this.delivered.at(-1)?.position ?? 0;
  }

  /** Resolves when it has got all up to the position; rejects after `within` ms. */
  reaches(position: number, within: number): Promise<void> {
    return this.#changes.when(() => {
      if (this.last < position) throw new Error(`${this.name} is at ${this.last} of ${position}`);
    }, within);
  }

  stop(): void {
    this.#stopping = true;
    this.#stop?.();
  }

  /** One connection, from the last cursor until it ends. */
  async #connect(): Promise<void> {
    this.connections += 1;
    const url = this.#url(this.#random);
    const { key } = this.project;
    const client =
      this.#transport === 'ws'
        ? createClient({ url: `${url.replace('http', 'ws')}/graphql`, webSocketImpl: WebSocket, connectionParams: { apiKey: key }, retryAttempts: 0 })
        : createSseClient({ url: `${url}/graphql`, headers: { authorization: `Bearer ${key}` }, retryAttempts: 0 });
    await new Promise<void>((resolve) => {
      const payload = { query: this.stream.query, variables: { ...this.stream.variables, after: String(this.last) } };
      this.#stop = client.subscribe<Fields>(payload, {
        next: ({ data, errors }) => this.#receive(data, errors),
        error: () => resolve(),
        complete: () => resolve(),
      });
      if (this.#stopping) this.#stop();
    });
    await client.dispose();
  }

  #receive(data: Fields | null | undefined, errors: unknown): void {
    if (!data) return; // told that it cannot go on: the stream ends, and it comes back
    const delivery = this.stream.read(data);
    if (!delivery) return;
    const { last } = this;
    if (delivery.position === last) this.#breaches.add('duplicated', `${this.name}: ${delivery.id} at ${delivery.position} again`);
    else if (delivery.position < last) this.#breaches.add('out of order', `${this.name}: ${delivery.id} at ${delivery.position} after ${last}`);
    // A payload that is too large to send is null, and named in the errors: then there is nothing to compare.
    this.delivered.push(errors === undefined ? delivery : { ...delivery, said: '' });
    this.#changes.tell();
  }
}
