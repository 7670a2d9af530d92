// Made by scripts/codegen.js; do not edit.
/** Internal type. DO NOT USE DIRECTLY. */
type Exact<T extends { [key: string]: unknown }> = { [K in keyof T]: T[K] };
/** Internal type. DO NOT USE DIRECTLY. */
export type Incremental<T> = T | { [P in keyof T]?: P extends ' $fragmentName' | '__typename' ? T[P] : never };
export type CompleteSessionInput = {
  assistantOutput?: unknown;
  completionTokens?: number | null | undefined;
  customMetrics?: unknown;
  durationMs?: number | null | undefined;
  estimatedCost?: number | null | undefined;
  failureReason?: string | null | undefined;
  id: string;
  metadata?: unknown;
  promptTokens?: number | null | undefined;
  status?: SessionStatus | null | undefined;
  success?: boolean | null | undefined;
  summary?: string | null | undefined;
  totalTokens?: number | null | undefined;
  userInput?: unknown;
};

export type CreateSessionInput = {
  agentName: string;
  assistantOutput?: unknown;
  clientTimestamp?: string | null | undefined;
  completionTokens?: number | null | undefined;
  convoId?: string | null | undefined;
  customMetrics?: unknown;
  durationMs?: number | null | undefined;
  estimatedCost?: number | null | undefined;
  failureReason?: string | null | undefined;
  id?: string | null | undefined;
  metadata?: unknown;
  name: string;
  parentSessionId?: string | null | undefined;
  promptTokens?: number | null | undefined;
  status?: SessionStatus | null | undefined;
  success?: boolean | null | undefined;
  summary?: string | null | undefined;
  totalTokens?: number | null | undefined;
  userId: string;
  userInput?: unknown;
};

export type EventInput =
  {   decision: TrackDecisionInput; error?: never; json?: never; llmCall?: never; stateChange?: never; toolCall?: never; }
  |  { decision?: never;   error: TrackErrorInput; json?: never; llmCall?: never; stateChange?: never; toolCall?: never; }
  |  { decision?: never; error?: never;   json: unknown; llmCall?: never; stateChange?: never; toolCall?: never; }
  |  { decision?: never; error?: never; json?: never;   llmCall: TrackLlmCallInput; stateChange?: never; toolCall?: never; }
  |  { decision?: never; error?: never; json?: never; llmCall?: never;   stateChange: TrackStateChangeInput; toolCall?: never; }
  |  { decision?: never; error?: never; json?: never; llmCall?: never; stateChange?: never;   toolCall: TrackToolCallInput; };

export type EventType =
  | 'ERROR'
  | 'LLM_CALL'
  | 'LLM_DECISION'
  | 'STATE_CHANGE'
  | 'TOOL_CALL';

export type MetadataEntry = {
  key: string;
  value: string;
};

export type SessionFilter = {
  agentName?: string | null | undefined;
  convoId?: string | null | undefined;
  createdAfter?: string | null | undefined;
  createdBefore?: string | null | undefined;
  hasErrors?: boolean | null | undefined;
  ids?: Array<string> | null | undefined;
  metadata?: Array<MetadataEntry> | null | undefined;
  parentSessionId?: string | null | undefined;
  search?: string | null | undefined;
  statuses?: Array<SessionStatus> | null | undefined;
  userId?: string | null | undefined;
};

export type SessionStatus =
  | 'ACTIVE'
  | 'CANCELLED'
  | 'COMPLETED'
  | 'FAILED';

export type TrackDecisionInput = {
  alternativesConsidered?: Array<unknown> | null | undefined;
  branchName?: string | null | undefined;
  chosen?: string | null | undefined;
  clientTimestamp?: string | null | undefined;
  confidence?: number | null | undefined;
  durationMs?: number | null | undefined;
  estimatedCost?: number | null | undefined;
  id?: string | null | undefined;
  metadata?: unknown;
  parentEventId?: string | null | undefined;
  reasoning?: string | null | undefined;
  sessionId: string;
  spanId?: string | null | undefined;
  stateAfter?: unknown;
  stateBefore?: unknown;
  totalTokens?: number | null | undefined;
  traceId?: string | null | undefined;
};

export type TrackErrorInput = {
  branchName?: string | null | undefined;
  clientTimestamp?: string | null | undefined;
  durationMs?: number | null | undefined;
  errorMessage: string;
  errorStack?: string | null | undefined;
  errorType?: string | null | undefined;
  estimatedCost?: number | null | undefined;
  id?: string | null | undefined;
  metadata?: unknown;
  parentEventId?: string | null | undefined;
  reasoning?: string | null | undefined;
  recoverable?: boolean | null | undefined;
  recoveryAction?: string | null | undefined;
  sessionId: string;
  spanId?: string | null | undefined;
  stateAfter?: unknown;
  stateBefore?: unknown;
  toolError?: unknown;
  toolName?: string | null | undefined;
  totalTokens?: number | null | undefined;
  traceId?: string | null | undefined;
};

