import type {
  CompleteSessionInput,
  CreateSessionInput,
  EventInput,
  SessionStatus as WireStatus,
  TrackDecisionInput,
  TrackErrorInput,
  TrackLlmCallInput,
  TrackStateChangeInput,
  TrackToolCallInput,
  UpdateSessionInput,
} from './generated/operations.ts';
import { toJson } from './json.ts';
import type { StateAround } from './state.ts';
import type {
  CompleteSessionParams,
  CreateSessionParams,
  EventParams,
  SessionFigures,
  SessionStatus,
  TrackDecisionParams,
  TrackErrorParams,
  TrackLlmCallParams,
  TrackStateChangeParams,
  TrackToolCallParams,
  UpdateSessionParams,
} from './types.ts';

// Parameters of the SDK as inputs of the server. A scalar that the server would refuse is made into one that it takes,
// or left out, so that a slip costs a figure and not the event.

/** Longest name, user or conversation that the server takes. */
const LONGEST_LABEL = 500;
/** The end of the year 9999. */
const LATEST = 253_402_300_799_999;
const MOST_TOKENS = 2_147_483_647;

const text = (value: unknown): string | undefined => {
  switch (typeof value) {
    case 'string':
      return value;
    case 'undefined':
      return undefined;
    case 'object':
    case 'function':
      return value === null ? undefined : toJson(value);
    case 'number':
    case 'bigint':
    case 'boolean':
    case 'symbol':
      return String(value);
  }
};
const label = (value: unknown, otherwise?: string) => {
  const given = text(value);
  return given ? given.slice(0, LONGEST_LABEL) : otherwise;
};
const amount = (value: unknown, most = Infinity) => (typeof value === 'number' && value >= 0 && value <= most ? value : undefined);
const tokens = (value: unknown) => {
  const count = amount(value);
  return count === undefined || !Number.isFinite(count) ? undefined : Math.min(MOST_TOKENS, Math.round(count));
};
const cost = (value: unknown) => amount(value, 1e9);
const duration = (value: unknown) => amount(value, 1e13);
/** The server takes an object only; anything else is kept in one. */
function object(value: unknown): object | undefined {
  if (value === undefined || value === null) return undefined;
  if (value instanceof Map) return Object.fromEntries<unknown>(value);
  return typeof value === 'object' && !Array.isArray(value) && !(value instanceof Set) ? value : { value };
}
const list = (value: unknown): unknown[] | undefined => (value === undefined || value === null ? undefined : Array.isArray(value) || value instanceof Set ? [...value] : [value]);
const truth = (value: unknown) => (typeof value === 'boolean' ? value : undefined);

let lastNow = NaN;
let lastText = '';

/** Many events come within a millisecond, and the text of a time costs more than the rest of an input. */
function nowText(now: number): string {
  if (now !== lastNow) {
    lastNow = now;
    lastText = new Date(now).toISOString();
  }
  return lastText;
}

function time(value: unknown, now: number): string {
  if (value === undefined || value === null) return nowText(now);
  const date = value instanceof Date ? value : new Date(value as string | number);
  const ms = date.getTime();
  return ms >= 0 && ms <= LATEST ? date.toISOString() : nowText(now);
}

function common(params: EventParams, id: string, now: number, state: StateAround): TrackStateChangeInput {
  return {
    id,
    sessionId: params.sessionId,
    clientTimestamp: time(params.timestamp, now),
    reasoning: text(params.reasoning),
    estimatedCost: cost(params.estimatedCost),
    totalTokens: tokens(params.tokenCount),
    durationMs: duration(params.durationMs),
    parentEventId: label(params.parentEventId),
    traceId: text(params.traceId),
    spanId: text(params.spanId),
    branchName: text(params.branchName),
    stateBefore: params.stateBefore ?? state.before,
    stateAfter: params.stateAfter ?? state.after,
    metadata: object(params.metadata),
  };
}

const failure = (error: unknown) => (typeof error === 'string' ? { message: error } : error);
const statusOf = ({ status, toolError }: { status?: string; toolError?: unknown }) => status ?? (toolError === undefined || toolError === null ? undefined : 'error');

// Fields are added to one object rather than spread into another: that is most of what a track call costs.

