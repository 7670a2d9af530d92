import type { Recorder } from '../tracking/attempt.ts';
import { attempt } from '../tracking/attempt.ts';
import { messageOf, toolError } from '../tracking/failure.ts';
import { dollars } from '../tracking/pricing.ts';
import { beginSession } from '../tracking/run.ts';
import type { RunOptions } from '../tracking/run.ts';
import { tokenCounts } from '../tracking/usage.ts';
import { defined, fields, isObject, list, number, text, title } from '../tracking/value.ts';
import type { Fields } from '../tracking/value.ts';
import { Subagents } from './subagents.ts';
import { ToolCalls } from './tool-calls.ts';
import { Totals } from './totals.ts';

/** `defaultAgent` is `claude-agent` by default, `userId` `anonymous`. */
export type ClaudeAgentOptions = RunOptions;

const INTERRUPTED = 'Session interrupted (generator closed early)';
const NO_RESULT = 'Session ended without a result';
/** Of a conversation that never ends the newest prompts are kept. */
const MOST_PROMPTS = 100;

/**
 * One query, as its messages tell it: a session from the first message to the last result. Messages that it does not
 * know are let pass. No method throws.
 */
export class AgentRun {
  readonly #options: RunOptions;
  readonly #startedAt = performance.now();
  readonly #prompts: string[] = [];
  /** Whether the session has all of them. */
  #promptsRecorded = false;
  readonly #tools = new ToolCalls();
  readonly #subagents: Subagents;
  readonly #totals: Totals;
  /** What the agent said and thought in the API message that is under way, by the subagent that it comes from. */
  readonly #words = new Map<string, { messageId: unknown; words: string }>();
  readonly #denials: unknown[] = [];
  #sessionId: string | undefined;
  #claudeSessionId: string | undefined;
  #model: string | undefined;
  #answer: unknown;
  #failureReason: string | undefined;
  #lastResult: Fields = {};
  #apiRetries = 0;
  #compactions = 0;
  /** Whether something was said since the last result. */
  #inTurn = true;
  /** Whether this turn's error has been. */
  #errorRecorded = false;
  #over = false;

  constructor(options: RunOptions, agentOptions: unknown) {
    this.#options = { ...options, defaultAgent: options.defaultAgent ?? 'claude-agent' };
    const { resume, continue: goesOn } = fields(agentOptions);
    this.#totals = new Totals(resume !== undefined || goesOn === true);
    this.#subagents = new Subagents(this.#options, this.#tools);
  }

  /** The user said this. */
  asked(words: string | undefined): void {
    if (words === undefined) return;
    this.#prompts.push(words);
    this.#promptsRecorded = false;
    if (this.#prompts.length > MOST_PROMPTS) this.#prompts.shift();
  }

  message(message: unknown): void {
    if (this.#over || !isObject(message)) return;
    attempt(this.#options.client, (recorder) => this.#message(recorder, message));
  }

  /** The stream came to its end. */
  end(): void {
    this.#finish((recorder) => {
      if (this.#sessionId !== undefined && this.#inTurn) this.#failed(recorder, NO_RESULT);
      else this.#close(recorder, 'the run ended first');
    });
  }

  /** The stream threw. */
  fail(error: unknown): void {
    this.#finish((recorder) => {
      this.#begin({});
      this.#failed(recorder, messageOf(error), error);
    });
  }

  /** The stream was left before its end. After a result there is nothing left to interrupt. */
  interrupt(): void {
    this.#finish((recorder) => {
      if (this.#sessionId === undefined) return;
      if (!this.#inTurn) return this.#close(recorder, 'the run ended first');
      this.#close(recorder, INTERRUPTED);
      this.#failureReason = INTERRUPTED;
      this.#complete(recorder);
    });
  }

  #finish(work: (recorder: Recorder) => void): void {
    if (this.#over) return;
    this.#over = true;
    attempt(this.#options.client, work);
  }

  #message(recorder: Recorder, message: Fields): void {
    this.#claudeSessionId = text(message['session_id']) || this.#claudeSessionId;
    switch (message['type']) {
      case 'system':
        return this.#system(recorder, message);
      case 'assistant':
        this.#begin({});
        this.#beginTurn();
        return this.#assistant(recorder, message);
      case 'user':
        this.#begin({});
        // A replay is of an earlier run, or of what was said before a compaction.
        if (message['isReplay'] === true) return;
        this.#beginTurn();
        return this.#user(recorder, message);
      case 'result':
        this.#begin({});
        return this.#result(recorder, message);
    }
  }

