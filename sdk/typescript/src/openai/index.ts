import { trackedClient } from '../tracking/model-client.ts';
import type { ModelOptions } from '../tracking/model-call.ts';
import { chatCompletions } from './chat.ts';
import { embeddings } from './embeddings.ts';
import { responses } from './responses.ts';

export type { Usage } from '../tracking/usage.ts';
export type OpenAIOptions = ModelOptions;

/**
 * The OpenAI client with `chat.completions.create`, `responses.create` and `embeddings.create` recorded, streams and
 * the helpers built upon them (`parse`, `stream`, `runTools`) too. Each call becomes an LLM call in the session of
 * `sessionId`; without one, a session of its own. The client you pass stays as it is; requests, answers and errors
 * pass through unchanged, and trouble with recording never reaches you.
 *
 * ```ts
 * const openai = wrapOpenAI(new OpenAI(), { client: new SentrialClient() });
 * ```
 *
 * Also for clients that speak as OpenAI's do: AzureOpenAI, and others by `baseURL`. Streams of chat completions tell
 * their tokens only with `stream_options: { include_usage: true }`.
 */
export function wrapOpenAI<Client extends object>(openai: Client, options: OpenAIOptions): Client {
  return trackedClient(openai, { 'chat.completions.create': chatCompletions, 'responses.create': responses, 'embeddings.create': embeddings }, options);
}
