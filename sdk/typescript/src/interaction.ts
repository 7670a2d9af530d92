import type { SentrialClient } from './client.ts';
import { SentrialError } from './errors.ts';
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
export class Interaction implements AsyncDisposable {
  readonly client: SentrialClient;
  readonly sessionId: string;
  readonly eventId: string;
  readonly userId: string;
  readonly event: string;
  readonly #input: unknown;
  #output: unknown;
  #failure: string | undefined;
  #tokens: { prompt?: number; completion?: number; cost?: number } = {};
  #isFinished = false;

  /** Made by `begin`. */
  constructor(client: SentrialClient, sessionId: string, { userId, event, input }: BeginParams, eventId: string) {
    this.client = client;
    this.sessionId = sessionId;
    this.eventId = eventId;
    this.userId = userId;
    this.event = event;
    this.#input = input;
  }

  /** What `finish` reports when it is given no output. */
  setOutput(output: unknown): void {
    this.#output = output;
  }

  /** Adds to what `finish` reports when it is given no figures of its own. */
  addTokens({ promptTokens, completionTokens, cost }: { promptTokens?: number; completionTokens?: number; cost?: number }): void {
    const add = (sum: number | undefined, more: number | undefined) => (more === undefined ? sum : (sum ?? 0) + more);
    this.#tokens = { prompt: add(this.#tokens.prompt, promptTokens), completion: add(this.#tokens.completion, completionTokens), cost: add(this.#tokens.cost, cost) };
  }

  trackToolCall(params: Within<TrackToolCallParams>): Promise<string | null> {
    return this.client.trackToolCall({ ...params, sessionId: this.sessionId });
  }

  trackDecision(params: Within<TrackDecisionParams>): Promise<string | null> {
    return this.client.trackDecision({ ...params, sessionId: this.sessionId });
  }

  trackLlmCall(params: Within<TrackLlmCallParams>): Promise<string | null> {
    return this.client.trackLlmCall({ ...params, sessionId: this.sessionId });
  }

  /** The same as `trackLlmCall`. */
  trackLLMCall(params: Within<TrackLlmCallParams>): Promise<string | null> {
    return this.trackLlmCall(params);
  }

  trackStateChange(params: Within<TrackStateChangeParams>): Promise<string | null> {
    return this.client.trackStateChange({ ...params, sessionId: this.sessionId });
  }

  /** Also makes `finish` report a failure for this reason, unless it is told otherwise. */
  trackError(params: Within<TrackErrorParams>): Promise<string | null> {
    this.#failure = params?.errorMessage;
    return this.client.trackError({ ...params, sessionId: this.sessionId });
  }

  trackEvent(params: Within<TrackEventParams>): Promise<string | null> {
    if (params?.eventType === 'error') this.#failure = params.errorMessage;
    return this.client.trackEvent({ ...params, sessionId: this.sessionId });
  }

  /** Sets a key of the running state of this interaction, which its later events carry. */
  updateState(key: string, value: unknown): void {
    this.client.updateState(key, value, this.sessionId);
  }

  /** Ends the session. A second call does nothing but tell `onError`. */
  async finish(params: FinishParams = {}): Promise<void> {
    if (this.#isFinished) {
      this.client.recorder.report(new SentrialError('USAGE', `The interaction ${this.eventId} was finished before`));
      return;
    }
    this.#isFinished = true;
    const failureReason = params.failureReason ?? (params.success === undefined ? this.#failure : undefined);
    await this.client.completeSession({
      promptTokens: this.#tokens.prompt,
      completionTokens: this.#tokens.completion,
      estimatedCost: this.#tokens.cost,
      ...params,
      sessionId: this.sessionId,
      success: params.success ?? failureReason === undefined,
      failureReason,
      userInput: this.#input,
      output: params.output ?? this.#output,
    });
  }

  /** For `await using`: finishes unless that was done. An error that leaves the block cannot be seen here: report it. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#isFinished) await this.finish();
  }
}
