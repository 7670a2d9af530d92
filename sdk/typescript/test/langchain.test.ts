import { AIMessage, HumanMessage, ToolMessage } from '@langchain/core/messages';
import { CallbackManager } from '@langchain/core/callbacks/manager';
import { ChatPromptTemplate } from '@langchain/core/prompts';
import { RunnableLambda } from '@langchain/core/runnables';
import { StringOutputParser } from '@langchain/core/output_parsers';
import { fakeModel } from '@langchain/core/testing';
import { tool } from '@langchain/core/tools';
import { FakeLLM, FakeRetriever } from '@langchain/core/utils/testing';
import { ChatAnthropic } from '@langchain/anthropic';
import { ChatOpenAI } from '@langchain/openai';
import { Command, END, MemorySaver, MessagesAnnotation, START, StateGraph, interrupt } from '@langchain/langgraph';
import { createAgent } from 'langchain';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { startApp } from '../../../test/support/app.ts';
import type { TestApp } from '../../../test/support/app.ts';
import { SentrialCallbackHandler } from '../src/langchain/index.ts';
import type { LangChainOptions } from '../src/langchain/index.ts';
import { startModelStub } from './fixtures/model-stub.ts';
import type { ModelStub } from './fixtures/model-stub.ts';
import { brokenClient, ofKind, trackedOn, unreachableClient } from './fixtures/tracked.ts';

let server: TestApp;
let stub: ModelStub;
beforeAll(async () => {
  [server, stub] = await Promise.all([startApp(), startModelStub()]);
});
afterEach(() => void stub.requests.splice(0));
afterAll(() => Promise.all([server.close(), stub[Symbol.asyncDispose]()]));

const add = tool(({ a, b }: { a: number; b: number }) => a + b, { name: 'add', description: 'Adds', schema: z.object({ a: z.number(), b: z.number() }) });
const broken = tool((): string => { throw new TypeError('no such record'); }, { name: 'broken', description: 'Fails', schema: z.object({}) });
const used = (input: number, output: number) => ({ usage_metadata: { input_tokens: input, output_tokens: output, total_tokens: input + output, input_token_details: { cache_read: 4 } }, response_metadata: { model_name: 'gpt-4.1-mini' } });
const asks = (content: string, ...tool_calls: { name: string; args: Record<string, unknown>; id: string }[]) => new AIMessage({ content, tool_calls, ...used(20, 5) });
const answers = (content: string) => new AIMessage({ content, ...used(30, 2) });

/** A handler on a project of its own. */
async function handled(options: Omit<LangChainOptions, 'client'> = {}) {
  const tracked = await trackedOn(server);
  return { ...tracked, [Symbol.asyncDispose]: tracked[Symbol.asyncDispose].bind(tracked), handler: new SentrialCallbackHandler({ client: tracked.client, ...options }) };
}

