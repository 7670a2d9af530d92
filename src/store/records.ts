import { Prisma } from '../generated/prisma/client.ts';
import type { Event, Session } from '../generated/prisma/client.ts';

/**
 * A row by column name: as JSON, which is what append_to_log takes and gives and what the bus carries, or as pg
 * reads it. The functions below turn either into the model that Prisma would have read.
 */
export type JsonRow = Readonly<Record<string, unknown>>;

/** Of `json` and `text` a row may hold very much. */
type Kind = 'plain' | 'json' | 'text' | 'date' | 'decimal' | 'bigint';
export type Columns<Model> = { readonly [Field in keyof Model]: readonly [column: string, kind: Kind] };

export const EVENT_COLUMNS: Columns<Event> = {
  projectId: ['project_id', 'text'],
  position: ['position', 'bigint'],
  id: ['id', 'text'],
  sessionId: ['session_id', 'text'],
  eventType: ['event_type', 'plain'],
  toolName: ['tool_name', 'text'],
  toolInput: ['tool_input', 'json'],
  toolOutput: ['tool_output', 'json'],
  toolError: ['tool_error', 'json'],
  reasoning: ['reasoning', 'text'],
  alternativesConsidered: ['alternatives_considered', 'json'],
  chosen: ['chosen', 'text'],
  confidence: ['confidence', 'plain'],
  model: ['model', 'text'],
  prompt: ['prompt', 'json'],
  response: ['response', 'json'],
  promptTokens: ['prompt_tokens', 'plain'],
  completionTokens: ['completion_tokens', 'plain'],
  totalTokens: ['total_tokens', 'plain'],
  estimatedCost: ['estimated_cost', 'decimal'],
  durationMs: ['duration_ms', 'plain'],
  status: ['status', 'text'],
  errorType: ['error_type', 'text'],
  errorMessage: ['error_message', 'text'],
  errorStack: ['error_stack', 'text'],
  recoverable: ['recoverable', 'plain'],
  recoveryAction: ['recovery_action', 'text'],
  stateBefore: ['state_before', 'json'],
  stateAfter: ['state_after', 'json'],
  traceId: ['trace_id', 'text'],
  spanId: ['span_id', 'text'],
  parentEventId: ['parent_event_id', 'text'],
  branchName: ['branch_name', 'text'],
  metadata: ['metadata', 'json'],
  createdAt: ['created_at', 'date'],
  clientTimestamp: ['client_timestamp', 'date'],
  bytes: ['bytes', 'plain'],
  replaced: ['replaced', 'plain'],
  fingerprint: ['fingerprint', 'plain'],
};

export const SESSION_COLUMNS: Columns<Session> = {
  projectId: ['project_id', 'text'],
  id: ['id', 'text'],
  position: ['position', 'bigint'],
  name: ['name', 'text'],
  agentName: ['agent_name', 'text'],
  userId: ['user_id', 'text'],
  convoId: ['convo_id', 'text'],
  parentSessionId: ['parent_session_id', 'text'],
  status: ['status', 'text'],
  success: ['success', 'plain'],
  failureReason: ['failure_reason', 'text'],
  summary: ['summary', 'text'],
  userInput: ['user_input', 'json'],
  assistantOutput: ['assistant_output', 'json'],
  metadata: ['metadata', 'json'],
  customMetrics: ['custom_metrics', 'json'],
  promptTokens: ['prompt_tokens', 'bigint'],
  completionTokens: ['completion_tokens', 'bigint'],
  totalTokens: ['total_tokens', 'bigint'],
  estimatedCost: ['estimated_cost', 'decimal'],
  durationMs: ['duration_ms', 'plain'],
  createdAt: ['created_at', 'date'],
  updatedAt: ['updated_at', 'date'],
  completedAt: ['completed_at', 'date'],
  eventCount: ['event_count', 'plain'],
  toolCallCount: ['tool_call_count', 'plain'],
  decisionCount: ['decision_count', 'plain'],
  llmCallCount: ['llm_call_count', 'plain'],
  stateChangeCount: ['state_change_count', 'plain'],
  errorCount: ['error_count', 'plain'],
  eventPromptTokens: ['event_prompt_tokens', 'bigint'],
  eventCompletionTokens: ['event_completion_tokens', 'bigint'],
  eventTotalTokens: ['event_total_tokens', 'bigint'],
  eventCost: ['event_cost', 'decimal'],
  lastEventAt: ['last_event_at', 'date'],
  replaced: ['replaced', 'plain'],
  fingerprint: ['fingerprint', 'plain'],
  clientTimestamp: ['client_timestamp', 'date'],
  bytes: ['bytes', 'plain'],
};

function fromJson(value: unknown, kind: Kind): unknown {
  if (value === undefined || value === null) return null;
  switch (kind) {
    case 'plain':
    case 'json':
    case 'text':
      return value;
    case 'date':
      return new Date(value as string | Date);
    case 'decimal':
      return new Prisma.Decimal(value as number | string);
    case 'bigint':
      return BigInt(value as number | string);
  }
}

function toModel<Model>(columns: Columns<Model>): (record: JsonRow) => Model {
  const entries = Object.entries<readonly [string, Kind]>(columns);
  const byColumn = new Map(entries.map(([field, [column, kind]]) => [column, { field, kind }]));
  // Most of a row is null: copying an empty one and filling in what there is costs a fraction of building it.
  const empty = Object.fromEntries(entries.map(([field]) => [field, null]));
  return (record) => {
    const model: Record<string, unknown> = { ...empty };
    for (const column in record) {
      const target = byColumn.get(column);
      if (target) model[target.field] = fromJson(record[column], target.kind);
    }
    return model as Model;
  };
}

export const toEvent = toModel<Event>(EVENT_COLUMNS);
export const toSession = toModel<Session>(SESSION_COLUMNS);

/** As above for a row whose columns have field names; what was not selected stays undefined. */
export function fromSelected<Model>(columns: Columns<Model>, row: Readonly<Record<string, unknown>>): Model {
  const model: Record<string, unknown> = {};
  for (const field in row) {
    const column = (columns as Readonly<Record<string, readonly [string, Kind]>>)[field];
    if (column) model[field] = fromJson(row[field], column[1]);
  }
  return model as Model;
}

/** Input fields renamed to their columns; what is null or not given is left out. */
export function toColumns<Model>(columns: Columns<Model>, input: { readonly [Field in keyof Model]?: unknown }): Record<string, unknown> {
  const record: Record<string, unknown> = {};
  for (const field in input) {
    const value = input[field];
    if (value !== undefined && value !== null) record[columns[field][0]] = value;
  }
  return record;
}