export type TrackLlmCallInput = {
  branchName?: string | null | undefined;
  clientTimestamp?: string | null | undefined;
  completionTokens?: number | null | undefined;
  durationMs?: number | null | undefined;
  estimatedCost?: number | null | undefined;
  id?: string | null | undefined;
  metadata?: unknown;
  model: string;
  parentEventId?: string | null | undefined;
  prompt?: unknown;
  promptTokens?: number | null | undefined;
  reasoning?: string | null | undefined;
  response?: unknown;
  sessionId: string;
  spanId?: string | null | undefined;
  stateAfter?: unknown;
  stateBefore?: unknown;
  status?: string | null | undefined;
  toolError?: unknown;
  totalTokens?: number | null | undefined;
  traceId?: string | null | undefined;
};

export type TrackStateChangeInput = {
  branchName?: string | null | undefined;
  clientTimestamp?: string | null | undefined;
  durationMs?: number | null | undefined;
  estimatedCost?: number | null | undefined;
  id?: string | null | undefined;
  metadata?: unknown;
  parentEventId?: string | null | undefined;
  reasoning?: string | null | undefined;
  sessionId: string;
  spanId?: string | null | undefined;
  stateAfter?: unknown;
  stateBefore?: unknown;
  totalTokens?: number | null | undefined;
  traceId?: string | null | undefined;
};

export type TrackToolCallInput = {
  branchName?: string | null | undefined;
  clientTimestamp?: string | null | undefined;
  durationMs?: number | null | undefined;
  estimatedCost?: number | null | undefined;
  id?: string | null | undefined;
  metadata?: unknown;
  parentEventId?: string | null | undefined;
  reasoning?: string | null | undefined;
  sessionId: string;
  spanId?: string | null | undefined;
  stateAfter?: unknown;
  stateBefore?: unknown;
  status?: string | null | undefined;
  toolError?: unknown;
  toolInput?: unknown;
  toolName: string;
  toolOutput?: unknown;
  totalTokens?: number | null | undefined;
  traceId?: string | null | undefined;
};

export type UpdateSessionInput = {
  agentName?: string | null | undefined;
  assistantOutput?: unknown;
  completionTokens?: number | null | undefined;
  convoId?: string | null | undefined;
  customMetrics?: unknown;
  durationMs?: number | null | undefined;
  estimatedCost?: number | null | undefined;
  failureReason?: string | null | undefined;
  id: string;
  metadata?: unknown;
  name?: string | null | undefined;
  parentSessionId?: string | null | undefined;
  promptTokens?: number | null | undefined;
  status?: SessionStatus | null | undefined;
  success?: boolean | null | undefined;
  summary?: string | null | undefined;
  totalTokens?: number | null | undefined;
  userId?: string | null | undefined;
  userInput?: unknown;
};

export type RecordEventsMutationVariables = Exact<{
  input: Array<EventInput> | EventInput;
}>;


export type RecordEventsMutation = { recordEvents: Array<{ duplicate: boolean, error: { code: string, message: string } | null }> };

export type CreateSessionMutationVariables = Exact<{
  input: CreateSessionInput;
}>;


export type CreateSessionMutation = { createSession: { id: string } };

export type UpdateSessionMutationVariables = Exact<{
  input: UpdateSessionInput;
}>;


export type UpdateSessionMutation = { updateSession: { id: string } };

export type CompleteSessionMutationVariables = Exact<{
  input: CompleteSessionInput;
}>;


export type CompleteSessionMutation = { completeSession: { id: string } };

export type GetSessionQueryVariables = Exact<{
  id: string;
}>;


export type GetSessionQuery = { session: { id: string, name: string, agentName: string, userId: string, status: SessionStatus, success: boolean | null, failureReason: string | null, summary: string | null, convoId: string | null, parentSessionId: string | null, userInput: unknown, assistantOutput: unknown, metadata: unknown, customMetrics: unknown, estimatedCost: number, durationMs: number | null, promptTokens: number, completionTokens: number, totalTokens: number, eventCount: number, errorCount: number, createdAt: string, completedAt: string | null } | null };

export type HeadQueryVariables = Exact<{ [key: string]: never; }>;


export type HeadQuery = { viewer: { project: { cursor: string } } };

