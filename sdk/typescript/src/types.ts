/** What kind of thing happened. */
export type EventType = 'tool_call' | 'llm_decision' | 'llm_call' | 'state_change' | 'error';

/** Where a session stands. `running` is another word for `active`. */
export type SessionStatus = 'active' | 'running' | 'completed' | 'failed' | 'cancelled';

/** Why a tool failed. */
export type ToolError = { message: string; type?: string; stack_trace?: string };

/** What every event may carry. Ids are opaque; values may be anything, see "What values become" in the README. */
export type EventParams = {
  /** The session that it happened in. */
  sessionId: string;
  /** Your own event id; made by the SDK otherwise. Sending the same id twice stores it once. */
  id?: string;
  /** Why the agent did it. */
  reasoning?: string;
  /** US dollars. */
  estimatedCost?: number;
  /** Tokens used. */
  tokenCount?: number;
  /** How long it took, in milliseconds. */
  durationMs?: number;
  /** The event that this one belongs to. */
  parentEventId?: string;
  /** OpenTelemetry trace id, 32 hex digits. */
  traceId?: string;
  /** OpenTelemetry span id, 16 hex digits. */
  spanId?: string;
  /** Anything else. */
  metadata?: Record<string, unknown> | null;
  /** The agent's state before the event. Default: the running state, see `updateState`. */
  stateBefore?: unknown;
  /** The agent's state after the event. Default: the running state, see `updateState`. */
  stateAfter?: unknown;
  /** The branch of the run. */
  branchName?: string;
  /** When it happened. Default: now. */
  timestamp?: Date | string | number;
};

export type TrackToolCallParams = EventParams & {
  toolName: string;
  toolInput?: unknown;
  toolOutput?: unknown;
  /** Given when the call failed. */
  toolError?: ToolError | Record<string, unknown> | string;
  status?: 'success' | 'error';
};

export type TrackDecisionParams = EventParams & {
  reasoning: string;
  /** The options that were weighed. */
  alternatives?: readonly unknown[];
  /** The option that was taken. */
  chosen?: string;
  /** How sure the agent was, from 0 to 1. */
  confidence?: number;
};

export type TrackLlmCallParams = EventParams & {
  model: string;
  /** What the model was given: text or messages. */
  prompt?: unknown;
  /** What it answered. */
  response?: unknown;
  promptTokens?: number;
  completionTokens?: number;
  /** All tokens; `tokenCount` and `tokensUsed` mean the same. */
  totalTokens?: number;
  tokensUsed?: number;
  /** US dollars; the same as `estimatedCost`. */
  cost?: number;
  /** Given when the call failed. */
  toolError?: ToolError | Record<string, unknown> | string;
  status?: 'success' | 'error';
};

export type TrackStateChangeParams = EventParams & { stateBefore?: unknown; stateAfter?: unknown };

export type TrackErrorParams = EventParams & {
  errorMessage: string;
  errorType?: string;
  stackTrace?: string;
  /** The tool that failed. */
  toolName?: string;
  /** Whether the agent can go on. */
  recoverable?: boolean;
  /** What it does about it. */
  recoveryAction?: string;
};

/** Any event, told apart by `eventType`. */
export type TrackEventParams =
  | ({ eventType: 'tool_call' } & TrackToolCallParams)
  | ({ eventType: 'llm_decision' } & TrackDecisionParams)
  | ({ eventType: 'llm_call' } & TrackLlmCallParams)
  | ({ eventType: 'state_change' } & TrackStateChangeParams)
  | ({ eventType: 'error' } & TrackErrorParams);

export type CreateSessionParams = {
  /** Descriptive name of the run. */
  name: string;
  /** Groups sessions by agent. */
  agentName: string;
  /** The end user it runs for. Default: `anonymous`. */
  userId?: string;
  /** Your own session id; made by the SDK otherwise. */
  id?: string;
  metadata?: Record<string, unknown> | null;
  /** The session that starts this one. */
  parentSessionId?: string;
  /** Links sessions into one conversation. */
  convoId?: string;
  /** What the user asked. */
  userInput?: unknown;
};

/** What is left out stays as it is. */
export type UpdateSessionParams = {
  sessionId: string;
  name?: string;
  agentName?: string;
  userId?: string;
  convoId?: string;
  parentSessionId?: string;
  status?: SessionStatus;
  /** Merged into what is there, key by key. */
  metadata?: Record<string, unknown>;
  summary?: string;
} & SessionFigures;

