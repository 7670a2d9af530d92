import { z } from 'zod';
import { Id, Json, LONGEST_DURATION } from '../store/validate.ts';
import { isObject, keepRest, sortFields, spellings } from '../wire.ts';
import type { WireObject } from '../wire.ts';
import { EVENT_TYPES, EventInput } from './input.ts';

const KNOWN = spellings(Object.keys(EventInput.shape), {
  type: 'eventType',
  tokenCount: 'totalTokens',
  tokensUsed: 'totalTokens',
  cost: 'estimatedCost',
  alternatives: 'alternativesConsidered',
  stackTrace: 'errorStack',
  timestamp: 'clientTimestamp',
});

/** What earlier generations called kinds of event. */
export const LEGACY_TYPES = new Map([['decision', 'llm_decision']]);

/** The input with what the wire takes beside it; for OpenAPI. */
export const EventBody = EventInput.extend({
  eventType: z.enum([...EVENT_TYPES, ...LEGACY_TYPES.keys()]).describe('What happened.'),
  alternativesConsidered: z.union([z.array(Json), z.string()]).nullish().describe('Other options the agent considered.'),
  parentEventId: Id.or(z.literal('')).nullish().describe('The event this one belongs to.'),
});

/** What any generation of Sentrial clients sends, as the domain's input: camelCase or snake_case, flat or under `data`. */
export function eventFromWire(sent: WireObject): WireObject {
  const { fields, rest } = sortFields(flattened(sent), KNOWN);
  const { eventType, alternativesConsidered, metadata, toolError } = fields;
  if (typeof eventType === 'string') fields['eventType'] = LEGACY_TYPES.get(eventType) ?? eventType;
  if (fields['parentEventId'] === '') delete fields['parentEventId'];
  if (typeof alternativesConsidered === 'string') fields['alternativesConsidered'] = [alternativesConsidered];
  if (isObject(metadata) && fields['durationMs'] === undefined) {
    const duration = metadata['duration_ms'] ?? metadata['durationMs'];
    if (typeof duration === 'number' && duration >= 0 && duration <= LONGEST_DURATION) fields['durationMs'] = duration;
  }
  if (eventType === 'error') {
    const error: WireObject = isObject(toolError) ? toolError : typeof toolError === 'string' ? { message: toolError } : {};
    fillText(fields, 'errorMessage', error['message']);
    fillText(fields, 'errorType', error['type']);
    fillText(fields, 'errorStack', error['stack_trace'] ?? error['stackTrace'] ?? error['stack']);
  }
  const kept = keepRest(metadata, rest);
  if (kept !== undefined) fields['metadata'] = kept;
  return fields;
}

/** Fields that stand beside `data` in the form where the others stand in it. */
const BESIDE_DATA = new Set(['id', 'sessionId', 'eventType', 'clientTimestamp', 'metadata']);

/** The legacy form has its fields under `data`. Where there are fields beside it, `data` is a field like any unknown one. */
function flattened(sent: WireObject): WireObject {
  const { data, ...beside } = sent;
  const known = Object.keys(beside).map((key) => KNOWN.get(key)).filter((field) => field !== undefined);
  return isObject(data) && known.every((field) => BESIDE_DATA.has(field)) ? { ...data, ...beside } : sent;
}

function fillText(fields: Record<string, unknown>, name: string, value: unknown) {
  if (fields[name] === undefined && typeof value === 'string') fields[name] = value;
}
