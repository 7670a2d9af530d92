import { attempt } from '../tracking/attempt.ts';
import type { TrackingClient } from '../tracking/attempt.ts';
import type { ModelAnswer, ModelCall, ModelRequest } from '../tracking/model-call.ts';
import { readUsage } from '../tracking/usage.ts';
import { defined, fields, isObject, lastUserText, list, text } from '../tracking/value.ts';
import type { Fields } from '../tracking/value.ts';

type Tracking = {
  client: TrackingClient;
  /** Where a model that is given by its name comes from, unless the program says otherwise. */
  gateway: unknown;
  open: (request: ModelRequest) => ModelCall;
  /** A stream began. */
  streaming: () => void;
  /** It ended, one way or another. */
  streamed: () => void;
  /** Its reader stopped before the end. */
  closed: () => void;
};

type Method = (options: unknown) => Promise<unknown>;

/** The model with each of its calls recorded, whichever version of the specification it follows. */
export function trackedModel(model: unknown, tracking: Tracking): unknown {
  const resolved = attempt(tracking.client, () => (typeof model === 'string' ? named(model, tracking.gateway) : model)) ?? model;
  if (!isObject(resolved)) return model;
  return new Proxy(resolved, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key, target);
      if (typeof value !== 'function') return value;
      const method = (value as Method).bind(target);
      if (key === 'doGenerate') return (options: unknown) => called(target, options, tracking, method, (call, result) => void call.answered(generated(result)));
      if (key === 'doStream') return (options: unknown) => called(target, options, tracking, method, (call, result) => ({ ...result, stream: watchedStream(call, result['stream'] as ReadableStream<unknown>, tracking) }));
      return method;
    },
  });
}

/** As the AI SDK looks up a model by its name. */
function named(id: string, gateway: unknown): unknown {
  const provider = fields((globalThis as Fields)['AI_SDK_DEFAULT_PROVIDER'] ?? gateway);
  return typeof provider['languageModel'] === 'function' ? (provider['languageModel'] as (id: string) => unknown)(id) : undefined;
}

async function called(model: Fields, options: unknown, { client, open }: Tracking, method: Method, answered: (call: ModelCall, result: Fields) => Fields | void): Promise<unknown> {
  const call = attempt(client, () => open(request(model, fields(options))));
  try {
    const result = await method(options);
    return (call && attempt(client, () => answered(call, fields(result)))) ?? result;
  } catch (error) {
    call?.failed(error);
    throw error;
  }
}

function request(model: Fields, options: Fields): ModelRequest {
  const { prompt, tools, abortSignal: _, headers: __, ...parameters } = options;
  return {
    provider: text(model['provider']) ?? 'unknown',
    operation: 'chat',
    model: text(model['modelId']) ?? 'unknown',
    prompt,
    userInput: lastUserText(list(prompt)),
    parameters: defined({ ...parameters, tools: Array.isArray(tools) ? tools.map((tool) => fields(tool)['name']) : undefined }),
  };
}

function generated(result: Fields): ModelAnswer {
  const content = contentOf(result).filter((part) => part['text'] !== '');
  const { id, modelId } = fields(result['response']);
  return {
    model: text(modelId),
    response: content,
    text: spoken(content),
    usage: readUsage(result['usage']),
    finishReason: reason(result['finishReason']),
    id: text(id),
  };
}

/** Up to AI SDK 4 a result has its text and its tool calls apart. */
function contentOf({ content, text: said, toolCalls }: Fields): Fields[] {
  if (Array.isArray(content)) return content.map(fields);
  return [...(typeof said === 'string' ? [{ type: 'text', text: said }] : []), ...list(toolCalls).map((call) => ({ type: 'tool-call', ...fields(call) }))];
}

function spoken(content: readonly Fields[]): string | undefined {
  const parts = content.filter((part) => part['type'] === 'text');
  return parts.length > 0 ? parts.map((part) => text(part['text']) ?? '').join('') : undefined;
}

const reason = (finishReason: unknown) => text(finishReason) ?? text(fields(finishReason)['unified']);

/** The same stream with an observer: parts pass through one by one, when they are asked for. */
function watchedStream(call: ModelCall, stream: ReadableStream<unknown>, { client, streaming, streamed, closed }: Tracking): ReadableStream<unknown> {
  const collector = new Collector();
  const reader = stream.getReader();
  const answer = () => attempt(client, () => collector.answer()) ?? {};
  streaming();
  return new ReadableStream<unknown>(
    {
      async pull(controller) {
        try {
          const { done, value } = await reader.read();
          if (done) {
            call.answered(answer());
            streamed();
            return controller.close();
          }
          call.began();
          attempt(client, () => collector.add(fields(value)));
          controller.enqueue(value);
        } catch (error) {
          call.failed(error, answer());
          streamed();
          controller.error(error);
        }
      },
      cancel(why) {
        call.closed(answer());
        streamed();
        closed();
        return reader.cancel(why);
      },
    },
    { highWaterMark: 0 },
  );
}

/** Puts the parts of a streamed answer together. */
class Collector {
  readonly #content: Fields[] = [];
  readonly #growing = new Map<unknown, Fields>();
  #response: Fields = {};
  #finish: Fields = {};
  #error: unknown;

  add(part: Fields): void {
    switch (part['type']) {
      case 'text-delta':
      case 'reasoning-delta':
        return this.#grow(part['type'] === 'text-delta' ? 'text' : 'reasoning', part);
      case 'tool-call':
      case 'tool-result':
      case 'source':
      case 'file':
        this.#content.push(part);
        return;
      case 'response-metadata':
        this.#response = { ...this.#response, ...part };
        return;
      case 'finish':
        this.#finish = part;
        return;
      case 'error':
        this.#error = part['error'] ?? part;
        return;
    }
  }

  answer(): ModelAnswer {
    const { usage, finishReason } = this.#finish;
    const answer = generated({ content: this.#content, response: this.#response, usage, finishReason });
    return this.#error === undefined ? answer : { ...answer, error: this.#error };
  }

  #grow(type: string, { id, delta, textDelta }: Fields): void {
    let part = this.#growing.get(id);
    if (!part || part['type'] !== type) {
      part = { type, text: '' };
      this.#growing.set(id, part);
      this.#content.push(part);
    }
    part['text'] = `${part['text'] as string}${text(delta ?? textDelta) ?? ''}`;
  }
}
