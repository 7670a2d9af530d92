import { SentrialError, asError } from './errors.ts';
import { newEventId, newSessionId } from './ids.ts';
import * as inputs from './inputs.ts';
import type { EventInput } from './generated/operations.ts';
import { itemOf } from './item.ts';
import type { Item, ItemKind } from './item.ts';
import { fieldsToJson } from './json.ts';
import type { RunningState, StateAround } from './state.ts';
import type {
  Clock,
  CompleteSessionParams,
  CreateSessionParams,
  EventParams,
  TrackDecisionParams,
  TrackErrorParams,
  TrackEventParams,
  TrackLlmCallParams,
  TrackStateChangeParams,
  TrackToolCallParams,
  UpdateSessionParams,
} from './types.ts';

/** Sessions whose beginning is remembered; the oldest is forgotten beyond that. */
const MOST_SESSIONS = 10_000;

/** Called once, when the server has answered, or it is certain that it will not for now. */
export type OnSettled = (error?: Error) => void;

export type RecorderOptions = {
  add: (item: Item) => void;
  state: RunningState;
  projectId: string | undefined;
  clock: Clock;
  onError: (error: Error) => void;
};

/**
 * Takes down what happened, at once: every method is synchronous, never throws, and returns the id that the thing
 * has from now on. Faults go to `onError`. This is what wrappers use; the client's methods are the same with promises.
 *
 * What is given is turned into text within the call, so that changing it afterwards changes nothing.
 */
export class Recorder {
  readonly #options: RecorderOptions;
  /** When each session that runs began, so that its duration can be told when it ends: what the server gets late did not last longer. */
  readonly #began = new Map<string, number>();

  /** Made by the client. */
  constructor(options: RecorderOptions) {
    this.#options = options;
  }

  createSession(params: CreateSessionParams, settled?: OnSettled): string {
    const id = params?.id || newSessionId();
    const now = this.#options.clock.now();
    this.#began.set(id, now);
    if (this.#began.size > MOST_SESSIONS) this.#began.delete(this.#began.keys().next().value!);
    this.#add('create', id, () => fieldsToJson(inputs.createSession(params, id, this.#options.projectId, now)), settled);
    return id;
  }

  updateSession(params: UpdateSessionParams, settled?: OnSettled): void {
    this.#add('update', params?.sessionId, () => fieldsToJson(inputs.updateSession(params)), settled);
  }

  completeSession(params: CompleteSessionParams, settled?: OnSettled): void {
    const began = this.#began.get(params?.sessionId);
    const lasted = began === undefined ? undefined : Math.max(0, this.#options.clock.now() - began);
    this.#began.delete(params?.sessionId);
    this.#add('complete', params?.sessionId, () => fieldsToJson(inputs.completeSession(params, lasted)), settled);
    this.#options.state.forget(params?.sessionId);
  }

  trackToolCall(params: TrackToolCallParams, settled?: OnSettled): string {
    return this.#track(inputs.toolCall, params, settled);
  }

  trackDecision(params: TrackDecisionParams, settled?: OnSettled): string {
    return this.#track(inputs.decision, params, settled);
  }

  trackLlmCall(params: TrackLlmCallParams, settled?: OnSettled): string {
    return this.#track(inputs.llmCall, params, settled);
  }

  trackStateChange(params: TrackStateChangeParams, settled?: OnSettled): string {
    return this.#track(inputs.stateChange, params, settled);
  }

  trackError(params: TrackErrorParams, settled?: OnSettled): string {
    return this.#track(inputs.error, params, settled);
  }

  trackEvent(params: TrackEventParams, settled?: OnSettled): string {
    switch (params?.eventType) {
      case 'tool_call':
        return this.trackToolCall(params, settled);
      case 'llm_decision':
        return this.trackDecision(params, settled);
      case 'llm_call':
        return this.trackLlmCall(params, settled);
      case 'state_change':
        return this.trackStateChange(params, settled);
      case 'error':
        return this.trackError(params, settled);
      default:
        return this.#track(() => unknownType(params), params, settled);
    }
  }

  /** Tells `onError` of a fault, such as one in a wrapper itself. */
  report(error: unknown): void {
    this.#options.onError(asError(error));
  }

  #track<Params extends EventParams>(input: (params: Params, id: string, now: number, state: StateAround) => EventInput, params: Params, settled?: OnSettled): string {
    const id = params?.id || newEventId();
    const { state, clock } = this.#options;
    this.#add('event', params?.sessionId, () => eventText(input(params, id, clock.now(), state.of(params.sessionId))), settled);
    return id;
  }

  #add(kind: ItemKind, sessionId: string | undefined, text: () => string, settled: OnSettled | undefined): void {
    try {
      if (typeof sessionId !== 'string' || sessionId === '') {
        throw new SentrialError('USAGE', `A sessionId is needed, got ${sessionId === '' ? 'an empty one' : typeof sessionId}: give what createSession returned`);
      }
      const item = itemOf(kind, sessionId, text());
      item.settle = settled;
      this.#options.add(item);
    } catch (error) {
      this.report(error);
      settled?.(asError(error));
    }
  }
}

/** The input of `recordEvents` is one of five. */
function eventText(input: EventInput): string {
  for (const [kind, track] of Object.entries(input)) return `{"${kind}":${fieldsToJson(track as object)}}`;
  return '{}';
}

function unknownType(params: unknown): never {
  const type = (params as { eventType?: unknown } | undefined)?.eventType;
  throw new SentrialError('USAGE', `eventType must be tool_call, llm_decision, llm_call, state_change or error, got ${String(type)}`);
}
