import { isObject, textOf, fields } from '../tracking/value.ts';
import { watched } from '../tracking/iterate.ts';
import type { AgentRun } from './agent-run.ts';

/** The prompt, a text or a stream of messages, as it is; the run is told the user's words as they go by. */
export function watchedPrompt(prompt: unknown, run: AgentRun): unknown {
  if (typeof prompt === 'string') {
    run.asked(prompt);
    return prompt;
  }
  if (!isObject(prompt) || !(Symbol.asyncIterator in prompt)) return prompt;
  const messages = prompt as unknown as AsyncIterable<unknown>;
  const nothing = () => undefined;
  const watcher = { item: (message: unknown) => run.asked(wordsOf(message)), end: nothing, fail: nothing, close: nothing };
  return { [Symbol.asyncIterator]: () => watched(messages[Symbol.asyncIterator](), watcher) };
}

const wordsOf = (message: unknown) => textOf(fields(fields(message)['message'])['content']);
