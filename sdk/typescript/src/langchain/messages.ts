import { readUsage } from '../tracking/usage.ts';
import type { Usage } from '../tracking/usage.ts';
import { defined, fields, isObject, list, text, textOf } from '../tracking/value.ts';
import type { Fields } from '../tracking/value.ts';

// LangChain's messages, documents and results as plain JSON, and what can be read in them.

const ROLES: Record<string, string> = { human: 'user', ai: 'assistant', AIMessageChunk: 'assistant' };

export type ToolRequest = { id: string | undefined; name: string; input: unknown };

/** `human`, `ai`, `tool`, … of a message; undefined of anything else. */
export function messageType(value: unknown): string | undefined {
  if (!isObject(value)) return undefined;
  const { getType, _getType: older } = value;
  const read = typeof getType === 'function' ? getType : older;
  return typeof read === 'function' ? text((read as () => unknown).call(value)) : undefined;
}

function plainMessage(message: Fields, type: string): Fields {
  const calls = list(message['tool_calls']);
  return defined({
    role: ROLES[type] ?? type,
    content: message['content'],
    tool_calls: calls.length > 0 ? calls : undefined,
    tool_call_id: message['tool_call_id'],
    name: message['name'],
    status: message['status'] === 'error' ? 'error' : undefined,
  });
}

/** The value with LangChain's classes, two levels deep, as plain objects. */
export function plain(value: unknown, depth = 2): unknown {
  const type = messageType(value);
  if (type !== undefined) return plainMessage(value as Fields, type);
  if (depth === 0 || !isObject(value)) return value;
  if (Array.isArray(value)) return value.map((item) => plain(item, depth - 1));
  if (typeof value['pageContent'] === 'string') return defined({ pageContent: value['pageContent'], metadata: value['metadata'], id: value['id'] });
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item, depth - 1)]));
}

/** What the user said, in the input of a chain of any kind. */
export function inputOf(inputs: unknown): unknown {
  const { messages, input, question, query } = fields(inputs);
  const said = lastText(list(messages), 'human');
  return said ?? text(input) ?? text(question) ?? text(query) ?? plain(inputs);
}

/** What a chain of any kind answered. */
export function outputOf(outputs: unknown): unknown {
  if (messageType(outputs) !== undefined) return textOf(fields(outputs)['content']) ?? plain(outputs);
  const { messages, output, answer, text: said, structuredResponse } = fields(outputs);
  if (structuredResponse !== undefined) return structuredResponse;
  return lastText(list(messages), 'ai') ?? text(output) ?? text(answer) ?? text(said) ?? plain(outputs);
}

/** A message of this type, or one in the short forms that LangChain takes: `{ role, content }` and `['user', '…']`. */
function lastText(messages: readonly unknown[], type: 'human' | 'ai'): string | undefined {
  const roles = type === 'human' ? ['human', 'user'] : ['ai', 'assistant'];
  const mine = messages.filter((message) => roles.includes(messageType(message) ?? text(fields(message)['role']) ?? text(list(message)[0]) ?? ''));
  const newest = mine.at(-1);
  return textOf(Array.isArray(newest) ? newest[1] : fields(newest)['content']);
}

/** The name of what runs: given for the run, or that of its class. */
export function nameOf(serialized: unknown, runName: unknown): string | undefined {
  const { name, id } = fields(serialized);
  return text(runName) || text(name) || text(list(id).at(-1));
}

/** The tools that a model asks for. */
export const toolRequests = (message: Fields): ToolRequest[] =>
  list(message['tool_calls'])
    .map(fields)
    .map(({ id, name, args }) => ({ id: text(id), name: text(name) ?? 'unknown', input: args }));

/** What a model thought, where the provider tells it. */
export function thoughtOf(message: Fields): string | undefined {
  const thoughts = list(message['content']).map(fields).flatMap((block) => text(block['thinking']) ?? text(block['reasoning']) ?? summaryOf(block) ?? []);
  const apart = text(fields(message['additional_kwargs'])['reasoning_content']);
  return [...thoughts, ...(apart === undefined ? [] : [apart])].join('\n\n') || undefined;
}

const summaryOf = (block: Fields) => (block['type'] === 'reasoning' ? textOf(block['summary']) : undefined);

/** The tokens of a call, wherever the provider's integration puts them. */
export function usageOf(result: Fields, generation: Fields): Usage | undefined {
  const message = fields(generation['message']);
  const meta = fields(message['response_metadata']);
  const info = fields(generation['generationInfo']);
  const llmOutput = fields(result['llmOutput']);
  const places = [
    message['usage_metadata'],
    llmOutput['tokenUsage'], llmOutput['usage'], llmOutput['estimatedTokenUsage'], llmOutput['usage_metadata'], llmOutput['usageMetadata'],
    meta['usage'], meta['tokenUsage'], meta['usage_metadata'], meta['usageMetadata'], fields(meta['metadata'])['usage'], meta,
    info['usage'], info['usage_metadata'], info['usageMetadata'], info,
  ];
  for (const place of places) {
    const usage = readUsage(place);
    // Streaming, some integrations leave zeros where the counts belong.
    if (usage && (usage.input > 0 || usage.output > 0 || usage.cacheRead > 0)) return usage;
  }
  return undefined;
}
