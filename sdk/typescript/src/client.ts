import type { Interaction } from './interaction.ts';
import type { Recorder } from './recorder.ts';
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

/**
 * Records what agents do, and reads it back. It never throws, blocks or grows without bound because the server is
 * slow, wrong or gone: see `failSilently`, `batching` and `spool`.
 */
export declare class SentrialClient implements AsyncDisposable {
  /** The same as the methods below, synchronous and without promises: for wrappers. */
  readonly recorder: Recorder;

  constructor(config?: SentrialClientConfig);

  /** Begins a session. Resolves with its id; with null when `batching` is off and the server did not take it. */
  createSession(params: CreateSessionParams): Promise<string | null>;
  /** The session as the server has it, after sending what waits; null when there is none, or it cannot be read. */
  getSession(sessionId: string, options?: { signal?: AbortSignal }): Promise<Session | null>;
  updateSession(params: UpdateSessionParams): Promise<void>;
  completeSession(params: CompleteSessionParams): Promise<void>;
  /** The same as `completeSession`. */
  closeSession(params: CompleteSessionParams): Promise<void>;

  trackToolCall(params: TrackToolCallParams): Promise<string | null>;
  trackDecision(params: TrackDecisionParams): Promise<string | null>;
  trackLlmCall(params: TrackLlmCallParams): Promise<string | null>;
  /** The same as `trackLlmCall`. */
  trackLLMCall(params: TrackLlmCallParams): Promise<string | null>;
  trackStateChange(params: TrackStateChangeParams): Promise<string | null>;
  trackError(params: TrackErrorParams): Promise<string | null>;
  trackEvent(params: TrackEventParams): Promise<string | null>;

  /** Sets a key of the running state of a session, which its later events carry; without a session, of all. */
  updateState(key: string, value: unknown, sessionId?: string): void;

  /** Begins an interaction: a session that `finish` ends. Returns at once, so `await` is not needed and does no harm. */
  begin(params: BeginParams): Interaction;

  /** Events as they are committed: in order, each once, over any number of reconnections. */
  watch(options?: WatchOptions): AsyncIterableIterator<EventUpdate>;
  /** The state of each session that changes, once at its newest. */
  watchSessions(options?: WatchSessionsOptions): AsyncIterableIterator<SessionUpdate>;

  /** Sends what waits. Returns by `timeout` (milliseconds, default 10,000) whatever happens, and never rejects. */
  flush(timeout?: number, options?: { signal?: AbortSignal }): Promise<FlushReport>;
  /** Flushes, spools what is left, and stops. Later calls are dropped and counted. */
  close(timeout?: number): Promise<FlushReport>;
  [Symbol.asyncDispose](): Promise<void>;
}
