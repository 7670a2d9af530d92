import { attempt } from '../tracking/attempt.ts';
import { messageOf, toolError } from '../tracking/failure.ts';
import { llmCall } from '../tracking/model-call.ts';
import type { ModelAnswer, ModelOptions } from '../tracking/model-call.ts';
import { failedWith, openRun } from '../tracking/run.ts';
import type { Recorder } from '../tracking/attempt.ts';
import type { TrackToolCallParams } from '../types.ts';
import { defined, fields, isObject, list, parsed, text, textOf, title } from '../tracking/value.ts';
import type { Fields } from '../tracking/value.ts';
import { inputOf, messageType, nameOf, outputOf, plain, thoughtOf, toolRequests, usageOf } from './messages.ts';
import type { ToolRequest } from './messages.ts';
import { eventOf, Runs } from './runs.ts';
import type { Root, RunNode } from './runs.ts';

export type LangChainOptions = ModelOptions & {
  /** Tells on the console what is recorded. Default: false. */
  verbose?: boolean;
  /** Records what models think, and why they choose a tool, as decisions. Default: true. */
  trackChainOfThought?: boolean;
  /** Records tool calls that fail. Default: true. */
  trackToolErrors?: boolean;
  /** Records the calls of models. Default: true. */
  trackLlmCalls?: boolean;
};

type Metadata = Record<string, unknown> | undefined;
type Tags = string[] | undefined;
type Ended = Extract<RunNode, { kind: 'tool' | 'retriever' }>;

/**
 * Records what LangChain.js and LangGraph do. Pass it as a callback: `agent.invoke(input, { callbacks: [handler] })`.
 * Every run that you start is a session (or belongs to the session of `sessionId`), and ends with it. Calls of models,
 * tools and retrievers are events, also in nested chains, graphs and agents; `parentEventId` says which tool call they
 * belong to. One handler serves any number of runs at once. It never throws, and keeps nobody waiting.
 *
 * The thread of a LangGraph run (`configurable.thread_id`) is its conversation, where `convoId` says nothing else.
 */
export class SentrialCallbackHandler {
  readonly name = 'SentrialCallbackHandler';
  /** What happened is taken down before the run goes on, so nothing is left to wait for at its end. */
  readonly awaitHandlers = true;
  readonly raiseError = false;
  readonly #options: LangChainOptions;
  readonly #runs = new Runs();

  constructor(options: LangChainOptions) {
    this.#options = options;
  }

