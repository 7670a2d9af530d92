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
const MOST_TOKENS = 2_147_483_647;

const text = (value: unknown): string | undefined => {
  if (typeof value === 'string') return value;
  if (value === undefined || value === null) return undefined;
  return typeof value === 'object' || typeof value === 'function' ? toJson(value) : String(value as number | bigint | boolean | symbol);
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
const object = (value: unknown): unknown =>
  value === undefined || value === null ? undefined : typeof value === 'object' && !Array.isArray(value) && !(value instanceof Set) ? value : { value };

function time(value: unknown, now: number): string {
  const date = value instanceof Date ? value : typeof value === 'string' || typeof value === 'number' ? new Date(value) : new Date(now);
  return Number.isNaN(date.getTime()) || date.getTime() < 0 ? new Date(now).toISOString() : date.toISOString();
}

function common(params: EventParams, id: string, now: number, state: StateAround) {
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

export const toolCall = (params: TrackToolCallParams, id: string, now: number, state: StateAround): EventInput => ({
  toolCall: {
    ...common(params, id, now, state),
    toolName: text(params.toolName) ?? 'unknown',
    toolInput: params.toolInput,
    toolOutput: params.toolOutput,
    toolError: failure(params.toolError),
    status: params.status ?? (params.toolError === undefined ? undefined : 'error'),
  } satisfies TrackToolCallInput,
});

export const decision = (params: TrackDecisionParams, id: string, now: number, state: StateAround): EventInput => ({
  decision: {
    ...common(params, id, now, state),
    alternativesConsidered: params.alternatives && [...params.alternatives],
    chosen: text(params.chosen),
    confidence: amount(params.confidence, 1),
  } satisfies TrackDecisionInput,
});

export const llmCall = (params: TrackLlmCallParams, id: string, now: number, state: StateAround): EventInput => ({
  llmCall: {
    ...common(params, id, now, state),
    model: text(params.model) ?? 'unknown',
    prompt: params.prompt,
    response: params.response,
    promptTokens: tokens(params.promptTokens),
    completionTokens: tokens(params.completionTokens),
    totalTokens: tokens(params.totalTokens ?? params.tokenCount ?? params.tokensUsed),
    estimatedCost: cost(params.estimatedCost ?? params.cost),
    toolError: failure(params.toolError),
    status: params.status ?? (params.toolError === undefined ? undefined : 'error'),
  } satisfies TrackLlmCallInput,
});

export const stateChange = (params: TrackStateChangeParams, id: string, now: number, state: StateAround): EventInput => ({
  stateChange: common(params, id, now, state) satisfies TrackStateChangeInput,
});

export const error = (params: TrackErrorParams, id: string, now: number, state: StateAround): EventInput => ({
  error: {
    ...common(params, id, now, state),
    errorMessage: text(params.errorMessage) ?? 'unknown error',
    errorType: text(params.errorType),
    errorStack: text(params.stackTrace),
    toolName: text(params.toolName),
    recoverable: params.recoverable,
    recoveryAction: text(params.recoveryAction),
  } satisfies TrackErrorInput,
});

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

export const createSession = (params: CreateSessionParams, id: string, projectId: string | undefined): CreateSessionInput => ({
  id,
  name: label(params.name) ?? label(params.agentName, 'session')!,
  agentName: label(params.agentName) ?? label(params.name, 'default')!,
  userId: label(params.userId, 'anonymous')!,
  convoId: label(params.convoId),
  parentSessionId: label(params.parentSessionId),
  userInput: params.userInput,
  metadata: object(projectId === undefined ? params.metadata : { projectId, ...params.metadata }),
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

export const completeSession = (params: CompleteSessionParams): CompleteSessionInput => ({
  ...figures(params),
  id: params.sessionId,
  status: params.status && STATUS[params.status],
  success: params.success ?? (params.status === undefined ? params.failureReason === undefined : undefined),
  metadata: object(params.metadata),
  summary: text(params.summary),
});
