import { z } from 'zod';
import { batchTooLong } from '../errors.ts';
import { Confidence, Cost, Duration, Id, Json, JsonObject, Text, Timestamp, Tokens } from '../store/validate.ts';

/** The kinds of event. On the REST wire `llm_call` may also arrive as a tool call named `llm:<provider>:<model>`. */
export const EVENT_TYPES = ['tool_call', 'llm_decision', 'llm_call', 'state_change', 'error'] as const;

/** How many events one request may record, at either door. */
export const LARGEST_BATCH = 1_000;

/** Throws BAD_USER_INPUT for more than that. */
export function assertBatch(events: readonly unknown[]): void {
  if (events.length > LARGEST_BATCH) throw batchTooLong(events.length, LARGEST_BATCH);
}

/** What an event may say: the domain's one description of it; OpenAPI is made from it as well. */
export const EventInput = z.object({
  id: Id.nullish().describe('Choose the event id yourself to make sending twice safe. Default: made by the server.'),
  sessionId: Id.describe('ID of the parent session.'),
  eventType: z.enum(EVENT_TYPES).describe('What happened.'),
  toolName: Text.nullish().describe('Name of the tool called.'),
  toolInput: Json.nullish().describe('Input passed to the tool; any JSON.'),
  toolOutput: Json.nullish().describe('Output returned by the tool; any JSON.'),
  toolError: Json.nullish().describe('Why the tool failed: { message, type?, stack_trace? }.'),
  reasoning: Text.nullish().describe("Agent's reasoning for this action."),
  alternativesConsidered: z.array(Json).nullish().describe('Other options the agent considered.'),
  chosen: Text.nullish().describe('The option the agent took.'),
  confidence: Confidence.nullish().describe('Confidence score (0.0 to 1.0).'),
  model: Text.nullish().describe('Model of an LLM call.'),
  prompt: Json.nullish().describe('What the model was given: text or messages.'),
  response: Json.nullish().describe('What the model answered.'),
  promptTokens: Tokens.nullish(),
  completionTokens: Tokens.nullish(),
  totalTokens: Tokens.nullish(),
  estimatedCost: Cost.nullish().describe('Cost for this event in USD.'),
  durationMs: Duration.nullish().describe('How long it took, in milliseconds.'),
  status: Text.nullish().describe('success or error.'),
  errorType: Text.nullish(),
  errorMessage: Text.nullish(),
  errorStack: Text.nullish(),
  recoverable: z.boolean().nullish(),
  recoveryAction: Text.nullish(),
  stateBefore: Json.nullish().describe("The agent's state before the event."),
  stateAfter: Json.nullish().describe("The agent's state after the event."),
  traceId: Text.nullish().describe('OpenTelemetry trace ID.'),
  spanId: Text.nullish().describe('OpenTelemetry span ID.'),
  parentEventId: Id.nullish().describe('The event this one belongs to.'),
  branchName: Text.nullish(),
  metadata: JsonObject.nullish().describe('Anything else; fields without a place of their own are kept here too.'),
  clientTimestamp: Timestamp.nullish().describe("When it happened by the client's clock; ISO 8601 or milliseconds since 1970."),
});
export type EventInput = z.output<typeof EventInput>;
