import { Prisma } from '../generated/prisma/client.ts';
import type { Event, Session } from '../generated/prisma/client.ts';

/**
 * A row by column name: as JSON, which is what append_to_log takes and gives and what the bus carries, or as pg
 * reads it. The functions below turn either into the model that Prisma would have read.
 */
export type JsonRow = Readonly<Record<string, unknown>>;

type Kind = 'plain' | 'date' | 'decimal' | 'bigint';
type Columns<Model> = { readonly [Field in keyof Model]: readonly [column: string, kind: Kind] };

export const EVENT_COLUMNS: Columns<Event> = {
  projectId: ['project_id', 'plain'],
  position: ['position', 'bigint'],
  id: ['id', 'plain'],
  sessionId: ['session_id', 'plain'],
  eventType: ['event_type', 'plain'],
  toolName: ['tool_name', 'plain'],
  toolInput: ['tool_input', 'plain'],
  toolOutput: ['tool_output', 'plain'],
  toolError: ['tool_error', 'plain'],
  reasoning: ['reasoning', 'plain'],
  alternativesConsidered: ['alternatives_considered', 'plain'],
  chosen: ['chosen', 'plain'],
  confidence: ['confidence', 'plain'],
  model: ['model', 'plain'],
  prompt: ['prompt', 'plain'],
  response: ['response', 'plain'],
  promptTokens: ['prompt_tokens', 'plain'],
  completionTokens: ['completion_tokens', 'plain'],
  totalTokens: ['total_tokens', 'plain'],
  estimatedCost: ['estimated_cost', 'decimal'],
  durationMs: ['duration_ms', 'plain'],
  status: ['status', 'plain'],
  errorType: ['error_type', 'plain'],
  errorMessage: ['error_message', 'plain'],
  errorStack: ['error_stack', 'plain'],
  recoverable: ['recoverable', 'plain'],
  recoveryAction: ['recovery_action', 'plain'],
  stateBefore: ['state_before', 'plain'],
  stateAfter: ['state_after', 'plain'],
  traceId: ['trace_id', 'plain'],
  spanId: ['span_id', 'plain'],
  parentEventId: ['parent_event_id', 'plain'],
  branchName: ['branch_name', 'plain'],
  metadata: ['metadata', 'plain'],
  createdAt: ['created_at', 'date'],
  clientTimestamp: ['client_timestamp', 'date'],
  bytes: ['bytes', 'plain'],
  replaced: ['replaced', 'plain'],
  fingerprint: ['fingerprint', 'plain'],
};

export const SESSION_COLUMNS: Columns<Session> = {
  projectId: ['project_id', 'plain'],
  id: ['id', 'plain'],
  position: ['position', 'bigint'],
  name: ['name', 'plain'],
  agentName: ['agent_name', 'plain'],
  userId: ['user_id', 'plain'],
  convoId: ['convo_id', 'plain'],
  parentSessionId: ['parent_session_id', 'plain'],
  status: ['status', 'plain'],
  success: ['success', 'plain'],
  failureReason: ['failure_reason', 'plain'],
  summary: ['summary', 'plain'],
  userInput: ['user_input', 'plain'],
  assistantOutput: ['assistant_output', 'plain'],
  metadata: ['metadata', 'plain'],
  customMetrics: ['custom_metrics', 'plain'],
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

/** As above for a row of selectList, whose columns have field names; what was not selected stays undefined. */
export function fromSelected<Model>(columns: Columns<Model>, row: Readonly<Record<string, unknown>>): Model {
  const model: Record<string, unknown> = {};
  for (const field in row) model[field] = fromJson(row[field], columns[field as keyof Model & string][1]);
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

/** `"tool_name" AS "toolName", …` for the fields asked for; the rest of a wide row then stays on disk. */
export function selectList<Model>(columns: Columns<Model>, fields: Iterable<keyof Model & string>, alias: string): string {
  return Array.from(fields, (field) => `${alias}."${columns[field][0]}" AS "${field}"`).join(', ');
}