export type CompleteSessionParams = {
  sessionId: string;
  /** Whether the agent reached its goal. Default: true, or false when a `failureReason` is given. */
  success?: boolean;
  /** Overrides what `success` says, e.g. `cancelled`. */
  status?: SessionStatus;
  metadata?: Record<string, unknown>;
  summary?: string;
} & SessionFigures;

/** Figures and texts of a session as a whole. */
export type SessionFigures = {
  failureReason?: string;
  /** US dollars. */
  estimatedCost?: number;
  /** Your own figures; merged into what is there, key by key. */
  customMetrics?: Record<string, unknown>;
  /** Milliseconds. Default: worked out by the server. */
  durationMs?: number;
  promptTokens?: number;
  completionTokens?: number;
  totalTokens?: number;
  /** What the user asked. */
  userInput?: unknown;
  /** What the agent finally answered. */
  assistantOutput?: unknown;
  /** The same as `assistantOutput`, which wins. */
  output?: unknown;
};

export type BeginParams = {
  userId: string;
  /** What the interaction is: becomes the agent name. */
  event: string;
  /** What the user asked. */
  input?: unknown;
  /** Your own id of the interaction; a UUID otherwise. Kept as `metadata.event_id`. */
  eventId?: string;
  convoId?: string;
  metadata?: Record<string, unknown>;
  /** The session that starts this one. */
  parentSessionId?: string;
};

/** The parameters of a track method of an interaction: those of the client's without `sessionId`. */
export type Within<Params extends EventParams> = Params extends EventParams ? Omit<Params, 'sessionId'> : never;

export type FinishParams = {
  /** What the agent answered. Default: what `setOutput` was given. */
  output?: unknown;
  /** Default: true, or false after `trackError` or with a `failureReason`. */
  success?: boolean;
} & Omit<SessionFigures, 'output' | 'assistantOutput' | 'userInput'>;

/** A session as the server has it. */
export type Session = {
  id: string;
  name: string;
  agentName: string;
  userId: string;
  status: Exclude<SessionStatus, 'running'>;
  success: boolean | null;
  failureReason: string | null;
  convoId: string | null;
  parentSessionId: string | null;
  userInput: unknown;
  assistantOutput: unknown;
  metadata: Record<string, unknown> | null;
  customMetrics: Record<string, unknown> | null;
  summary: string | null;
  /** US dollars. */
  estimatedCost: number;
  durationMs: number | null;
  promptTokens: number;
  completionTokens: number;
  totalTokens: number;
  eventCount: number;
  errorCount: number;
  /** ISO 8601. */
  createdAt: string;
  completedAt: string | null;
};

export type PiiMode = 'label' | 'hash' | 'remove';

/** A field that redaction can look into. */
export type PiiField = 'userInput' | 'assistantOutput' | 'toolInput' | 'toolOutput' | 'toolError' | 'prompt' | 'response' | 'state' | 'metadata' | 'reasoning' | 'failureReason' | 'errorMessage';

export type PiiConfig = {
  /** Default: true. */
  enabled?: boolean;
  /** What stands in place of what was found: `[EMAIL]`, `[EMAIL:1f3a5c7e9b2d]`, or nothing. Default: `label`. */
  mode?: PiiMode;
  /** Which fields are searched. Default: all of them. */
  fields?: readonly PiiField[];
  emails?: boolean;
  phones?: boolean;
  ssns?: boolean;
  /** Numbers with a right check digit (Luhn). */
  creditCards?: boolean;
  ipAddresses?: boolean;
  /** Your own patterns. */
  custom?: readonly { pattern: RegExp; label: string }[];
};

export type BatchingConfig = {
  /** Most events in one request. Default: 500; the server takes up to 1,000. */
  maxEvents?: number;
  /** Most bytes in one request. Default: 1 MiB. */
  maxBytes?: number;
  /** How long the first of a batch waits for more, in milliseconds. Default: 50. */
  intervalMs?: number;
  /** Most bytes of text held in memory (one a character, two where a text is not all ASCII); what comes beyond goes to the spool, or is dropped and counted. Default: 32 MiB. */
  maxQueueBytes?: number;
};

/** Keeps what could not be delivered. A spool on disk is the default on Node; give your own for other runtimes. */
export interface Spool {
  /** Adds lines at the end, durably, and resolves with how many it took: fewer when it is full. */
  append(lines: readonly string[]): Promise<number>;
  /** The same at the end of the process, when nothing asynchronous runs any more. */
  appendSync?(lines: readonly string[]): number;
  /**
   * All that it holds, by this process or left by earlier ones, oldest first, in batches. A batch is removed for good
   * once `done` was called.
   */
  replay(): AsyncIterable<{ lines: readonly string[]; done: () => Promise<void> }>;
  close(): Promise<void>;
}

