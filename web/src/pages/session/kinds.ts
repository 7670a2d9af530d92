import { Bot, CircleAlert, GitBranch, GitCompareArrows, Sparkles, Wrench } from 'lucide-react';
import { oneLine } from '../../ui/plain-text.ts';
import type { EventRow } from './documents.ts';
import type { EventKind } from './live-timeline.ts';

/** How each kind of event is named and marked; its colour is in session.css. */
export const KINDS: Readonly<Record<EventKind, { name: string; plural: string; className: string; Icon: typeof Wrench }>> = {
  TOOL_CALL: { name: 'Tool call', plural: 'Tools', className: 'kind-tool', Icon: Wrench },
  LLM_DECISION: { name: 'Decision', plural: 'Decisions', className: 'kind-decision', Icon: GitBranch },
  LLM_CALL: { name: 'LLM call', plural: 'LLM calls', className: 'kind-llm', Icon: Sparkles },
  STATE_CHANGE: { name: 'State change', plural: 'State', className: 'kind-state', Icon: GitCompareArrows },
  ERROR: { name: 'Error', plural: 'Errors', className: 'kind-error', Icon: CircleAlert },
};
export const SESSION_ICON = Bot;

export const isKind = (value: string): value is EventKind => value in KINDS;

/** What a row says: a title, and what explains it. */
export function summaryOf(event: EventRow): { title: string; more: string } {
  switch (event.__typename) {
    case 'ToolCallEvent':
      return { title: event.toolName ?? 'tool call', more: errorText(event.toolError) };
    case 'LlmDecisionEvent':
      return { title: event.chosen ?? 'Decision', more: oneLine(event.reasoning) };
    case 'LlmCallEvent':
      return { title: event.model ?? 'model', more: errorText(event.toolError) };
    case 'StateChangeEvent':
      return { title: 'State changed', more: oneLine(event.reasoning) };
    case 'ErrorEvent':
      return { title: event.errorType ?? 'Error', more: oneLine(event.errorMessage) };
  }
}

const words = new WeakMap<EventRow, string>();

/** All that a row knows of its event, in lower case, for the search. */
export function wordsOf(event: EventRow): string {
  const known = words.get(event);
  if (known !== undefined) return known;
  const { title } = summaryOf(event);
  const why = 'reasoning' in event ? event.reasoning : 'errorMessage' in event ? event.errorMessage : JSON.stringify(event.toolError);
  const found = [KINDS[event.eventType].name, title, why, event.id].join('\n').toLowerCase();
  words.set(event, found);
  return found;
}

/** The message of an error as agents send it: text, or an object with a message. */
export function errorText(error: unknown): string {
  if (error !== null && typeof error === 'object' && 'message' in error) return oneLine(error.message);
  return oneLine(error);
}