describe('an agent', () => {
  it('is a session with its model calls, tool calls and reasons', async () => {
    await using tracked = await handled({ userId: 'ada', extraMetadata: { release: '2.4' } });
    const model = fakeModel().respond(asks('First I add.', { name: 'add', args: { a: 2, b: 3 }, id: 'call_1' })).respond(answers('It is 5.'));
    const agent = createAgent({ model, tools: [add], name: 'calculator', systemPrompt: 'Be exact.' });
    await agent.invoke({ messages: [new HumanMessage('What is 2 + 3?')] }, { callbacks: [tracked.handler], metadata: { channel: 'chat' } });
    const session = await tracked.session();
    expect(session).toMatchObject({ agentName: 'calculator', userId: 'ada', name: 'What is 2 + 3?', userInput: 'What is 2 + 3?', assistantOutput: 'It is 5.', status: 'COMPLETED', promptTokens: 50, completionTokens: 7, metadata: { channel: 'chat', release: '2.4' } });
    expect(session.metadata).not.toHaveProperty('lc_agent_name');
    expect(session.events.map(({ kind }) => kind)).toEqual(['LLM_CALL', 'LLM_DECISION', 'TOOL_CALL', 'LLM_CALL']);
    const [first, decision, call, second] = session.events;
    expect(first).toMatchObject({ model: 'gpt-4.1-mini', status: 'success', promptTokens: 20, totalTokens: 25, prompt: [{ role: 'system', content: [{ text: 'Be exact.' }] }, { role: 'user', content: 'What is 2 + 3?' }], response: { role: 'assistant', content: 'First I add.', tool_calls: [{ name: 'add', args: { a: 2, b: 3 } }] }, metadata: { usage: { input: 16, cacheRead: 4, output: 5 } } });
    expect(decision).toMatchObject({ reasoning: 'First I add.', chosen: 'add' });
    expect(call).toMatchObject({ toolName: 'add', toolInput: { a: 2, b: 3 }, toolOutput: '5', reasoning: 'First I add.', status: 'success', metadata: { toolCallId: 'call_1' } });
    expect(call!.durationMs).not.toBeNull();
    expect(second).toMatchObject({ response: { content: 'It is 5.' } });
    expect((second!.prompt as { role: string }[]).map(({ role }) => role)).toEqual(['system', 'user', 'assistant', 'tool']);
  });

  it('has each failing tool call once, those too that never ran', async () => {
    await using tracked = await handled();
    const model = fakeModel()
      .respond(asks('', { name: 'broken', args: {}, id: 'call_1' }, { name: 'unknown', args: { x: 1 }, id: 'call_2' }, { name: 'add', args: { a: 'two' }, id: 'call_3' }))
      .respond(answers('I give up.'));
    await createAgent({ model, tools: [add, broken] }).invoke({ messages: 'Go' }, { callbacks: [tracked.handler] }).catch(() => undefined);
    const session = await tracked.session();
    const calls = ofKind(session, 'TOOL_CALL').sort((one, other) => String(one.metadata!['toolCallId']).localeCompare(String(other.metadata!['toolCallId'])));
    expect(calls.map(({ toolName, status, metadata }) => [toolName, status, metadata!['toolCallId']])).toEqual([['broken', 'error', 'call_1'], ['unknown', 'error', 'call_2'], ['add', 'error', 'call_3']]);
    expect(calls[0]).toMatchObject({ toolError: { message: 'no such record', type: 'TypeError' } });
    expect(calls[1]).toMatchObject({ toolInput: { x: 1 }, toolError: { message: expect.stringContaining('unknown') as string } });
  });

  it('that another agent calls as a tool belongs to that call', async () => {
    await using tracked = await handled();
    const inner = createAgent({ model: fakeModel().respond(asks('', { name: 'add', args: { a: 1, b: 1 }, id: 'inner_1' })).respond(answers('2')), tools: [add], name: 'inner' });
    const ask = tool(async ({ question }: { question: string }, config) => (await inner.invoke({ messages: [new HumanMessage(question)] }, config)).messages.at(-1)?.text, { name: 'ask_inner', description: 'Asks', schema: z.object({ question: z.string() }) });
    const outer = createAgent({ model: fakeModel().respond(asks('', { name: 'ask_inner', args: { question: '1 + 1?' }, id: 'outer_1' })).respond(answers('Two.')), tools: [ask], name: 'outer' });
    await outer.invoke({ messages: [new HumanMessage('Ask it')] }, { callbacks: [tracked.handler] });
    const session = await tracked.session();
    expect(session).toMatchObject({ agentName: 'outer', assistantOutput: 'Two.' });
    const asked = session.events.find(({ toolName }) => toolName === 'ask_inner')!;
    expect(session.events.map(({ kind, toolName, parentEventId }) => [kind, toolName, parentEventId === asked.id])).toEqual([
      ['LLM_CALL', undefined, false],
      ['LLM_CALL', undefined, true],
      ['TOOL_CALL', 'add', true],
      ['LLM_CALL', undefined, true],
      ['TOOL_CALL', 'ask_inner', false],
      ['LLM_CALL', undefined, false],
    ]);
  });

  it('whose model fails is failed, with the error once', async () => {
    await using tracked = await handled();
    const agent = createAgent({ model: fakeModel().alwaysThrow(new RangeError('the model is gone')), tools: [add] });
    await expect(agent.invoke({ messages: [new HumanMessage('Hi')] }, { callbacks: [tracked.handler] })).rejects.toThrow('the model is gone');
    const session = await tracked.session();
    expect(session).toMatchObject({ status: 'FAILED', failureReason: 'the model is gone' });
    expect(session.events).toMatchObject([{ kind: 'LLM_CALL', status: 'error', toolError: { message: 'the model is gone', type: 'RangeError' } }]);
  });

  it('that is streamed is recorded the same', async () => {
    await using tracked = await handled();
    const model = fakeModel().respond(asks('I add.', { name: 'add', args: { a: 2, b: 3 }, id: 'call_1' })).respond(answers('It is 5.'));
    for await (const _ of await createAgent({ model, tools: [add] }).stream({ messages: [new HumanMessage('2 + 3?')] }, { callbacks: [tracked.handler], streamMode: 'updates' }));
    expect(await tracked.session()).toMatchObject({ status: 'COMPLETED', events: [{ kind: 'LLM_CALL' }, { kind: 'LLM_DECISION' }, { kind: 'TOOL_CALL', toolOutput: '5' }, { kind: 'LLM_CALL' }] });
  });
});

