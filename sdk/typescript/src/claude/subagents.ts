import type { Recorder } from '../tracking/attempt.ts';
import { beginSession } from '../tracking/run.ts';
import type { RunOptions } from '../tracking/run.ts';
import { defined, fields, list, number, text, textOf, title } from '../tracking/value.ts';
import type { Fields } from '../tracking/value.ts';
import type { ToolCalls } from './tool-calls.ts';

type Subagent = {
  sessionId: string;
  startedAt: number;
  /** Goes on after the tool call that started it has returned. */
  inBackground: boolean;
  /** The message that says how it ended. */
  notification?: Fields;
};

type Ending = { output: unknown; figures: Fields; failure?: string | undefined; stopped?: boolean };

/** The subagents of a run, by the tool call that started them; each is a session under the one that asked for it. */
export class Subagents {
  readonly #options: RunOptions;
  readonly #tools: ToolCalls;
  readonly #open = new Map<string, Subagent>();
  /** Those that ended, so that a late message does not begin them anew. */
  readonly #ended = new Map<string, string>();

  constructor(options: RunOptions, tools: ToolCalls) {
    this.#options = options;
    this.#tools = tools;
  }

  /** The id of a subagent's session, which begins with the first message that tells of it. */
  begin(toolUseId: string, runSessionId: string, message: Fields): string {
    const known = this.#open.get(toolUseId)?.sessionId ?? this.#ended.get(toolUseId);
    if (known !== undefined) return known;
    const call = this.#tools.get(toolUseId);
    const input = fields(call?.input);
    const agentName = text(input['subagent_type']) ?? text(message['subagent_type']) ?? 'subagent';
    const prompt = text(input['prompt']) ?? text(message['prompt']);
    const sessionId = beginSession(this.#options, {
      name: title(text(input['description']) ?? text(message['description']) ?? prompt ?? '') || agentName,
      agentName,
      parentSessionId: call?.sessionId ?? runSessionId,
      userInput: prompt,
      metadata: { parentToolUseId: toolUseId },
    });
    this.#open.set(toolUseId, { sessionId, startedAt: performance.now(), inBackground: false });
    return sessionId;
  }

  /** The tool call that started a subagent has its result: the end of the subagent, unless it works in the background. */
  answered(recorder: Recorder, result: Fields, details: unknown): string | undefined {
    const toolUseId = text(result['tool_use_id']) ?? '';
    const subagent = this.#open.get(toolUseId);
    if (!subagent) return this.#ended.get(toolUseId);
    const { isAsync, status, content, totalTokens, totalToolUseCount } = fields(details);
    if (isAsync === true || status === 'async_launched') {
      subagent.inBackground = true;
      if (subagent.notification) this.#endNotified(recorder, toolUseId, subagent);
      return subagent.sessionId;
    }
    // The model is handed the report with remarks in front of it.
    const report = textOf(list(content).at(-1) === undefined ? undefined : [list(content).at(-1)]) ?? text(subagent.notification?.['summary']) ?? textOf(result['content']);
    const failure = result['is_error'] === true ? (textOf(result['content']) ?? 'failed') : undefined;
    this.#end(recorder, toolUseId, subagent, { output: report, figures: { totalTokens, toolUses: totalToolUseCount }, failure });
    return subagent.sessionId;
  }

  /** A `task_notification`: how a subagent ended. */
  notified(recorder: Recorder, message: Fields): void {
    const toolUseId = text(message['tool_use_id']) ?? '';
    const subagent = this.#open.get(toolUseId);
    if (!subagent) return;
    subagent.notification = message;
    if (subagent.inBackground) this.#endNotified(recorder, toolUseId, subagent);
  }

  abandon(recorder: Recorder, reason: string): void {
    for (const [toolUseId, subagent] of [...this.#open]) {
      if (subagent.notification) this.#endNotified(recorder, toolUseId, subagent);
      else this.#end(recorder, toolUseId, subagent, { output: undefined, figures: {}, failure: reason, stopped: true });
    }
  }

  #endNotified(recorder: Recorder, toolUseId: string, subagent: Subagent): void {
    const { status, summary, usage } = subagent.notification!;
    const said = text(summary);
    const figures = { totalTokens: fields(usage)['total_tokens'], toolUses: fields(usage)['tool_uses'] };
    if (status === 'completed') this.#end(recorder, toolUseId, subagent, { output: said, figures });
    else this.#end(recorder, toolUseId, subagent, { output: undefined, figures, failure: said ?? String(status), stopped: status !== 'failed' });
  }

  /** Its tokens stay in the metadata: those of the run include them. */
  #end(recorder: Recorder, toolUseId: string, { sessionId, startedAt }: Subagent, { output, figures, failure, stopped }: Ending): void {
    this.#open.delete(toolUseId);
    this.#ended.set(toolUseId, sessionId);
    this.#tools.abandon(recorder, failure ?? 'the subagent ended first', sessionId);
    recorder.completeSession(
      defined({
        sessionId,
        success: failure === undefined,
        failureReason: failure,
        status: stopped ? ('cancelled' as const) : undefined,
        assistantOutput: output,
        durationMs: Math.round(performance.now() - startedAt),
        metadata: defined({ totalTokens: number(figures['totalTokens']), toolUses: number(figures['toolUses']) }),
      }),
    );
  }
}