export function toolCall(params: TrackToolCallParams, id: string, now: number, state: StateAround): EventInput {
  const input = common(params, id, now, state) as TrackToolCallInput;
  input.toolName = text(params.toolName) ?? 'unknown';
  input.toolInput = params.toolInput;
  input.toolOutput = params.toolOutput;
  input.toolError = failure(params.toolError);
  input.status = statusOf(params);
  return { toolCall: input };
}

export function decision(params: TrackDecisionParams, id: string, now: number, state: StateAround): EventInput {
  const input: TrackDecisionInput = common(params, id, now, state);
  input.alternativesConsidered = list(params.alternatives);
  input.chosen = text(params.chosen);
  input.confidence = amount(params.confidence, 1);
  return { decision: input };
}

export function llmCall(params: TrackLlmCallParams, id: string, now: number, state: StateAround): EventInput {
  const input = common(params, id, now, state) as TrackLlmCallInput;
  input.model = text(params.model) ?? 'unknown';
  input.prompt = params.prompt;
  input.response = params.response;
  input.promptTokens = tokens(params.promptTokens);
  input.completionTokens = tokens(params.completionTokens);
  input.totalTokens = tokens(params.totalTokens ?? params.tokenCount ?? params.tokensUsed);
  input.estimatedCost = cost(params.estimatedCost ?? params.cost);
  input.toolError = failure(params.toolError);
  input.status = statusOf(params);
  return { llmCall: input };
}

export const stateChange = (params: TrackStateChangeParams, id: string, now: number, state: StateAround): EventInput => ({
  stateChange: common(params, id, now, state),
});

export function error(params: TrackErrorParams, id: string, now: number, state: StateAround): EventInput {
  const input = common(params, id, now, state) as TrackErrorInput;
  input.errorMessage = text(params.errorMessage) ?? 'unknown error';
  input.errorType = text(params.errorType);
  input.errorStack = text(params.stackTrace);
  input.toolName = text(params.toolName);
  input.recoverable = truth(params.recoverable);
  input.recoveryAction = text(params.recoveryAction);
  return { error: input };
}

const STATUS: { readonly [status in SessionStatus]: WireStatus } = {
  active: 'ACTIVE',
  running: 'ACTIVE',
  completed: 'COMPLETED',
  failed: 'FAILED',
  cancelled: 'CANCELLED',
};

function figures(params: SessionFigures) {
  return {
    failureReason: text(params.failureReason),
    estimatedCost: cost(params.estimatedCost),
    customMetrics: object(params.customMetrics),
    durationMs: duration(params.durationMs),
    promptTokens: tokens(params.promptTokens),
    completionTokens: tokens(params.completionTokens),
    totalTokens: tokens(params.totalTokens),
    userInput: params.userInput,
    assistantOutput: params.assistantOutput ?? params.output,
  };
}

export const createSession = (params: CreateSessionParams, id: string, projectId: string | undefined, now: number): CreateSessionInput => ({
  id,
  clientTimestamp: nowText(now),
  name: label(params.name) ?? label(params.agentName, 'session')!,
  agentName: label(params.agentName) ?? label(params.name, 'default')!,
  userId: label(params.userId, 'anonymous')!,
  convoId: label(params.convoId),
  parentSessionId: label(params.parentSessionId),
  userInput: params.userInput,
  metadata: projectId === undefined ? object(params.metadata) : { projectId, ...object(params.metadata) },
});

export const updateSession = (params: UpdateSessionParams): UpdateSessionInput => ({
  ...figures(params),
  id: params.sessionId,
  name: label(params.name),
  agentName: label(params.agentName),
  userId: label(params.userId),
  convoId: label(params.convoId),
  parentSessionId: label(params.parentSessionId),
  status: params.status && STATUS[params.status],
  metadata: object(params.metadata),
  summary: text(params.summary),
});

/** `lasted`: its duration in milliseconds, where the caller does not give one. */
export const completeSession = (params: CompleteSessionParams, lasted: number | undefined): CompleteSessionInput => ({
  ...figures(params),
  durationMs: duration(params.durationMs ?? lasted),
  id: params.sessionId,
  status: params.status && STATUS[params.status],
  success: truth(params.success) ?? (params.status === undefined ? text(params.failureReason) === undefined : undefined),
  metadata: object(params.metadata),
  summary: text(params.summary),
});