describe('a graph', () => {
  it('that waits for a person is no failure, and its thread is the conversation', async () => {
    await using tracked = await handled();
    const graph = new StateGraph(MessagesAnnotation)
      .addNode('approve', () => ({ messages: [new AIMessage(`You said ${String(interrupt('May I?'))}`)] }))
      .addEdge(START, 'approve')
      .addEdge('approve', END)
      .compile({ checkpointer: new MemorySaver() });
    const config = { callbacks: [tracked.handler], configurable: { thread_id: 'thread-7' } };
    await graph.invoke({ messages: [new HumanMessage('Delete it')] }, config);
    await graph.invoke(new Command({ resume: 'yes' }), config);
    const [waiting, resumed] = await tracked.sessions();
    expect(waiting).toMatchObject({ status: 'COMPLETED', convoId: 'thread-7', metadata: { interrupted: true }, events: [] });
    expect(resumed).toMatchObject({ status: 'COMPLETED', convoId: 'thread-7', assistantOutput: 'You said yes' });
  });
});

describe('chains', () => {
  it('with prompts, models, parsers and retrievers are one session', async () => {
    await using tracked = await handled({ defaultAgent: 'librarian' });
    const retriever = new FakeRetriever();
    const chain = RunnableLambda.from(async ({ question }: { question: string }, config) => ({ question, context: (await retriever.invoke(question, config)).length }))
      .pipe(ChatPromptTemplate.fromTemplate('{context} documents. {question}'))
      .pipe(fakeModel().respond(answers('Enough.')))
      .pipe(new StringOutputParser());
    await chain.invoke({ question: 'How many?' }, { callbacks: [tracked.handler], runName: 'Library' });
    const session = await tracked.session();
    expect(session).toMatchObject({ agentName: 'librarian', userInput: 'How many?', status: 'COMPLETED', metadata: { run: 'Library' }, assistantOutput: 'Enough.' });
    expect(session.events).toMatchObject([{ kind: 'TOOL_CALL', toolName: 'FakeRetriever', toolInput: { query: 'How many?' }, metadata: { kind: 'retriever', documents: 2 }, toolOutput: [{ pageContent: 'foo' }, { pageContent: 'bar' }] }, { kind: 'LLM_CALL' }]);
  });

  it('that fail are failed, with one error', async () => {
    await using tracked = await handled();
    const chain = RunnableLambda.from(() => {
      throw new SyntaxError('bad template');
    }).pipe(RunnableLambda.from((value) => value));
    await expect(chain.invoke('x', { callbacks: [tracked.handler] })).rejects.toThrow('bad template');
    expect(await tracked.session()).toMatchObject({ status: 'FAILED', failureReason: 'bad template', events: [{ kind: 'ERROR', errorMessage: 'bad template', errorType: 'SyntaxError' }] });
  });

  it('that run at once are kept apart, and their runs with them', async () => {
    await using tracked = await handled();
    const chain = RunnableLambda.from(async (name: string, config) => (await fakeModel().respond(answers(name)).invoke(name, config)).text);
    await chain.batch(['a', 'b', 'c'], { callbacks: [tracked.handler] });
    const sessions = await tracked.sessions();
    expect(sessions.map(({ userInput, events }) => [userInput, events.map(({ response }) => (response as { content: string }).content)]).sort()).toEqual([['a', ['a']], ['b', ['b']], ['c', ['c']]]);
  });

  it('of a classic agent tell which tool is next by their text', async () => {
    await using tracked = await handled();
    const manager = CallbackManager.configure([tracked.handler])!;
    const run = await manager.handleChainStart({ lc: 1, type: 'not_implemented', id: ['langchain', 'agents', 'AgentExecutor'] }, { input: 'What is 2 + 3?' });
    await run.handleAgentAction({ tool: 'add', toolInput: '2, 3', log: 'Thought: I have to add.\nAction: add' });
    await (await run.getChild().handleToolStart({ lc: 1, type: 'not_implemented', id: ['add'] }, '2, 3')).handleToolEnd('5');
    await run.handleChainEnd({ output: 'It is 5.' });
    const session = await tracked.session();
    expect(session).toMatchObject({ agentName: 'AgentExecutor', userInput: 'What is 2 + 3?', assistantOutput: 'It is 5.' });
    expect(session.events).toMatchObject([{ kind: 'LLM_DECISION', chosen: 'add', reasoning: expect.stringContaining('I have to add') as string }, { kind: 'TOOL_CALL', toolName: 'add', toolInput: '2, 3', toolOutput: '5', reasoning: expect.stringContaining('I have to add') as string }]);
  });
});

