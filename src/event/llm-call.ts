import { plain } from '../json-text.ts';
import { isObject } from '../wire.ts';
import type { WireObject } from '../wire.ts';
import type { EventInput } from './input.ts';

/**
 * The Sentrial wire has no event type for LLM calls: SDKs send a tool call named `llm:<provider>:<model>` with
 * toolInput { messages, model, provider } and toolOutput { content, tokens: { prompt, completion, total }, cost_usd }.
 * Such an event is an LLM call here; it keeps its tool name, which is how the REST door knows to answer `tool_call`.
 */
const LLM_TOOL = /^llm:([^:]*):(.+)$/s;

function fields(payload: unknown): WireObject {
  const value = plain(payload);
  return isObject(value) ? value : {};
}
const tokens = (...candidates: unknown[]) => candidates.find((value): value is number => Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 2_147_483_647);

/** Recognises the convention; every other event comes back as it is. What the event says itself is never overwritten. */
export function recogniseLlmCall(event: EventInput): EventInput {
  const match = event.eventType === 'tool_call' && event.toolName ? LLM_TOOL.exec(event.toolName) : null;
  if (!match) return event;
  const used = fields(fields(event.toolOutput)['tokens']);
  const metadata = fields(event.metadata);
  const promptTokens = event.promptTokens ?? tokens(used['prompt'], metadata['prompt_tokens']);
  const completionTokens = event.completionTokens ?? tokens(used['completion'], metadata['completion_tokens']);
  return {
    ...event,
    eventType: 'llm_call',
    model: event.model ?? match[2],
    promptTokens,
    completionTokens,
    totalTokens: event.totalTokens ?? tokens(used['total']),
  };
}

/** What the model was given: `prompt`, or the messages of the tool call that stood for it. */
export const promptOf = (event: { prompt: unknown; toolInput: unknown }) => event.prompt ?? fields(event.toolInput)['messages'] ?? event.toolInput ?? null;

/** What the model answered: `response`, or the content of the tool call that stood for it. */
export function responseOf(event: { response: unknown; toolOutput: unknown }): unknown {
  const output = fields(event.toolOutput);
  return event.response ?? output['content'] ?? output['messages'] ?? event.toolOutput ?? null;
}

/** The event type as the REST wire names it. */
export const wireEventType = (event: { eventType: string; toolName?: string | null | undefined }) =>
  event.eventType === 'llm_call' && event.toolName ? 'tool_call' : event.eventType;

/** The same of a row, as SQL. */
export const wireEventTypeOf = (row: string) => `CASE WHEN ${row}.event_type = 'llm_call' AND ${row}.tool_name <> '' THEN 'tool_call' ELSE ${row}.event_type END`;
