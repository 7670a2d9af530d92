import { newEventId } from '../ids.ts';
import type { Recorder } from '../tracking/attempt.ts';
import type { TrackToolCallParams } from '../types.ts';
import { defined, fields, list, text, textOf } from '../tracking/value.ts';
import type { Fields } from '../tracking/value.ts';

export type ToolCall = {
  /** The tool use's id, which its result names. */
  id: string;
  name: string;
  input: unknown;
  sessionId: string;
  reasoning?: string | undefined;
  /** Of the message that carries it. */
  messageUuid?: string | undefined;
  startedAt: number;
};

/** The tool calls that wait for their results; each is recorded once, when its result comes or none will. */
export class ToolCalls {
  readonly #open = new Map<string, ToolCall>();

  begin(call: Omit<ToolCall, 'startedAt'>): void {
    this.#open.set(call.id, { ...call, startedAt: performance.now() });
  }

  get(id: string): ToolCall | undefined {
    return this.#open.get(id);
  }

  /** Forgets the calls of a message that was taken back. */
  withdraw(messageUuid: string): void {
    for (const call of this.#open.values()) if (call.messageUuid === messageUuid) this.#open.delete(call.id);
  }

  /** Records a call with its result. Results of calls that are not open are those of earlier runs. */
  finish(recorder: Recorder, result: Fields, metadata?: Fields): void {
    const call = this.#open.get(text(result['tool_use_id']) ?? '');
    if (!call) return;
    const content = result['content'];
    const failed = result['is_error'] === true || isErrorBlock(content);
    const output = onlyText(content) ? textOf(content) : content;
    this.#record(recorder, call, failed ? { status: 'error', toolError: { message: messageOf(content) } } : { status: 'success', toolOutput: output }, metadata);
  }

  /** Records the open calls of one session, or of all, as failed. */
  abandon(recorder: Recorder, reason: string, sessionId?: string): void {
    for (const call of [...this.#open.values()]) {
      if (sessionId !== undefined && call.sessionId !== sessionId) continue;
      this.#record(recorder, call, { status: 'error', toolError: { type: 'Interrupted', message: `No result came: ${reason}` } });
    }
  }

  #record(recorder: Recorder, call: ToolCall, outcome: Pick<TrackToolCallParams, 'status' | 'toolOutput' | 'toolError'>, metadata?: Fields): void {
    this.#open.delete(call.id);
    recorder.trackToolCall(
      defined({
        id: newEventId(),
        sessionId: call.sessionId,
        toolName: call.name,
        toolInput: call.input,
        reasoning: call.reasoning,
        durationMs: Math.round(performance.now() - call.startedAt),
        metadata: { toolUseId: call.id, ...metadata },
        ...outcome,
      }),
    );
  }
}

const onlyText = (content: unknown) => typeof content === 'string' || (list(content).length > 0 && list(content).every((block) => fields(block)['type'] === 'text'));

/** A tool that the API runs says its errors in a block: `{ type: 'web_search_tool_result_error', error_code }`. */
const isErrorBlock = (content: unknown) => text(fields(content)['type'])?.endsWith('_error') === true;

const messageOf = (content: unknown) => textOf(content) ?? text(fields(content)['error_code']) ?? JSON.stringify(content) ?? 'failed';
