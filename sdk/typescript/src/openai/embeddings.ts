import type { Operation } from '../tracking/model-client.ts';
import { readUsage } from '../tracking/usage.ts';
import { fields, list, text } from '../tracking/value.ts';
import { parameters } from './request.ts';

/** The vectors themselves are not recorded: they are large and say nothing to a reader. */
export const embeddings: Operation = {
  request: (body) => ({ provider: 'openai', operation: 'embeddings', model: text(body['model']) ?? 'unknown', prompt: body['input'], parameters: parameters(body, ['input']) }),
  answer(data) {
    const vectors = list(data['data']).map((item) => fields(item)['embedding']);
    return {
      model: text(data['model']),
      response: { vectors: vectors.length, dimensions: Array.isArray(vectors[0]) ? vectors[0].length : undefined },
      usage: readUsage({ completion_tokens: 0, ...fields(data['usage']) }),
    };
  },
  collect: () => ({ add: () => undefined, answer: () => ({}) }),
};
