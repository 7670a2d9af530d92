import type { ModelAnswer } from '../tracking/model-call.ts';
import type { Collector, Operation } from '../tracking/model-client.ts';
import { readUsage } from '../tracking/usage.ts';
import { fields, isObject, lastUserText, list, text, textOf } from '../tracking/value.ts';
import type { Fields } from '../tracking/value.ts';
import { parameters } from './request.ts';

export const responses: Operation = {
  request(body) {
    const { input, instructions } = body;
    const messages = typeof input === 'string' ? [{ role: 'user', content: input }] : [...list(input)];
    return {
      provider: 'openai',
      operation: 'responses',
      model: text(body['model']) ?? 'unknown',
      prompt: typeof instructions === 'string' ? [{ role: 'system', content: instructions }, ...messages] : messages,
      userInput: lastUserText(messages),
      parameters: parameters(body, ['input', 'instructions']),
    };
  },
  answer: response,
  collect: collector,
};

function response(data: Fields): ModelAnswer {
  const incomplete = text(fields(data['incomplete_details'])['reason']);
  const output = list(data['output']);
  const answer: ModelAnswer = {
    model: text(data['model']),
    response: output.length > 0 ? output : undefined,
    text: textOf(output.flatMap((item) => (fields(item)['type'] === 'message' ? list(fields(item)['content']) : []))),
    usage: readUsage(data['usage']),
    finishReason: incomplete ?? text(data['status']),
    id: text(data['id']),
  };
  return data['status'] === 'failed' ? { ...answer, error: fields(data['error']) } : answer;
}

function collector(): Collector {
  /** As the newest event has it; at the end it is whole. */
  let newest: Fields = {};
  let said = '';
  let error: unknown;
  return {
    add(event) {
      if (isObject(event['response'])) newest = event['response'];
      if (event['type'] === 'response.output_text.delta') said += text(event['delta']) ?? '';
      if (event['type'] === 'error') error = event;
    },
    answer() {
      const whole = response(newest);
      const answer = whole.response !== undefined || said === '' ? whole : { ...whole, text: said, response: [{ type: 'message', role: 'assistant', content: [{ type: 'output_text', text: said }] }] };
      return error === undefined ? answer : { ...answer, error };
    },
  };
}
