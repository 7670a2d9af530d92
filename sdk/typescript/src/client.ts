import { held } from './clock.ts';
import { settingsOf } from './config.ts';
import type { Settings } from './config.ts';
import type { SentrialError } from './errors.ts';
import { flushAtExit, forgetAtExit } from './exit.ts';
import { GetSession } from './generated/operations.ts';
import { Interaction } from './interaction.ts';
import { Outbox } from './outbox.ts';
import { Recorder } from './recorder.ts';
import type { OnSettled } from './recorder.ts';
import { createRedactor } from './redaction.ts';
import { sessionOf } from './results.ts';
import { RunningState } from './state.ts';
import { createTransport } from './transport.ts';
import type { Transport } from './transport.ts';
import type {
  BeginParams,
  CompleteSessionParams,
  CreateSessionParams,
  EventUpdate,
  FlushReport,
  SentrialClientConfig,
  Session,
  SessionUpdate,
  TrackDecisionParams,
  TrackErrorParams,
  TrackEventParams,
  TrackLlmCallParams,
  TrackStateChangeParams,
  TrackToolCallParams,
  UpdateSessionParams,
  WatchOptions,
  WatchSessionsOptions,
} from './types.ts';

const FLUSH_MS = 10_000;

/**
 * Records what agents do, and reads it back. It never throws, blocks or grows without bound because the server is
 * slow, wrong or gone: see `failSilently`, `batching` and `spool`.
 *
 * Methods return at once, with an id that the SDK has made, and what was tracked is delivered in the background. With
 * `batching: false` they wait for the server, and resolve with null where it did not take it; with
 * `failSilently: false` they wait too, and reject with a SentrialError.
 */
export class SentrialClient implements AsyncDisposable {
  /** The same as the methods below, synchronous and without promises: for wrappers. */
  readonly recorder: Recorder;
  readonly #settings: Settings;
  readonly #transport: Transport;
  readonly #outbox: Outbox;
  readonly #state = new RunningState();