export type SpoolConfig = {
  /** Default: `SENTRIAL_SPOOL_DIR`, else `~/.sentrial/spool`. */
  folder?: string;
  /** Most bytes on disk. Default: 64 MiB. */
  maxBytes?: number;
};

/** The time, as the client sees it. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Calls back after so many milliseconds; returns what cancels it. Must not keep the process alive. */
  setTimer(callback: () => void, ms: number): () => void;
}

export type SentrialClientConfig = {
  /** Default: `SENTRIAL_API_KEY`. */
  apiKey?: string;
  /** Default: `SENTRIAL_API_URL`, else `http://localhost:3001`. */
  apiUrl?: string;
  /** Only recorded, in the metadata of sessions; the key decides the project. Default: `SENTRIAL_PROJECT_ID`. */
  projectId?: string;
  /** How long one request may take, in milliseconds. Default: 30,000. */
  timeout?: number;
  /** How many more times a request is tried that failed for a passing reason. Default: 3. */
  maxRetries?: number;
  /** Whether faults only go to `onError`. With `false`, methods wait for the server and reject. Default: true. */
  failSilently?: boolean;
  /** `false`: every method waits for the server. Default: on; methods return at once. */
  batching?: boolean | BatchingConfig;
  /** Redaction before anything leaves the process. Default: off; `true` is all of it, as labels. */
  pii?: boolean | PiiConfig;
  /** Told of every fault, drop and refusal. Default: a warning on the console, at most one in ten seconds. */
  onError?: (error: Error) => void;
  /** Where to keep what cannot be delivered. `false`: nowhere. Default: on disk, where there is one. */
  spool?: boolean | SpoolConfig | Spool;
  /** Whether to deliver what is left when the process ends (Node). Default: true. */
  flushOnExit?: boolean;
  fetch?: typeof fetch;
  /** Default: the runtime's own, else that of the package `ws`. */
  webSocket?: typeof WebSocket;
  clock?: Clock;
};

/** What became of everything up to a `flush`. The counts are since the last one. */
export type FlushReport = {
  /** On the server. */
  delivered: number;
  /** On disk, for the next start. */
  spooled: number;
  /** Lost: refused by the server, or no room. */
  dropped: number;
  /** Still in memory, because the deadline came first. */
  pending: number;
};

export type WatchOptions = {
  /** Of this session. Default: of all. */
  sessionId?: string;
  /** Of these kinds. Default: of all. */
  types?: readonly EventType[];
  /** Where to resume; `"0"` replays all. Default: what comes from now on. */
  after?: string;
  /** Ends the iteration. */
  signal?: AbortSignal;
};

export type WatchSessionsOptions = {
  /** Of this agent. */
  agentName?: string;
  userId?: string;
  convoId?: string;
  parentSessionId?: string;
  /** Where to resume; `"0"` gives every session. Default: what changes from now on. */
  after?: string;
  signal?: AbortSignal;
};

/** An event as the server has it; the fields depend on its type. */
export type RecordedEvent = {
  id: string;
  sessionId: string;
  eventType: EventType;
  /** ISO 8601: when the server got it. */
  createdAt: string;
  /** ISO 8601: when it happened, by the client's clock. */
  clientTimestamp: string | null;
  toolName?: string | null;
  toolInput?: unknown;
  toolOutput?: unknown;
  toolError?: unknown;
  reasoning: string | null;
  alternativesConsidered?: readonly unknown[] | null;
  chosen?: string | null;
  confidence?: number | null;
  model?: string | null;
  prompt?: unknown;
  response?: unknown;
  promptTokens?: number | null;
  completionTokens?: number | null;
  totalTokens: number | null;
  errorMessage?: string | null;
  errorType?: string | null;
  errorStack?: string | null;
  recoverable?: boolean | null;
  recoveryAction?: string | null;
  status?: string | null;
  stateBefore: unknown;
  stateAfter: unknown;
  estimatedCost: number | null;
  durationMs: number | null;
  parentEventId: string | null;
  traceId: string | null;
  spanId: string | null;
  branchName: string | null;
  metadata: Record<string, unknown> | null;
};

/** Resume with `after: cursor`. */
export type EventUpdate = { cursor: string; event: RecordedEvent };
export type SessionUpdate = { cursor: string; session: Session };
