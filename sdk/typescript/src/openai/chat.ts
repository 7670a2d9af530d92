import type { ModelAnswer } from '../tracking/model-call.ts';
import type { Collector, Operation } from '../tracking/model-client.ts';
import { readUsage } from '../tracking/usage.ts';
import { defined, fields, lastUserText, list, number, text, textOf } from '../tracking/value.ts';
import type { Fields } from '../tracking/value.ts';
import { parameters } from './request.ts';

export const chatCompletions: Operation = {
  request: (body) => ({
    provider: 'openai',
    operation: 'chat.completions',
    model: text(body['model']) ?? 'unknown',
    prompt: [...list(body['messages'])],
    userInput: lastUserText(list(body['messages'])),
    parameters: parameters(body, ['messages']),
  }),
  answer: completion,
  collect: collector,
};

function completion(data: Fields): ModelAnswer {
  const choices = list(data['choices']).map(fields);
  const messages = choices.map((choice) => fields(choice['message']));
  return {
    model: text(data['model']),
    response: messages.length > 1 ? messages : messages[0],
    text: textOf(messages[0]?.['content']),
    usage: readUsage(data['usage']),
    finishReason: text(choices[0]?.['finish_reason']),
    id: text(data['id']),
  };
}

type ToolCall = { id?: string; type: string; function: { name: string; arguments: string } };
type Choice = { content: string; refusal: string; toolCalls: ToolCall[]; finishReason: string | undefined };

function collector(): Collector {
  const choices: Choice[] = [];
  let head: Fields = {};
  let usage: unknown;

  function addTo(choice: Choice, delta: Fields) {
    choice.content += text(delta['content']) ?? '';
    choice.refusal += text(delta['refusal']) ?? '';
    for (const piece of list(delta['tool_calls']).map(fields)) {
      const call = (choice.toolCalls[number(piece['index']) ?? 0] ??= { type: 'function', function: { name: '', arguments: '' } });
      const { name, arguments: more } = fields(piece['function']);
      call.id ??= text(piece['id']);
      call.function.name += text(name) ?? '';
      call.function.arguments += text(more) ?? '';
    }
  }

  return {
    add(chunk) {
      if (head['id'] === undefined) head = chunk;
      usage = chunk['usage'] ?? usage;
      for (const piece of list(chunk['choices']).map(fields)) {
        const choice = (choices[number(piece['index']) ?? 0] ??= { content: '', refusal: '', toolCalls: [], finishReason: undefined });
        addTo(choice, fields(piece['delta']));
        choice.finishReason = text(piece['finish_reason']) ?? choice.finishReason;
      }
    },
    answer() {
      const made = choices.map(({ content, refusal, toolCalls, finishReason }) => ({
        finish_reason: finishReason,
        message: defined({ role: 'assistant', content: content || null, refusal: refusal || undefined, tool_calls: toolCalls.length > 0 ? toolCalls : undefined }),
      }));
      return completion({ ...head, choices: made, usage });
    },
  };
}
