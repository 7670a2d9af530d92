import type { ModelAnswer } from '../tracking/model-call.ts';
import type { Collector, Operation } from '../tracking/model-client.ts';
import { readUsage } from '../tracking/usage.ts';
import { defined, fields, lastUserText, list, number, parsed, text, textOf } from '../tracking/value.ts';
import type { Fields } from '../tracking/value.ts';

export const messages: Operation = {
  request(body) {
    const { model, messages: said, system, tools, ...parameters } = body;
    return {
      provider: 'anthropic',
      operation: 'messages',
      model: text(model) ?? 'unknown',
      prompt: system === undefined ? [...list(said)] : [{ role: 'system', content: system }, ...list(said)],
      userInput: lastUserText(list(said)),
      parameters: Array.isArray(tools) ? { ...parameters, tools: tools.map((tool) => fields(tool)['name']) } : parameters,
    };
  },
  answer: message,
  collect: collector,
};

function message(data: Fields): ModelAnswer {
  return {
    model: text(data['model']),
    response: defined({ role: data['role'], content: data['content'] }),
    text: textOf(data['content']),
    usage: readUsage(data['usage']),
    finishReason: text(data['stop_reason']),
    id: text(data['id']),
  };
}

function collector(): Collector {
  let head: Fields = {};
  let usage: Fields = {};
  let stopReason: unknown;
  const blocks: Fields[] = [];
  /** The JSON of a tool's input, until its block is complete. */
  const inputs = new Map<number, string>();

  function addTo(index: number, delta: Fields) {
    const block = (blocks[index] ??= {});
    if (delta['type'] === 'input_json_delta') inputs.set(index, (inputs.get(index) ?? '') + (text(delta['partial_json']) ?? ''));
    if (delta['type'] === 'text_delta') block['text'] = (text(block['text']) ?? '') + (text(delta['text']) ?? '');
    if (delta['type'] === 'thinking_delta') block['thinking'] = (text(block['thinking']) ?? '') + (text(delta['thinking']) ?? '');
  }

  return {
    add(event) {
      const index = number(event['index']) ?? 0;
      switch (event['type']) {
        case 'message_start':
          head = fields(event['message']);
          usage = { ...fields(head['usage']) };
          break;
        case 'content_block_start':
          blocks[index] = { ...fields(event['content_block']) };
          break;
        case 'content_block_delta':
          addTo(index, fields(event['delta']));
          break;
        case 'message_delta':
          stopReason = fields(event['delta'])['stop_reason'];
          for (const [name, count] of Object.entries(fields(event['usage']))) if (count != null) usage[name] = count;
          break;
      }
    },
    answer() {
      const content = blocks.map((block, index) => (inputs.has(index) ? { ...block, input: parsed(inputs.get(index)!) } : block));
      return message({ ...head, content, usage, stop_reason: stopReason });
    },
  };
}