describe('models of the providers', () => {
  const usage = { input: 70, output: 12, cacheRead: 30 };
  const openai = (options = {}) => new ChatOpenAI({ model: 'gpt-4.1-mini', apiKey: 'dummy', configuration: { baseURL: `${stub.url}/v1` }, maxRetries: 0, ...options });
  const anthropic = (options = {}) => new ChatAnthropic({ model: 'claude-sonnet-4-5', apiKey: 'dummy', anthropicApiUrl: stub.url, maxRetries: 0, ...options });

  it('say their tokens each in its way, whole and streamed', async () => {
    await using tracked = await handled();
    const config = { callbacks: [tracked.handler] };
    for (const model of [openai(), openai({ useResponsesApi: true }), anthropic()]) {
      stub.script({ text: 'Hello', usage }, { text: 'Hello', usage });
      await model.invoke('Hi', config);
      for await (const _ of await model.stream('Hi', config));
    }
    const sessions = await tracked.sessions();
    expect(sessions.map(({ events: [call] }) => [call?.model, call?.promptTokens, call?.metadata?.['provider'], call?.metadata?.['usage']])).toEqual(
      ['gpt-4.1-mini', 'gpt-4.1-mini', 'gpt-4.1-mini', 'gpt-4.1-mini', 'claude-sonnet-4-5', 'claude-sonnet-4-5'].map((model) => [model, 100, model.startsWith('gpt') ? 'openai' : 'anthropic', expect.objectContaining({ input: 70, cacheRead: 30 }) as unknown]),
    );
    // Of a stream of Anthropic's, LangChain adds the first count of tokens, 1, to the last, which has it in it.
    expect(sessions.map(({ completionTokens }) => completionTokens)).toEqual([12, 12, 12, 12, 12, 13]);
    expect(sessions.map(({ status, assistantOutput, userInput }) => [status, assistantOutput, userInput])).toEqual(Array.from({ length: 6 }, () => ['COMPLETED', 'Hello', 'Hi']));
    expect(sessions.map(({ events: [call] }) => typeof call?.metadata?.['firstTokenMs'])).toEqual(['undefined', 'number', 'undefined', 'number', 'undefined', 'number']);
  });

  it('that fail are failed', async () => {
    await using tracked = await handled();
    stub.script({ status: 400 });
    await expect(openai().invoke('Hi', { callbacks: [tracked.handler] })).rejects.toThrow('The request is wrong.');
    expect(await tracked.session()).toMatchObject({ status: 'FAILED', events: [{ kind: 'LLM_CALL', status: 'error', toolError: { message: expect.stringContaining('The request is wrong.') as string } }] });
  });

  it('that are no chat models are recorded by their text', async () => {
    await using tracked = await handled();
    await new FakeLLM({ response: 'completed' }).invoke('Once upon', { callbacks: [tracked.handler] });
    expect(await tracked.session()).toMatchObject({ userInput: 'Once upon', assistantOutput: 'completed', events: [{ kind: 'LLM_CALL', prompt: 'Once upon', response: 'completed', promptTokens: null }] });
  });

  it('that think have it recorded as a decision', async () => {
    await using tracked = await handled();
    const model = fakeModel().respond(new AIMessage({ content: [{ type: 'thinking', thinking: 'Seven is prime.', signature: 's' }, { type: 'text', text: 'Yes.' }] }));
    await model.invoke('Is 7 prime?', { callbacks: [tracked.handler] });
    expect(ofKind(await tracked.session(), 'LLM_DECISION')).toMatchObject([{ reasoning: 'Seven is prime.', chosen: 'answer' }]);
  });
});