export type WatchEventsSubscriptionVariables = Exact<{
  after?: string | null | undefined;
  sessionId?: string | null | undefined;
  types?: Array<EventType> | EventType | null | undefined;
}>;


export type WatchEventsSubscription = { events: { cursor: string, event:
      | { errorMessage: string | null, errorType: string | null, errorStack: string | null, recoverable: boolean | null, recoveryAction: string | null, toolName: string | null, toolError: unknown, id: string, sessionId: string, eventType: EventType, createdAt: string, clientTimestamp: string | null, reasoning: string | null, stateBefore: unknown, stateAfter: unknown, estimatedCost: number | null, durationMs: number | null, totalTokens: number | null, parentEventId: string | null, traceId: string | null, spanId: string | null, branchName: string | null, metadata: unknown }
      | { model: string | null, prompt: unknown, response: unknown, promptTokens: number | null, completionTokens: number | null, toolError: unknown, status: string | null, id: string, sessionId: string, eventType: EventType, createdAt: string, clientTimestamp: string | null, reasoning: string | null, stateBefore: unknown, stateAfter: unknown, estimatedCost: number | null, durationMs: number | null, totalTokens: number | null, parentEventId: string | null, traceId: string | null, spanId: string | null, branchName: string | null, metadata: unknown }
      | { alternativesConsidered: Array<unknown> | null, chosen: string | null, confidence: number | null, id: string, sessionId: string, eventType: EventType, createdAt: string, clientTimestamp: string | null, reasoning: string | null, stateBefore: unknown, stateAfter: unknown, estimatedCost: number | null, durationMs: number | null, totalTokens: number | null, parentEventId: string | null, traceId: string | null, spanId: string | null, branchName: string | null, metadata: unknown }
      | { id: string, sessionId: string, eventType: EventType, createdAt: string, clientTimestamp: string | null, reasoning: string | null, stateBefore: unknown, stateAfter: unknown, estimatedCost: number | null, durationMs: number | null, totalTokens: number | null, parentEventId: string | null, traceId: string | null, spanId: string | null, branchName: string | null, metadata: unknown }
      | { toolName: string | null, toolInput: unknown, toolOutput: unknown, toolError: unknown, status: string | null, id: string, sessionId: string, eventType: EventType, createdAt: string, clientTimestamp: string | null, reasoning: string | null, stateBefore: unknown, stateAfter: unknown, estimatedCost: number | null, durationMs: number | null, totalTokens: number | null, parentEventId: string | null, traceId: string | null, spanId: string | null, branchName: string | null, metadata: unknown }
     } };

export type WatchSessionsSubscriptionVariables = Exact<{
  after?: string | null | undefined;
  filter?: SessionFilter | null | undefined;
}>;


export type WatchSessionsSubscription = { sessionUpdates: { cursor: string, session: { id: string, name: string, agentName: string, userId: string, status: SessionStatus, success: boolean | null, failureReason: string | null, summary: string | null, convoId: string | null, parentSessionId: string | null, userInput: unknown, assistantOutput: unknown, metadata: unknown, customMetrics: unknown, estimatedCost: number, durationMs: number | null, promptTokens: number, completionTokens: number, totalTokens: number, eventCount: number, errorCount: number, createdAt: string, completedAt: string | null } } };

export type SessionFieldsFragment = { id: string, name: string, agentName: string, userId: string, status: SessionStatus, success: boolean | null, failureReason: string | null, summary: string | null, convoId: string | null, parentSessionId: string | null, userInput: unknown, assistantOutput: unknown, metadata: unknown, customMetrics: unknown, estimatedCost: number, durationMs: number | null, promptTokens: number, completionTokens: number, totalTokens: number, eventCount: number, errorCount: number, createdAt: string, completedAt: string | null };

type EventFields_ErrorEvent_Fragment = { errorMessage: string | null, errorType: string | null, errorStack: string | null, recoverable: boolean | null, recoveryAction: string | null, toolName: string | null, toolError: unknown, id: string, sessionId: string, eventType: EventType, createdAt: string, clientTimestamp: string | null, reasoning: string | null, stateBefore: unknown, stateAfter: unknown, estimatedCost: number | null, durationMs: number | null, totalTokens: number | null, parentEventId: string | null, traceId: string | null, spanId: string | null, branchName: string | null, metadata: unknown };

type EventFields_LlmCallEvent_Fragment = { model: string | null, prompt: unknown, response: unknown, promptTokens: number | null, completionTokens: number | null, toolError: unknown, status: string | null, id: string, sessionId: string, eventType: EventType, createdAt: string, clientTimestamp: string | null, reasoning: string | null, stateBefore: unknown, stateAfter: unknown, estimatedCost: number | null, durationMs: number | null, totalTokens: number | null, parentEventId: string | null, traceId: string | null, spanId: string | null, branchName: string | null, metadata: unknown };