  #system(recorder: Recorder, message: Fields): void {
    switch (message['subtype']) {
      case 'init':
        this.#begin(message);
        return this.#beginTurn();
      case 'task_started':
        if (text(message['tool_use_id'])) this.#subagents.begin(text(message['tool_use_id'])!, this.#begin({}), message);
        return;
      case 'task_notification':
        return this.#subagents.notified(recorder, message);
      case 'api_retry':
        this.#apiRetries += 1;
        return;
      case 'compact_boundary':
        this.#compactions += 1;
        return;
    }
  }

  /** The id of the session; it begins with the first message, which says what the agent is. */
  #begin(init: Fields): string {
    this.#model ??= text(init['model']);
    return (this.#sessionId ??= beginSession(this.#options, {
      name: title(this.#prompts[0] ?? '') || this.#options.defaultAgent!,
      userInput: this.#userInput(),
      metadata: defined({
        claudeSessionId: this.#claudeSessionId,
        model: this.#model,
        cwd: text(init['cwd']),
        permissionMode: text(init['permissionMode']),
        claudeCodeVersion: text(init['claude_code_version']),
      }),
    }));
  }

  #beginTurn(): void {
    this.#inTurn = true;
    this.#errorRecorded = false;
  }

  /** What the session does not have yet. */
  #userInput(): unknown {
    if (this.#promptsRecorded) return undefined;
    this.#promptsRecorded = true;
    return this.#prompts.length > 1 ? [...this.#prompts] : this.#prompts[0];
  }

  /** Where what a message says belongs: to the run, or to the subagent that it comes from. */
  #sessionOf(message: Fields): string {
    const parent = text(message['parent_tool_use_id']);
    return parent ? this.#subagents.begin(parent, this.#sessionId!, message) : this.#sessionId!;
  }

  #assistant(recorder: Recorder, message: Fields): void {
    for (const uuid of list(message['supersedes'])) this.#tools.withdraw(String(uuid));
    const sessionId = this.#sessionOf(message);
    const { id: messageId, content, model } = fields(message['message']);
    const said = this.#wordsOf(text(message['parent_tool_use_id']) ?? '', messageId);
    if (!message['parent_tool_use_id'] && model !== '<synthetic>') this.#model ??= text(model);
    for (const block of list(content).map(fields)) {
      const type = text(block['type']) ?? '';
      if (type === 'text' || type === 'thinking') said.words = [said.words, text(block[type]) ?? ''].filter(Boolean).join('\n\n');
      // An API call's text and each of its tool uses come as messages of their own; `server_tool_use` and its results in one.
      else if (type.endsWith('tool_use')) this.#tools.begin({ id: text(block['id']) ?? '', name: text(block['name']) ?? 'unknown', input: block['input'], sessionId, reasoning: said.words || undefined, messageUuid: text(message['uuid']) });
      else if (type.endsWith('tool_result')) this.#tools.finish(recorder, block);
    }
  }

  #wordsOf(parent: string, messageId: unknown) {
    const before = this.#words.get(parent);
    if (before && before.messageId === messageId) return before;
    const now = { messageId, words: '' };
    this.#words.set(parent, now);
    return now;
  }

  #user(recorder: Recorder, message: Fields): void {
    this.#sessionOf(message);
    const results = list(fields(message['message'])['content']).map(fields).filter((block) => block['type'] === 'tool_result');
    for (const result of results) {
      const childSessionId = this.#subagents.answered(recorder, result, results.length === 1 ? message['tool_use_result'] : undefined);
      this.#tools.finish(recorder, result, childSessionId === undefined ? undefined : { childSessionId });
    }
  }

  /** Ends the session. More may follow: a turn that the user asks for, or one that a background task brings about. */
  #result(recorder: Recorder, result: Fields): void {
    this.#inTurn = false;
    this.#lastResult = result;
    this.#totals.add(result);
    for (const denial of list(result['permission_denials']).map(fields)) this.#denials.push({ toolName: denial['tool_name'], toolUseId: denial['tool_use_id'] });
    const failed = result['is_error'] === true || result['subtype'] !== 'success';
    if (failed) return this.#failed(recorder, list(result['errors']).join('; ') || text(result['result']) || String(result['subtype']));
    this.#answer = text(result['result']) || result['structured_output'] || this.#answer;
    this.#tools.abandon(recorder, 'the turn ended first', this.#sessionId);
    // What is left out stays as it is, so a reason of an earlier turn is overwritten.
    this.#failureReason = this.#failureReason === undefined ? undefined : '';
    this.#complete(recorder);
  }

  #failed(recorder: Recorder, reason: string, error?: unknown): void {
    this.#failureReason = reason;
    if (this.#over) this.#close(recorder, reason);
    else this.#tools.abandon(recorder, reason, this.#sessionId);
    // After a result that says why it failed, the stream throws the same again.
    if (!this.#errorRecorded) {
      this.#errorRecorded = true;
      const { message, type, stack_trace: stackTrace } = toolError(error ?? reason);
      recorder.trackError(defined({ sessionId: this.#sessionId!, errorMessage: message, errorType: type ?? text(this.#lastResult['subtype']), stackTrace, recoverable: false }));
    }
    this.#complete(recorder);
  }

  /** Nothing more will come: ends what is still open. */
  #close(recorder: Recorder, reason: string): void {
    this.#tools.abandon(recorder, reason);
    this.#subagents.abandon(recorder, reason);
  }

  #complete(recorder: Recorder): void {
    const { usage, cost, byModel, apiDurationMs, turns } = this.#totals;
    recorder.completeSession(
      defined({
        sessionId: this.#sessionId!,
        success: !this.#failureReason,
        failureReason: this.#failureReason,
        userInput: this.#userInput(),
        assistantOutput: this.#answer,
        ...tokenCounts(usage),
        estimatedCost: cost === undefined ? undefined : dollars(cost),
        durationMs: Math.round(performance.now() - this.#startedAt),
        metadata: defined({
          claudeSessionId: this.#claudeSessionId,
          model: this.#model,
          usage,
          modelUsage: byModel.size > 0 ? Object.fromEntries([...byModel].map(([model, { usage: used, cost: spent }]) => [model, { usage: used, cost: dollars(spent) }])) : undefined,
          apiDurationMs,
          turns: turns || undefined,
          stopReason: text(this.#lastResult['stop_reason']),
          terminalReason: text(this.#lastResult['terminal_reason']),
          apiErrorStatus: number(this.#lastResult['api_error_status']),
          permissionDenials: this.#denials.length > 0 ? this.#denials : undefined,
          apiRetries: this.#apiRetries || undefined,
          compactions: this.#compactions || undefined,
        }),
      }),
    );
  }
}
