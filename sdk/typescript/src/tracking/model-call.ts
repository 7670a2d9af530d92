import { attempt } from './attempt.ts';
import { toolError } from './failure.ts';
import { listPrice } from './pricing.ts';
import { closedEarly, failedWith, openRun } from './run.ts';
import type { Resolvable, Run, RunOptions } from './run.ts';
import { tokenCounts } from './usage.ts';
import type { Usage } from './usage.ts';
import { defined, title } from './value.ts';

export type ModelOptions = RunOptions & {
  /** The session that the calls belong to. Default: each call is a session of its own. */
  sessionId?: Resolvable;
  /** US dollars of a call, where you know better than the public list prices. */
  estimateCost?: (model: string, usage: Usage) => number | undefined;
};

/** What a model is asked. */
export type ModelRequest = {
  provider: string;
  /** What was called, e.g. `chat.completions`. */
  operation: string;
  model: string;
  prompt: unknown;
  /** The newest words of the user. */
  userInput?: string | undefined;
  /** Temperature and the like. */
  parameters?: Record<string, unknown>;
};

/** What it answers. */
export type ModelAnswer = {
  /** As the provider names it, which may say more than the request did. */
  model?: string | undefined;
  response?: unknown;
  text?: string | undefined;
  usage?: Usage | undefined;
  finishReason?: string | undefined;
  id?: string | undefined;
  /** Set where the answer itself says that the call failed. */
  error?: unknown;
};

/** One call of a model, from the request to the last token; recorded once, when it ends. */
export class ModelCall {
  readonly #options: ModelOptions;
  readonly #request: ModelRequest;
  readonly #run: Run;
  readonly #startedAt = performance.now();
  #firstTokenMs: number | undefined;
  #over = false;

  /** Ends `run` when it ends. */
  constructor(options: ModelOptions, request: ModelRequest, run: Run) {
    this.#options = options;
    this.#request = request;
    this.#run = run;
  }

  /** The first piece of a stream came. */
  began(): void {
    this.#firstTokenMs ??= this.#elapsed();
  }

  answered(answer: ModelAnswer): void {
    this.#end(answer, answer.error === undefined ? { success: true } : failedWith(answer.error));
  }

  failed(error: unknown, answer: ModelAnswer = {}): void {
    this.#end({ ...answer, error }, failedWith(error));
  }

  /** The reader of the stream stopped; `answer` is what had come. */
  closed(answer: ModelAnswer): void {
    this.#end(answer, closedEarly, { endedEarly: true });
  }

  #elapsed(): number {
    return Math.round(performance.now() - this.#startedAt);
  }

  #end(answer: ModelAnswer, outcome: Parameters<Run['end']>[0], more?: Record<string, unknown>): void {
    if (this.#over) return;
    this.#over = true;
    attempt(this.#options.client, (recorder) => recorder.trackLlmCall({ sessionId: this.#run.sessionId, ...llmCall(this.#request, answer, { options: this.#options, durationMs: this.#elapsed(), firstTokenMs: this.#firstTokenMs, more }) }));
    this.#run.end({ ...outcome, assistantOutput: answer.text });
  }
}

/** Where a call is recorded that stands for itself. */
export function runOfCall(options: ModelOptions, { provider, model, userInput }: ModelRequest): Run {
  return openRun({ ...options, defaultAgent: options.defaultAgent ?? provider }, { name: title(userInput ?? '') || `${provider} ${model}`, userInput, metadata: { provider, model } });
}

type Circumstances = { options: Pick<ModelOptions, 'client' | 'estimateCost'>; durationMs?: number | undefined; firstTokenMs?: number | undefined; more?: Record<string, unknown> | undefined };

/** The fields of the event that a call becomes. */
export function llmCall(request: ModelRequest, answer: ModelAnswer, { options, durationMs, firstTokenMs, more }: Circumstances) {
  const { usage, error } = answer;
  const model = answer.model || request.model;
  const estimate = options.estimateCost ?? listPrice;
  return defined({
    model,
    prompt: request.prompt,
    response: answer.response,
    ...tokenCounts(usage),
    estimatedCost: usage && attempt(options.client, () => estimate(model, usage)),
    durationMs,
    ...(error === undefined ? (more ? {} : { status: 'success' as const }) : { status: 'error' as const, toolError: toolError(error) }),
    metadata: defined({ provider: request.provider, operation: request.operation, finishReason: answer.finishReason, responseId: answer.id, firstTokenMs, usage, parameters: request.parameters, ...more }),
  });
}
