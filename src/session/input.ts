import { z } from 'zod';
import { Cost, Duration, Id, Json, JsonObject, Label, Text, Timestamp, Tokens } from '../store/validate.ts';

/** Where a session stands. `active` until it is completed, failed or cancelled. */
export const SESSION_STATUSES = ['active', 'completed', 'failed', 'cancelled'] as const;
export type SessionStatus = (typeof SESSION_STATUSES)[number];

const Status = z.enum(SESSION_STATUSES);

/** What both creating and updating may set. */
const outcome = {
  status: Status.nullish(),
  success: z.boolean().nullish().describe('Whether the agent reached its goal.'),
  failureReason: Text.nullish(),
  summary: Text.nullish(),
  userInput: Json.nullish().describe('What the user asked; text, or any JSON.'),
  assistantOutput: Json.nullish().describe('What the agent finally answered; text, or any JSON.'),
  metadata: JsonObject.nullish().describe('Anything else about the run. An update is merged into it, key by key.'),
  customMetrics: JsonObject.nullish().describe('Your own figures, by name. An update is merged into them, key by key.'),
  promptTokens: Tokens.nullish(),
  completionTokens: Tokens.nullish(),
  totalTokens: Tokens.nullish(),
  estimatedCost: Cost.nullish().describe('Cost of the whole session in USD.'),
  durationMs: Duration.nullish().describe('Milliseconds. Default: from creation to completion.'),
};

export const SessionInput = z.object({
  id: Id.nullish().describe('Choose the session id yourself to make sending twice safe. Default: made by the server.'),
  name: Label.describe('Descriptive name of the run.'),
  agentName: Label.describe('Groups sessions by agent.'),
  userId: Label.describe('External end-user id.'),
  convoId: Label.nullish().describe('Links sessions into one conversation.'),
  parentSessionId: Id.nullish().describe('The session that started this one.'),
  clientTimestamp: Timestamp.nullish().describe("When it began by the client's clock; ISO 8601 or milliseconds since 1970."),
  ...outcome,
});
export type SessionInput = z.output<typeof SessionInput>;

export const SessionPatch = z.object({
  name: Label.nullish(),
  agentName: Label.nullish(),
  userId: Label.nullish(),
  convoId: Label.nullish(),
  parentSessionId: Id.nullish(),
  ...outcome,
});
export type SessionPatch = z.output<typeof SessionPatch>;