type EventFields_LlmDecisionEvent_Fragment = { alternativesConsidered: Array<unknown> | null, chosen: string | null, confidence: number | null, id: string, sessionId: string, eventType: EventType, createdAt: string, clientTimestamp: string | null, reasoning: string | null, stateBefore: unknown, stateAfter: unknown, estimatedCost: number | null, durationMs: number | null, totalTokens: number | null, parentEventId: string | null, traceId: string | null, spanId: string | null, branchName: string | null, metadata: unknown };

type EventFields_StateChangeEvent_Fragment = { id: string, sessionId: string, eventType: EventType, createdAt: string, clientTimestamp: string | null, reasoning: string | null, stateBefore: unknown, stateAfter: unknown, estimatedCost: number | null, durationMs: number | null, totalTokens: number | null, parentEventId: string | null, traceId: string | null, spanId: string | null, branchName: string | null, metadata: unknown };

type EventFields_ToolCallEvent_Fragment = { toolName: string | null, toolInput: unknown, toolOutput: unknown, toolError: unknown, status: string | null, id: string, sessionId: string, eventType: EventType, createdAt: string, clientTimestamp: string | null, reasoning: string | null, stateBefore: unknown, stateAfter: unknown, estimatedCost: number | null, durationMs: number | null, totalTokens: number | null, parentEventId: string | null, traceId: string | null, spanId: string | null, branchName: string | null, metadata: unknown };

export type EventFieldsFragment =
  | EventFields_ErrorEvent_Fragment
  | EventFields_LlmCallEvent_Fragment
  | EventFields_LlmDecisionEvent_Fragment
  | EventFields_StateChangeEvent_Fragment
  | EventFields_ToolCallEvent_Fragment
;

/** The text of an operation; its types are what it takes and gives. */
export type Operation<Result, Variables> = string & { readonly __types?: (variables: Variables) => Result };

export const RecordEvents = "mutation RecordEvents($input:[EventInput!]!){recordEvents(input:$input){duplicate error{code message}}}" as Operation<RecordEventsMutation, RecordEventsMutationVariables>;

export const CreateSession = "mutation CreateSession($input:CreateSessionInput!){createSession(input:$input){id}}" as Operation<CreateSessionMutation, CreateSessionMutationVariables>;

export const UpdateSession = "mutation UpdateSession($input:UpdateSessionInput!){updateSession(input:$input){id}}" as Operation<UpdateSessionMutation, UpdateSessionMutationVariables>;

export const CompleteSession = "mutation CompleteSession($input:CompleteSessionInput!){completeSession(input:$input){id}}" as Operation<CompleteSessionMutation, CompleteSessionMutationVariables>;

export const GetSession = "query GetSession($id:ID!){session(id:$id){...SessionFields}}fragment SessionFields on Session{id name agentName userId status success failureReason summary convoId parentSessionId userInput assistantOutput metadata customMetrics estimatedCost durationMs promptTokens completionTokens totalTokens eventCount errorCount createdAt completedAt}" as Operation<GetSessionQuery, GetSessionQueryVariables>;

export const Head = "query Head{viewer{project{cursor}}}" as Operation<HeadQuery, HeadQueryVariables>;

export const WatchEvents = "subscription WatchEvents($after:Cursor$sessionId:ID$types:[EventType!]){events(after:$after sessionId:$sessionId types:$types){cursor event{...EventFields}}}fragment EventFields on Event{id sessionId eventType createdAt clientTimestamp reasoning stateBefore stateAfter estimatedCost durationMs totalTokens parentEventId traceId spanId branchName metadata ...on ToolCallEvent{toolName toolInput toolOutput toolError status}...on LlmDecisionEvent{alternativesConsidered chosen confidence}...on LlmCallEvent{model prompt response promptTokens completionTokens toolError status}...on ErrorEvent{errorMessage errorType errorStack recoverable recoveryAction toolName toolError}}" as Operation<WatchEventsSubscription, WatchEventsSubscriptionVariables>;

export const WatchSessions = "subscription WatchSessions($after:Cursor$filter:SessionFilter){sessionUpdates(after:$after filter:$filter){cursor session{...SessionFields}}}fragment SessionFields on Session{id name agentName userId status success failureReason summary convoId parentSessionId userInput assistantOutput metadata customMetrics estimatedCost durationMs promptTokens completionTokens totalTokens eventCount errorCount createdAt completedAt}" as Operation<WatchSessionsSubscription, WatchSessionsSubscriptionVariables>;
