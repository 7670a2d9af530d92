import type { ModelOptions } from '../tracking/model-call.ts';
import type { Fields } from '../tracking/value.ts';
import { generating, streaming } from './calls.ts';

export type { Usage } from '../tracking/usage.ts';
export type AISDKOptions = ModelOptions;

const CALLS = { generateText: generating, generateObject: generating, streamText: streaming, streamObject: streaming };

/**
 * The AI SDK with `generateText`, `streamText`, `generateObject` and `streamObject` recorded. Each call of one of them
 * is a session (or belongs to the session of `sessionId`); each call of a model and of a tool in it is an event, with
 * tokens, durations and errors. What you pass and what you get stay as they are, callbacks and errors too, and trouble
 * with recording never reaches you.
 *
 * ```ts
 * import * as ai from 'ai';
 * const { generateText, streamText } = wrapAISDK(ai, { client: new SentrialClient() });
 * ```
 *
 * The session of a stream ends with the stream, so read it to its end, or abort it by its `abortSignal`; the AI SDK tells
 * nobody of a stream that is no longer read. `defaultAgent` is the `functionId` of the
 * call's telemetry settings by default, else `ai-sdk`.
 */
export function wrapAISDK<AI extends object>(ai: AI, options: AISDKOptions): AI {
  const wrapped = { ...(ai as unknown as Fields) };
  for (const [name, track] of Object.entries(CALLS)) {
    const original = wrapped[name];
    if (typeof original === 'function') wrapped[name] = track(name, original as (params: Fields) => unknown, options, wrapped['gateway']);
  }
  return wrapped as unknown as AI;
}