describe('the options', () => {
  const run = async (handler: SentrialCallbackHandler) => {
    const model = fakeModel().respond(asks('I try.', { name: 'broken', args: {}, id: 'call_1' })).respond(answers('It failed.'));
    await createAgent({ model, tools: [broken] }).invoke({ messages: [new HumanMessage('Go')] }, { callbacks: [handler] }).catch(() => undefined);
  };

  it.each([
    [{ trackLlmCalls: false }, ['LLM_DECISION', 'TOOL_CALL']],
    [{ trackChainOfThought: false }, ['LLM_CALL', 'TOOL_CALL', 'LLM_CALL']],
    [{ trackToolErrors: false }, ['LLM_CALL', 'LLM_DECISION', 'LLM_CALL']],
  ])('%o leave out what they say', async (options, kinds) => {
    await using tracked = await handled(options);
    await run(tracked.handler);
    expect((await tracked.session()).events.map(({ kind }) => kind)).toEqual(kinds);
  });

  it('verbose tells on the console what is recorded', async () => {
    await using tracked = await handled({ verbose: true });
    const printed = vi.spyOn(console, 'log').mockImplementation(() => undefined);
    try {
      await run(tracked.handler);
      expect(printed.mock.calls.map(([line]) => String(line).replace(/sess_\w+/, 'S').replace(/\d+ ms/, 'N ms'))).toEqual([
        '[sentrial] session S: LangGraph', '[sentrial] llm_call gpt-4.1-mini, N ms in S', '[sentrial] llm_decision broken in S', '[sentrial] tool_call broken: error in S', '[sentrial] llm_call gpt-4.1-mini, N ms in S', '[sentrial] session S: completed',
      ]);
    } finally {
      printed.mockRestore();
    }
  });

  it('a session of the caller takes several runs, and stays open', async () => {
    const tracked = await trackedOn(server);
    const sessionId = (await tracked.client.createSession({ name: 'Chat', agentName: 'mine' }))!;
    const handler = new SentrialCallbackHandler({ client: tracked.client, sessionId });
    for (const word of ['One', 'Two']) await fakeModel().respond(answers(word)).invoke(word, { callbacks: [handler] });
    expect(await tracked.session()).toMatchObject({ id: sessionId, status: 'ACTIVE', events: [{ kind: 'LLM_CALL' }, { kind: 'LLM_CALL' }] });
    await tracked[Symbol.asyncDispose]();
  });
});

it('a handler without a server, and one whose client throws, change nothing and print nothing', async () => {
  await using unreachable = unreachableClient();
  const printed = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
  try {
    for (const client of [unreachable, brokenClient()]) {
      const model = fakeModel().respond(asks('', { name: 'add', args: { a: 2, b: 3 }, id: 'call_1' })).respond(answers('5'));
      const { messages } = await createAgent({ model, tools: [add] }).invoke({ messages: [new HumanMessage('2 + 3?')] }, { callbacks: [new SentrialCallbackHandler({ client })] });
      expect(messages.map((message) => [message.type, message.content])).toEqual([['human', '2 + 3?'], ['ai', ''], ['tool', '5'], ['ai', '5']]);
      expect(messages[2]).toBeInstanceOf(ToolMessage);
    }
    expect(printed).not.toHaveBeenCalled();
  } finally {
    printed.mockRestore();
  }
});
