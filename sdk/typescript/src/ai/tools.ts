import { attempt } from '../tracking/attempt.ts';
import type { TrackingClient } from '../tracking/attempt.ts';
import { toolError } from '../tracking/failure.ts';
import { watched } from '../tracking/iterate.ts';
import { defined, fields, isObject, list, text } from '../tracking/value.ts';
import type { Fields } from '../tracking/value.ts';

type Execute = (input: unknown, options: unknown) => unknown;
type Outcome = { toolOutput: unknown } | { error: unknown };

/** The tool calls of one run: those that run here are recorded as they end, the others with their step. */
export class ToolCalls {
  readonly #client: TrackingClient;
  readonly #sessionId: string;
  readonly #recorded = new Set<unknown>();
  /** What is to be recorded when the model has said all; undefined while it says nothing. */
  #held: (() => void)[] | undefined;

  constructor(client: TrackingClient, sessionId: string) {
    this.#client = client;
    this.#sessionId = sessionId;
  }

  /** A tool runs while the model still streams. Its call is recorded after that of the model that asked for it. */
  hold(): void {
    this.#held ??= [];
  }

  release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const record of held) record();
  }

  /** The same tools, with what they do recorded. */
  tracked(tools: Fields): Fields {
    return Object.fromEntries(Object.entries(tools).map(([name, tool]) => [name, isObject(tool) && typeof tool['execute'] === 'function' ? this.#trackedTool(name, tool) : tool]));
  }

  /** Records what became of calls that did not run here: those of the provider, and those that never ran. */
  recordStep(step: Fields): void {
    for (const part of list(step['content']).map(fields)) {
      const { type, toolName, toolCallId, input, error, output } = part;
      if (type === 'tool-error') this.#record(text(toolName), toolCallId, input, { error });
      if (type === 'tool-result' && part['providerExecuted'] === true) this.#record(text(toolName), toolCallId, input, { toolOutput: output });
    }
  }

  #trackedTool(name: string, tool: Fields): Fields {
    const execute = (input: unknown, options: unknown) => {
      const startedAt = performance.now();
      const { toolCallId } = fields(options);
      const record = (outcome: Outcome) => this.#record(name, toolCallId, input, outcome, Math.round(performance.now() - startedAt));
      let output;
      try {
        output = (tool['execute'] as Execute).call(tool, input, options);
      } catch (error) {
        record({ error });
        throw error;
      }
      return watchedOutput(output, record);
    };
    return Object.assign(Object.create(Object.getPrototypeOf(tool) as object | null) as Fields, tool, { execute });
  }

  #record(toolName: string | undefined, toolCallId: unknown, toolInput: unknown, outcome: Outcome, durationMs?: number): void {
    if (toolCallId !== undefined) {
      if (this.#recorded.has(toolCallId)) return;
      this.#recorded.add(toolCallId);
    }
    const failed = 'error' in outcome;
    const record = () =>
      void attempt(this.#client, (recorder) =>
        recorder.trackToolCall(
          defined({
            sessionId: this.#sessionId,
            toolName: toolName ?? 'unknown',
            toolInput,
            ...(failed ? { status: 'error' as const, toolError: toolError(outcome.error) } : { status: 'success' as const, toolOutput: outcome.toolOutput }),
            durationMs,
            metadata: { toolCallId },
          }),
        ),
      );
    if (this.#held) this.#held.push(record);
    else record();
  }
}

/** What a tool returns: a value, a promise of one, or a stream of preliminary values of which the last one counts. */
function watchedOutput(output: unknown, record: (outcome: Outcome) => void): unknown {
  if (isObject(output) && Symbol.asyncIterator in output) {
    let newest: unknown;
    const source = (output as unknown as AsyncIterable<unknown>)[Symbol.asyncIterator]();
    return watched(source, { item: (item) => void (newest = item), end: () => record({ toolOutput: newest }), fail: (error) => record({ error }), close: () => record({ toolOutput: newest }) });
  }
  if (isObject(output) && typeof output['then'] === 'function') {
    return (output as unknown as Promise<unknown>).then(
      (value) => {
        record({ toolOutput: value });
        return value;
      },
      (error: unknown) => {
        record({ error });
        throw error;
      },
    );
  }
  record({ toolOutput: output });
  return output;
}