  // The parameters are those that LangChain passes; its types declare the last ones in another order.
  handleChainStart(chain: unknown, inputs: unknown, runId: string, parentRunId?: string, _tags?: Tags, metadata?: Metadata, _runType?: string, runName?: string): void {
    this.#attempt(() => {
      const name = nameOf(chain, runName) ?? 'chain';
      const root = this.#rootOf(runId, parentRunId, { name, input: inputOf(inputs), metadata });
      this.#runs.add({ kind: 'chain', id: runId, parentId: parentRunId, root, name, inputs, startedAt: performance.now() });
    });
  }

  handleChainEnd(outputs: unknown, runId: string): void {
    this.#attempt((recorder) => {
      const node = this.#runs.end(runId);
      if (!node) return;
      this.#recordRefusedTools(recorder, node.root, outputs);
      this.#endRoot(node, { success: true, assistantOutput: outputOf(outputs) });
    });
  }

  handleChainError(error: unknown, runId: string): void {
    this.#attempt((recorder) => {
      const node = this.#runs.end(runId);
      if (!node) return;
      if (isPause(error)) node.root.interrupted = true;
      else if (node.root.id === runId) this.#failRoot(recorder, node, error);
    });
  }

  handleChatModelStart(model: unknown, messages: unknown, runId: string, parentRunId?: string, extra?: Record<string, unknown>, _tags?: Tags, metadata?: Metadata, runName?: string): void {
    this.#attempt(() => this.#modelStarted(model, list(messages).length > 1 ? plain(messages) : plain(list(messages)[0]), inputOf({ messages: list(messages)[0] }), { runId, parentRunId, extra, metadata, runName }));
  }

  handleLLMStart(model: unknown, prompts: string[], runId: string, parentRunId?: string, extra?: Record<string, unknown>, _tags?: Tags, metadata?: Metadata, runName?: string): void {
    this.#attempt(() => this.#modelStarted(model, prompts.length > 1 ? prompts : prompts[0], prompts[0], { runId, parentRunId, extra, metadata, runName }));
  }

  handleLLMNewToken(_token: string, _index: unknown, runId: string): void {
    this.#tokenCame(runId);
  }

  handleChatModelStreamEvent(_event: unknown, runId: string): void {
    this.#tokenCame(runId);
  }

  handleLLMEnd(output: unknown, runId: string): void {
    this.#attempt((recorder) => {
      const node = this.#runs.end(runId);
      if (node?.kind !== 'model') return;
      const result = fields(output);
      const generation = fields(list(list(result['generations'])[0])[0]);
      const message = fields(generation['message']);
      const answer = answerOf(result, generation);
      this.#recordCall(recorder, node, answer);
      this.#recordThought(recorder, node, message);
      this.#endRoot(node, { success: true, assistantOutput: answer.text ?? answer.response });
    });
  }

  handleLLMError(error: unknown, runId: string): void {
    this.#attempt((recorder) => {
      const node = this.#runs.end(runId);
      if (node?.kind !== 'model') return;
      if (this.#options.trackLlmCalls !== false) {
        this.#recordCall(recorder, node, { error });
        node.root.error = error;
      }
      if (node.root.id === runId) this.#failRoot(recorder, node, error);
    });
  }

  handleToolStart(tool: unknown, input: string, runId: string, parentRunId?: string, _tags?: Tags, metadata?: Metadata, runName?: string, toolCallId?: string): void {
    this.#attempt(() => {
      const name = nameOf(tool, runName) ?? 'tool';
      const given = parsed(input);
      const root = this.#rootOf(runId, parentRunId, { name, input: given, metadata });
      this.#runs.add({ kind: 'tool', id: runId, parentId: parentRunId, root, name, input: given, toolCallId, ...eventOf() });
    });
  }

  handleToolEnd(output: unknown, runId: string): void {
    this.#attempt((recorder) => {
      const node = this.#runs.end(runId);
      if (node?.kind !== 'tool') return;
      const isMessage = messageType(output) === 'tool';
      const { status, content, artifact, tool_call_id: toolCallId } = fields(output);
      const said = isMessage ? (textOf(content) ?? content) : plain(output);
      const outcome = isMessage && status === 'error' ? { status: 'error' as const, toolError: { message: textOf(content) ?? 'failed' } } : { status: 'success' as const, toolOutput: said };
      this.#recordTool(recorder, { ...node, toolCallId: node.toolCallId ?? (isMessage ? text(toolCallId) : undefined) }, outcome, artifact === undefined ? undefined : { artifact: plain(artifact) });
      this.#endRoot(node, { success: outcome.status === 'success', assistantOutput: said });
    });
  }

  handleToolError(error: unknown, runId: string): void {
    this.#attempt((recorder) => {
      const node = this.#runs.end(runId);
      if (node?.kind !== 'tool') return;
      // Not a failure: it runs again when the graph is resumed.
      if (isPause(error)) return void (node.root.interrupted = true);
      this.#recordTool(recorder, node, { status: 'error', toolError: toolError(error) });
      if (this.#options.trackToolErrors !== false) node.root.error = error;
      if (node.root.id === runId) this.#failRoot(recorder, node, error);
    });
  }

  handleRetrieverStart(retriever: unknown, query: string, runId: string, parentRunId?: string, _tags?: Tags, metadata?: Metadata, runName?: string): void {
    this.#attempt(() => {
      const name = nameOf(retriever, runName) ?? 'retriever';
      const root = this.#rootOf(runId, parentRunId, { name, input: query, metadata });
      this.#runs.add({ kind: 'retriever', id: runId, parentId: parentRunId, root, name, input: { query }, ...eventOf() });
    });
  }

  handleRetrieverEnd(documents: unknown, runId: string): void {
    this.#attempt((recorder) => {
      const node = this.#runs.end(runId);
      if (node?.kind !== 'retriever') return;
      const found = plain(documents);
      this.#recordTool(recorder, node, { status: 'success', toolOutput: found }, { kind: 'retriever', documents: list(documents).length });
      this.#endRoot(node, { success: true, assistantOutput: found });
    });
  }

  handleRetrieverError(error: unknown, runId: string): void {
    this.#attempt((recorder) => {
      const node = this.#runs.end(runId);
      if (node?.kind !== 'retriever') return;
      this.#recordTool(recorder, node, { status: 'error', toolError: toolError(error) }, { kind: 'retriever' });
      if (this.#options.trackToolErrors !== false) node.root.error = error;
      if (node.root.id === runId) this.#failRoot(recorder, node, error);
    });
  }

  /** Of agents that decide by text: which tool is next, and why. */
  handleAgentAction(action: unknown, runId: string): void {
    this.#attempt((recorder) => {
      const node = this.#runs.get(runId);
      const { tool, toolInput, log } = fields(action);
      const thought = text(log)?.trim();
      if (!node || !thought || this.#options.trackChainOfThought === false) return;
      node.root.thought = thought;
      this.#recordDecision(recorder, node, { reasoning: thought, chosen: text(tool), metadata: { toolInput: plain(toolInput) } });
    });
  }

  #attempt(work: (recorder: Recorder) => void): void {
    attempt(this.#options.client, work);
  }

  /** Prints what was recorded, where that is wanted. */
  #tell(what: string): void {
    if (this.#options.verbose) console.log(`[sentrial] ${what}`);
  }

  /** The root of the run above; a run that nobody told us of the parent of is a root itself. */
  #rootOf(runId: string, parentRunId: string | undefined, start: { name: string; input: unknown; metadata: Metadata }): Root {
    const above = this.#runs.get(parentRunId);
    if (above) return above.root;
    const { name, input, metadata } = start;
    const { thread_id: thread, lc_agent_name: agentName } = metadata ?? {};
    const { defaultAgent, convoId } = this.#options;
    const options = { ...this.#options, defaultAgent: defaultAgent ?? text(agentName) ?? name, convoId: convoId ?? text(thread) };
    const run = openRun(options, { name: typeof input === 'string' ? title(input) || name : name, userInput: input, metadata: defined({ run: name, ...userMetadata(metadata) }) });
    this.#tell(`session ${run.sessionId}: ${name}`);
    return { id: runId, run, runIds: new Set(), requested: new Map() };
  }

  #endRoot(node: RunNode, outcome: Parameters<Root['run']['end']>[0]): void {
    if (node.root.id !== node.id) return;
    node.root.run.end(node.root.interrupted ? { ...outcome, metadata: { interrupted: true } } : outcome);
    this.#tell(`session ${node.root.run.sessionId}: ${outcome.success ? 'completed' : 'failed'}`);
  }

  #failRoot(recorder: Recorder, node: RunNode, error: unknown): void {
    const { root } = node;
    // What failed below has been recorded; the error came up from there.
    if (root.error !== error) {
      const { message, type, stack_trace: stackTrace } = toolError(error);
      recorder.trackError(defined({ sessionId: root.run.sessionId, errorMessage: message, errorType: type, stackTrace, recoverable: false }));
    }
    this.#endRoot(node, failedWith(error));
  }

  #modelStarted(model: unknown, prompt: unknown, input: unknown, run: { runId: string; parentRunId: string | undefined; extra: Metadata; metadata: Metadata; runName: string | undefined }): void {
    const { runId, parentRunId, metadata } = run;
    const name = nameOf(model, run.runName) ?? 'model';
    const { tools, ...parameters } = fields(fields(run.extra)['invocation_params']);
    const request = {
      provider: text(metadata?.['ls_provider']) ?? name,
      operation: 'chat',
      model: text(metadata?.['ls_model_name']) ?? text(parameters['model']) ?? text(parameters['model_name']) ?? name,
      prompt,
      parameters,
    };
    const offered = list(tools).flatMap((tool) => text(fields(fields(tool)['function'])['name']) ?? text(fields(tool)['name']) ?? []);
    const root = this.#rootOf(runId, parentRunId, { name, input, metadata });
    this.#runs.add({ kind: 'model', id: runId, parentId: parentRunId, root, name, request, offered, ...eventOf() });
  }

  #tokenCame(runId: string): void {
    const node = this.#runs.get(runId);
    if (node?.kind === 'model') node.firstTokenMs ??= Math.round(performance.now() - node.startedAt);
  }

  #recordCall(recorder: Recorder, node: Extract<RunNode, { kind: 'model' }>, answer: ModelAnswer): void {
    if (this.#options.trackLlmCalls === false) return;
    const durationMs = Math.round(performance.now() - node.startedAt);
    const { firstTokenMs, request, root } = node;
    recorder.trackLlmCall({ ...llmCall(request, answer, { options: this.#options, durationMs, firstTokenMs }), ...this.#place(node), id: node.eventId });
    this.#tell(`llm_call ${answer.model ?? request.model}, ${durationMs} ms${answer.error === undefined ? '' : `: ${messageOf(answer.error)}`} in ${root.run.sessionId}`);
  }

  /** Remembers which tools the model asks for, and records why. */
  #recordThought(recorder: Recorder, node: Extract<RunNode, { kind: 'model' }>, message: Fields): void {
    const requests = toolRequests(message);
    const thought = thoughtOf(message);
    const reasoning = [thought, requests.length > 0 ? textOf(message['content']) : undefined].filter(Boolean).join('\n\n') || undefined;
    const parentEventId = this.#runs.parentEvent(node.parentId);
    for (const request of requests) if (request.id !== undefined) node.root.requested.set(request.id, { ...request, reasoning, parentEventId });
    if (reasoning === undefined || this.#options.trackChainOfThought === false) return;
    const chosen = requests.length > 0 ? requests.map(({ name }) => name).join(', ') : 'answer';
    this.#recordDecision(recorder, node, { reasoning, chosen, ...(node.offered.length > 0 ? { alternatives: node.offered } : {}) });
  }

  #recordDecision(recorder: Recorder, node: RunNode, decision: { reasoning: string; chosen?: string | undefined; alternatives?: string[]; metadata?: Fields }): void {
    recorder.trackDecision(defined({ ...decision, ...this.#place(node) }));
    this.#tell(`llm_decision ${decision.chosen ?? ''} in ${node.root.run.sessionId}`);
  }

  #recordTool(recorder: Recorder, node: Ended, outcome: Pick<TrackToolCallParams, 'status' | 'toolOutput' | 'toolError'>, metadata?: Fields): void {
    const { root, name, input, eventId } = node;
    const toolCallId = node.kind === 'tool' ? node.toolCallId : undefined;
    const request = toolCallId === undefined ? undefined : root.requested.get(toolCallId);
    if (toolCallId !== undefined) root.requested.delete(toolCallId);
    const reasoning = request?.reasoning ?? root.thought;
    root.thought = undefined;
    if (outcome.status === 'error' && this.#options.trackToolErrors === false) return;
    recorder.trackToolCall(
      defined({
        id: eventId,
        ...this.#place(node),
        toolName: name,
        toolInput: input,
        reasoning: this.#options.trackChainOfThought === false ? undefined : reasoning,
        durationMs: Math.round(performance.now() - node.startedAt),
        metadata: toolCallId === undefined && !metadata ? undefined : defined({ toolCallId, ...metadata }),
        ...outcome,
      }),
    );
    this.#tell(`tool_call ${name}: ${outcome.status} in ${root.run.sessionId}`);
  }

  /** Tools that were asked for and did not run: unknown ones, and those whose arguments are wrong. Only the answer to the model tells of them. */
  #recordRefusedTools(recorder: Recorder, root: Root, outputs: unknown): void {
    if (root.requested.size === 0) return;
    const messages = Array.isArray(outputs) ? outputs : list(fields(outputs)['messages']);
    for (const message of messages.filter((each) => messageType(each) === 'tool').map(fields)) {
      const toolCallId = text(message['tool_call_id']) ?? '';
      const request = root.requested.get(toolCallId);
      if (!request || message['status'] !== 'error') continue;
      root.requested.delete(toolCallId);
      if (this.#options.trackToolErrors === false) continue;
      const { name, input, reasoning, parentEventId }: ToolRequest & { reasoning?: string | undefined; parentEventId: string | undefined } = request;
      recorder.trackToolCall(
        defined({ sessionId: root.run.sessionId, parentEventId, toolName: name, toolInput: input, reasoning, status: 'error' as const, toolError: { message: textOf(message['content']) ?? 'failed' }, metadata: { toolCallId } }),
      );
      this.#tell(`tool_call ${name}: error in ${root.run.sessionId}`);
    }
  }

  #place(node: RunNode) {
    return defined({ sessionId: node.root.run.sessionId, parentEventId: this.#runs.parentEvent(node.parentId) });
  }
}

function answerOf(result: Fields, generation: Fields): ModelAnswer {
  const message = generation['message'];
  const meta = fields(fields(message)['response_metadata']);
  return {
    model: text(meta['model_name']) ?? text(meta['model']) ?? text(meta['modelId']),
    response: isObject(message) ? plain(message) : generation['text'],
    text: text(generation['text']) || textOf(fields(message)['content']),
    usage: usageOf(result, generation),
    finishReason: text(meta['finish_reason']) ?? text(meta['stop_reason']) ?? text(meta['finishReason']) ?? text(fields(generation['generationInfo'])['finish_reason']),
    id: text(fields(message)['id']),
  };
}

/** What the program gave along, without what LangChain adds for itself. */
const userMetadata = (metadata: Metadata) => Object.fromEntries(Object.entries(metadata ?? {}).filter(([key]) => !/^(?:ls_|lc_|langgraph_|__)|^(?:thread_id|checkpoint_|versions$)/.test(key)));

/** A graph that waits for a person leaves where it is by an error of its own. */
const isPause = (error: unknown) => ['GraphInterrupt', 'NodeInterrupt'].includes(text(fields(error)['name']) ?? '');