  constructor(config: SentrialClientConfig = {}) {
    const settings = settingsOf(config);
    const { pii, onError, projectId, clock, spool, batching, apiKey } = settings;
    this.#settings = settings;
    this.#transport = createTransport(settings);
    this.#outbox = new Outbox({ transport: this.#transport, clock, batching, spool, onError, redact: pii && createRedactor(pii, apiKey, onError) });
    this.recorder = new Recorder({ add: (item) => this.#outbox.add(item), state: this.#state, projectId, clock, onError });
    if (settings.flushOnExit) flushAtExit(this.#outbox);
  }

  /** Begins a session. Resolves with its id. */
  createSession(params: CreateSessionParams): Promise<string | null> {
    return this.#record((settled) => this.recorder.createSession(params, settled));
  }

  /** The session as the server has it, after sending what waits; null when there is none, or it cannot be read. */
  async getSession(sessionId: string, { signal = new AbortController().signal }: { signal?: AbortSignal } = {}): Promise<Session | null> {
    try {
      if (this.#outbox.pending > 0) await this.#outbox.flush(FLUSH_MS, signal);
      const { session } = await held(this.#transport.request(GetSession, { id: sessionId }, signal));
      return session && sessionOf(session);
    } catch (error) {
      if ((error as SentrialError).code === 'NOT_FOUND') return null;
      if (!this.#settings.failSilently) throw error;
      this.recorder.report(error);
      return null;
    }
  }

  async updateSession(params: UpdateSessionParams): Promise<void> {
    await this.#record((settled) => this.recorder.updateSession(params, settled));
  }

  /** Ends a session. */
  async completeSession(params: CompleteSessionParams): Promise<void> {
    await this.#record((settled) => this.recorder.completeSession(params, settled));
  }

  /** The same as `completeSession`. */
  closeSession(params: CompleteSessionParams): Promise<void> {
    return this.completeSession(params);
  }

  /** Resolves with the id of the event, like the methods below. */
  trackToolCall(params: TrackToolCallParams): Promise<string | null> {
    return this.#record((settled) => this.recorder.trackToolCall(params, settled));
  }

  trackDecision(params: TrackDecisionParams): Promise<string | null> {
    return this.#record((settled) => this.recorder.trackDecision(params, settled));
  }

  trackLlmCall(params: TrackLlmCallParams): Promise<string | null> {
    return this.#record((settled) => this.recorder.trackLlmCall(params, settled));
  }

  /** The same as `trackLlmCall`. */
  trackLLMCall(params: TrackLlmCallParams): Promise<string | null> {
    return this.trackLlmCall(params);
  }

  trackStateChange(params: TrackStateChangeParams): Promise<string | null> {
    return this.#record((settled) => this.recorder.trackStateChange(params, settled));
  }

  trackError(params: TrackErrorParams): Promise<string | null> {
    return this.#record((settled) => this.recorder.trackError(params, settled));
  }

  trackEvent(params: TrackEventParams): Promise<string | null> {
    return this.#record((settled) => this.recorder.trackEvent(params, settled));
  }

  /** Sets a key of the running state of a session, which its later events carry; without a session, of all. */
  updateState(key: string, value: unknown, sessionId?: string): void {
    this.#state.set(key, value, sessionId);
  }

  /** Begins an interaction: a session that `finish` ends. Returns at once; `await` is not needed and does no harm. */
  begin(params: BeginParams): Interaction {
    const eventId = params.eventId ?? uuid();
    const { userId, event, input, convoId, metadata, parentSessionId } = params;
    const sessionId = this.recorder.createSession({
      name: `${event}:${eventId.slice(0, 8)}`,
      agentName: event,
      userId,
      convoId,
      parentSessionId,
      userInput: input,
      metadata: { ...metadata, ...(input !== undefined && { input }), ...(convoId !== undefined && { convo_id: convoId }), event_id: eventId },
    });
    return new Interaction(this, sessionId, params, eventId);
  }

  /** Events as they are committed: in order, each once, over any number of reconnections. */
  watch(options: WatchOptions = {}): AsyncIterableIterator<EventUpdate> {
    return later(async () => (await import('./live.ts')).watchEvents(this.#live(), options));
  }

  /** The state of each session that changes, once at its newest. */
  watchSessions(options: WatchSessionsOptions = {}): AsyncIterableIterator<SessionUpdate> {
    return later(async () => (await import('./live.ts')).watchSessions(this.#live(), options));
  }

  /** Sends what waits. Returns by `timeout` (milliseconds, default 10,000) whatever happens, and never rejects. */
  flush(timeout = FLUSH_MS, { signal }: { signal?: AbortSignal } = {}): Promise<FlushReport> {
    return this.#outbox.flush(timeout, signal);
  }

  /** Flushes, spools what is left, and stops. Later calls are dropped and counted. */
  async close(timeout = FLUSH_MS): Promise<FlushReport> {
    const report = await this.#outbox.close(timeout);
    forgetAtExit(this.#outbox);
    return report;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #live() {
    const { apiUrl, apiKey, clock, webSocket, onError } = this.#settings;
    return { apiUrl, apiKey, clock, webSocket, onError, transport: this.#transport };
  }

  #record(record: (settled?: OnSettled) => string | void): Promise<string | null> {
    const { waits, failSilently } = this.#settings;
    if (!waits) return Promise.resolve(record() ?? null);
    return held(
      new Promise((resolve, reject) => {
        const id = record((error) => {
          if (!error) resolve(id ?? null);
          else if (failSilently) resolve(null);
          else reject(error);
        });
      }),
    );
  }
}

/** An iterator whose code is loaded at its first step. */
async function* later<T>(load: () => Promise<AsyncIterableIterator<T>>): AsyncGenerator<T, undefined, undefined> {
  yield* await load();
}

const uuid = () =>
  typeof crypto === 'object' && crypto.randomUUID ? crypto.randomUUID() : `${hex(8)}-${hex(4)}-4${hex(3)}-8${hex(3)}-${hex(12)}`;
const hex = (digits: number) => Array.from({ length: digits }, () => Math.floor(Math.random() * 16).toString(16)).join('');
