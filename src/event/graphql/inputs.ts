import type { InputFieldBuilder } from '@pothos/core';
import { builder } from '../../graphql/builder.ts';
import { isObject } from '../../wire.ts';
import { eventFromWire } from '../wire.ts';

type InputFields = InputFieldBuilder<typeof builder.$inferSchemaTypes, 'InputObject'>;

/** What every kind of event may say. */
const COMMON = (t: InputFields) => ({
  id: t.id({ description: 'Your own id for it, which makes sending twice safe. Default: made by the server.' }),
  sessionId: t.id({ required: true, description: 'The session it happened in.' }),
  clientTimestamp: t.field({ type: 'DateTime', description: 'When it happened, by your clock.' }),
  durationMs: t.float({ description: 'How long it took, in milliseconds.' }),
  estimatedCost: t.float({ description: 'US dollars.' }),
  totalTokens: t.int({ description: 'Tokens it used.' }),
  reasoning: t.string({ description: 'Why the agent did it.' }),
  stateBefore: t.field({ type: 'JSON', description: "The agent's state before it." }),
  stateAfter: t.field({ type: 'JSON', description: "The agent's state after it." }),
  traceId: t.string({ description: 'OpenTelemetry trace id.' }),
  spanId: t.string({ description: 'OpenTelemetry span id.' }),
  parentEventId: t.id({ description: 'The event it belongs to.' }),
  branchName: t.string({ description: 'The branch of the run.' }),
  metadata: t.field({ type: 'JSON', description: 'An object of anything else.' }),
});

export const TrackToolCallInput = builder.inputType('TrackToolCallInput', {
  description: 'A tool call.',
  fields: (t) => ({
    ...COMMON(t),
    toolName: t.string({ required: true, description: 'Which tool.' }),
    toolInput: t.field({ type: 'JSON', description: 'What it was given.' }),
    toolOutput: t.field({ type: 'JSON', description: 'What it returned.' }),
    toolError: t.field({ type: 'JSON', description: 'Why it failed: { message, type }.' }),
    status: t.string({ description: 'success or error.' }),
  }),
});

export const TrackDecisionInput = builder.inputType('TrackDecisionInput', {
  description: 'A decision. `reasoning` says why.',
  fields: (t) => ({
    ...COMMON(t),
    alternativesConsidered: t.field({ type: ['JSON'], required: { list: false, items: false }, description: 'The options it weighed.' }),
    chosen: t.string({ description: 'The option it took.' }),
    confidence: t.float({ description: 'How sure it was, from 0 to 1.' }),
  }),
});

export const TrackLlmCallInput = builder.inputType('TrackLlmCallInput', {
  description: 'A call of a language model.',
  fields: (t) => ({
    ...COMMON(t),
    model: t.string({ required: true, description: 'Which model.' }),
    prompt: t.field({ type: 'JSON', description: 'What it was given: text or messages.' }),
    response: t.field({ type: 'JSON', description: 'What it answered.' }),
    promptTokens: t.int({ description: 'Tokens read.' }),
    completionTokens: t.int({ description: 'Tokens written.' }),
    toolError: t.field({ type: 'JSON', description: 'Why it failed: { message, type }.' }),
    status: t.string({ description: 'success or error.' }),
  }),
});

export const TrackStateChangeInput = builder.inputType('TrackStateChangeInput', {
  description: 'A change of state: give stateBefore and stateAfter.',
  fields: (t) => COMMON(t),
});

export const TrackErrorInput = builder.inputType('TrackErrorInput', {
  description: 'An error.',
  fields: (t) => ({
    ...COMMON(t),
    errorMessage: t.string({ required: true, description: 'What it said.' }),
    errorType: t.string({ description: 'What kind of error.' }),
    errorStack: t.string({ description: 'Where it happened.' }),
    recoverable: t.boolean({ description: 'Whether the agent can go on.' }),
    recoveryAction: t.string({ description: 'What it does about it.' }),
    toolName: t.string({ description: 'The tool that failed.' }),
    toolError: t.field({ type: 'JSON', description: 'The error in full.' }),
  }),
});

export const EventInput = builder.inputType('EventInput', {
  description: 'One event of a batch: exactly one of these.',
  isOneOf: true,
  fields: (t) => ({
    toolCall: t.field({ type: TrackToolCallInput, description: 'A tool call.' }),
    decision: t.field({ type: TrackDecisionInput, description: 'A decision.' }),
    llmCall: t.field({ type: TrackLlmCallInput, description: 'A call of a language model.' }),
    stateChange: t.field({ type: TrackStateChangeInput, description: 'A change of state.' }),
    error: t.field({ type: TrackErrorInput, description: 'An error.' }),
    json: t.field({
      type: 'JSON',
      description: 'An event of any kind as POST /api/sdk/events takes it: an object with an eventType. What has no field is kept in metadata; what is wrong with it fails this item alone.',
    }),
  }),
});

/** The kind of event that each member of EventInput but `json` stands for. */
export const EVENT_KINDS = { toolCall: 'tool_call', decision: 'llm_decision', llmCall: 'llm_call', stateChange: 'state_change', error: 'error' } as const;
const MEMBERS = Object.keys(EVENT_KINDS) as (keyof typeof EVENT_KINDS)[];

/** An event of one kind, as the domain takes it. */
export const asInput = (eventType: string, input: { clientTimestamp?: Date | null | undefined }) => ({ ...input, eventType, clientTimestamp: input.clientTimestamp?.toISOString() });

/** The one that a batch's item holds. */
export function oneOf(input: typeof EventInput.$inferInput): unknown {
  for (const member of MEMBERS) {
    const tracked = input[member];
    if (tracked) return asInput(EVENT_KINDS[member], tracked);
  }
  return isObject(input.json) ? eventFromWire(input.json) : input.json;
}
