import { attempt } from '../tracking/attempt.ts';
import { ModelCall } from '../tracking/model-call.ts';
import type { ModelOptions } from '../tracking/model-call.ts';
import { closedEarly, failedWith, openRun } from '../tracking/run.ts';
import type { Run } from '../tracking/run.ts';
import { fields, isObject, lastUserText, list, text, title } from '../tracking/value.ts';
import type { Fields } from '../tracking/value.ts';
import { trackedModel } from './model.ts';
import { ToolCalls } from './tools.ts';

type Call = (params: Fields) => unknown;
type Callback = (event: unknown) => unknown;

/** `generateText` or `generateObject`: a promise of the whole result. */
export function generating(name: string, original: Call, options: ModelOptions, gateway: unknown): Call {
  return async (params) => {
    const tracked = attempt(options.client, () => prepare(name, params, options, gateway));
    if (!tracked) return original(params);
    const { run } = tracked;
    try {
      const result = await original(tracked.params);
      attempt(options.client, () => run.end({ success: true, assistantOutput: outputOf(result) }));
      return result;
    } catch (error) {
      run.end(failedWith(error));
      throw error;
    }
  };
}

/** `streamText` or `streamObject`: a result at once, and callbacks when the stream has been read. */
export function streaming(name: string, original: Call, options: ModelOptions, gateway: unknown): Call {
  return (params) => {
    const tracked = attempt(options.client, () => prepare(name, params, options, gateway));
    if (!tracked) return original(params);
    const { run } = tracked;
    const { onFinish, onError, onAbort } = params as Record<string, Callback | undefined>;
    // Without a callback for errors the AI SDK prints them.
    const reported = onError ?? ((event: unknown) => console.error(fields(event)['error']));
    try {
      return original({
        ...tracked.params,
        onFinish: before(onFinish, (event) => attempt(options.client, () => end(run, event))),
        onError: before(reported, (event) => run.end(failedWith(fields(event)['error']))),
        ...(name === 'streamText' ? { onAbort: before(onAbort, () => run.end(closedEarly)) } : {}),
      });
    } catch (error) {
      run.end(failedWith(error));
      throw error;
    }
  };
}

/** An object that does not fit its schema is told as the end of the stream, with an error. */
function end(run: Run, event: unknown): void {
  const { error } = fields(event);
  run.end(error === undefined ? { success: true, assistantOutput: outputOf(event) } : failedWith(error));
}

/** The callback with something done before it. */
function before(callback: Callback | undefined, work: Callback): Callback {
  return (event) => {
    work(event);
    return callback?.(event);
  };
}

/** The whole answer: a text or an object. Getters of a result may throw where it has neither. */
function outputOf(result: unknown): unknown {
  const { object, text: said } = fields(result);
  return object ?? said;
}

/** Opens the run of a call, and has its models and tools report to it. */
function prepare(name: string, params: Fields, options: ModelOptions, gateway: unknown): { run: Run; params: Fields } {
  const { model, tools, prompt, messages, prepareStep, onStepFinish } = params;
  const userInput = text(prompt) ?? lastUserText(list(messages ?? prompt));
  const functionId = text(fields(params['telemetry'] ?? params['experimental_telemetry'])['functionId']);
  const once = openRun(
    { ...options, defaultAgent: options.defaultAgent ?? functionId ?? 'ai-sdk' },
    { name: title(userInput ?? '') || (functionId ?? name), userInput, metadata: { function: name, model: text(model) ?? fields(model)['modelId'], provider: fields(model)['provider'] } },
  );
  const run = endingOnce(once);
  const open = (request: ConstructorParameters<typeof ModelCall>[1]) => new ModelCall(options, request, { sessionId: run.sessionId, end: () => undefined });
  const calls = new ToolCalls(options.client, run.sessionId);
  const tracking = { client: options.client, gateway, open, streaming: () => calls.hold(), streamed: () => calls.release(), closed: () => run.end(closedEarly) };
  const track = (given: unknown) => trackedModel(given, tracking);
  const tracked: Fields = { ...params, model: track(model) };
  if (isObject(tools)) tracked['tools'] = calls.tracked(tools);
  // streamObject and generateObject have no steps.
  if (name.endsWith('Text')) tracked['onStepFinish'] = before(onStepFinish as Callback | undefined, (step) => attempt(options.client, () => calls.recordStep(fields(step))));
  if (typeof prepareStep === 'function') {
    tracked['prepareStep'] = async (state: unknown) => {
      const step: unknown = await (prepareStep as Callback)(state);
      return isObject(step) && step['model'] !== undefined ? { ...step, model: track(step['model']) } : step;
    };
  }
  return { run, params: tracked };
}

/** An error comes before the end that follows it, and decides. */
function endingOnce(run: Run): Run {
  let over = false;
  return {
    sessionId: run.sessionId,
    end(outcome) {
      if (over) return;
      over = true;
      run.end(outcome);
    },
  };
}
