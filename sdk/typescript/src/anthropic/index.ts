import { trackedClient } from '../tracking/model-client.ts';
import type { ModelOptions } from '../tracking/model-call.ts';
import { messages } from './messages.ts';

export type { Usage } from '../tracking/usage.ts';
export type AnthropicOptions = ModelOptions;

/**
 * The Anthropic client with `messages.create` recorded, streams and the helpers built upon it (`stream`, `parse`, the
 * tool runner of `beta`) too. Each call becomes an LLM call in the session of `sessionId`; without one, a session of
 * its own. The client you pass stays as it is; requests, answers and errors pass through unchanged, and trouble with
 * recording never reaches you.
 *
 * ```ts
 * const anthropic = wrapAnthropic(new Anthropic(), { client: new SentrialClient() });
 * ```
 *
 * Prompt tokens are all tokens read, those from the cache and into it included; `metadata.usage` tells them apart.
 */
export function wrapAnthropic<Client extends object>(anthropic: Client, options: AnthropicOptions): Client {
  return trackedClient(anthropic, { 'messages.create': messages, 'beta.messages.create': messages }, options);
}
