import type {
  CompleteSessionParams,
  CreateSessionParams,
  TrackDecisionParams,
  TrackErrorParams,
  TrackEventParams,
  TrackLlmCallParams,
  TrackStateChangeParams,
  TrackToolCallParams,
  UpdateSessionParams,
} from './types.ts';

/**
 * Takes down what happened, at once: every method is synchronous, never throws, and returns the id that the thing
 * has from now on. Faults go to `onError`. This is what wrappers use; the client's methods are the same with promises.
 */
export interface Recorder {
  createSession(params: CreateSessionParams): string;
  updateSession(params: UpdateSessionParams): void;
  completeSession(params: CompleteSessionParams): void;
  trackToolCall(params: TrackToolCallParams): string;
  trackDecision(params: TrackDecisionParams): string;
  trackLlmCall(params: TrackLlmCallParams): string;
  trackStateChange(params: TrackStateChangeParams): string;
  trackError(params: TrackErrorParams): string;
  trackEvent(params: TrackEventParams): string;
  /** Tells `onError` of a fault in the wrapper itself. */
  report(error: unknown): void;
}
