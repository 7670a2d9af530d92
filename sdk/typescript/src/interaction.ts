import type { SentrialClient } from './client.ts';
import type {
  BeginParams,
  FinishParams,
  TrackDecisionParams,
  TrackErrorParams,
  TrackEventParams,
  TrackLlmCallParams,
  TrackStateChangeParams,
  TrackToolCallParams,
  Within,
} from './types.ts';

/** One exchange with a user: a session that `begin` opened and `finish` ends. */
export interface Interaction extends AsyncDisposable {
  readonly client: SentrialClient;
  readonly sessionId: string;
  readonly eventId: string;
  readonly userId: string;
  readonly event: string;
  /** What `finish` reports when it is given no output. */
  setOutput(output: unknown): void;
  /** Adds to what `finish` reports when it is given no figures of its own. */
  addTokens(tokens: { promptTokens?: number; completionTokens?: number; cost?: number }): void;
  trackToolCall(params: Within<TrackToolCallParams>): Promise<string | null>;
  trackDecision(params: Within<TrackDecisionParams>): Promise<string | null>;
  trackLlmCall(params: Within<TrackLlmCallParams>): Promise<string | null>;
  trackStateChange(params: Within<TrackStateChangeParams>): Promise<string | null>;
  /** Also makes `finish` report a failure for this reason, unless it is told otherwise. */
  trackError(params: Within<TrackErrorParams>): Promise<string | null>;
  trackEvent(params: Within<TrackEventParams>): Promise<string | null>;
  updateState(key: string, value: unknown): void;
  /** Ends the session. The second call does nothing but tell `onError`. */
  finish(params?: FinishParams): Promise<void>;
}

export type Begin = (params: BeginParams) => Interaction;
