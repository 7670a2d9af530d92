import * as ai from 'ai';
import { createAnthropic } from '@ai-sdk/anthropic';
import { createOpenAI } from '@ai-sdk/openai';
import { afterAll, afterEach, beforeAll, describe, expect, expectTypeOf, it, vi } from 'vitest';
import { z } from 'zod';
import { startApp } from '../../../test/support/app.ts';
import type { TestApp } from '../../../test/support/app.ts';
import { wrapAISDK } from '../src/ai/index.ts';
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

const openai = (model = 'gpt-4.1-mini') => createOpenAI({ apiKey: 'dummy', baseURL: `${stub.url}/v1` }).chat(model);
const anthropic = () => createAnthropic({ apiKey: 'dummy', baseURL: `${stub.url}/v1` })('claude-sonnet-4-5');

const inputSchema = z.object({ city: z.string() });
const tools = {
  weather: ai.tool({ inputSchema, execute: ({ city }) => Promise.resolve({ city, sky: 'rain' }) }),
  broken: ai.tool({
    inputSchema,
    execute: (): string => {
      throw new TypeError('no such city');
    },
  }),
  slow: ai.tool({
    inputSchema,
    async *execute() {
      yield 'asking';
      await Promise.resolve();
      yield 'snow';
    },
  }),
};
const call = (name: string, id: string, input: Record<string, unknown> = { city: 'Bonn' }) => ({ id, name, input });
const toolTurn = { text: 'Let me look.', toolCalls: [call('weather', 'call_1'), call('broken', 'call_2'), call('slow', 'call_3'), call('weather', 'call_4', { town: 1 })], usage: { input: 70, output: 12, cacheRead: 30 } };
const question = { system: 'Be brief.', prompt: 'What is the weather?', stopWhen: ai.stepCountIs(3), maxRetries: 0 };

describe('generateText', () => {
  it('is a session with an event for each call of the model and of a tool', async () => {
    await using tracked = await trackedOn(server);
    const { generateText } = wrapAISDK(ai, { client: tracked.client, userId: () => 'ada', convoId: 'c-1' });
    stub.script(toolTurn, { text: 'It rains.', usage: { input: 200, output: 5 } });
    const onStepFinish = vi.fn();
    const result = await generateText({ ...question, model: openai(), tools, onStepFinish, experimental_telemetry: { functionId: 'forecast' } });
    expect(result.text).toBe('It rains.');
    expect(result.totalUsage).toMatchObject({ inputTokens: 300, outputTokens: 17 });
    expect(onStepFinish).toHaveBeenCalledTimes(2);
    const session = await tracked.session();
    expect(session).toMatchObject({ agentName: 'forecast', userId: 'ada', convoId: 'c-1', name: 'What is the weather?', userInput: 'What is the weather?', assistantOutput: 'It rains.', status: 'COMPLETED', promptTokens: 300, completionTokens: 17, metadata: { function: 'generateText', model: 'gpt-4.1-mini', provider: 'openai.chat' } });
    expect(ofKind(session, 'LLM_CALL')).toMatchObject([
      { model: 'gpt-4.1-mini', promptTokens: 100, completionTokens: 12, status: 'success', response: [{ type: 'text', text: 'Let me look.' }, { type: 'tool-call', toolName: 'weather' }, {}, {}, {}], metadata: { provider: 'openai.chat', finishReason: 'tool-calls', usage: { input: 70, cacheRead: 30, output: 12 } } },
      { promptTokens: 200, prompt: [{ role: 'system' }, { role: 'user' }, { role: 'assistant' }, { role: 'tool' }], metadata: { finishReason: 'stop' } },
    ]);
    const calls = ofKind(session, 'TOOL_CALL').sort((one, other) => String(one.metadata!['toolCallId']).localeCompare(String(other.metadata!['toolCallId'])));
    expect(calls).toMatchObject([
      { toolName: 'weather', toolInput: { city: 'Bonn' }, toolOutput: { city: 'Bonn', sky: 'rain' }, status: 'success' },
      { toolName: 'broken', status: 'error', toolError: { message: 'no such city', type: 'TypeError' } },
      { toolName: 'slow', toolOutput: 'snow', status: 'success' },
      { toolName: 'weather', toolInput: { town: 1 }, status: 'error', toolError: { message: expect.stringContaining('Invalid input for tool weather') as string }, durationMs: null },
    ]);
    expect(calls.slice(0, 3).every(({ durationMs }) => durationMs !== null)).toBe(true);
  });

  it('that fails is a failed session, and the caller gets the error', async () => {
    await using tracked = await trackedOn(server);
    const { generateText } = wrapAISDK(ai, { client: tracked.client });
    stub.script({ status: 400 });
    await expect(generateText({ ...question, model: anthropic() })).rejects.toBeInstanceOf(ai.APICallError);
    const session = await tracked.session();
    expect(session).toMatchObject({ agentName: 'ai-sdk', status: 'FAILED', failureReason: 'The request is wrong.' });
    expect(ofKind(session, 'LLM_CALL')).toMatchObject([{ model: 'claude-sonnet-4-5', status: 'error', toolError: { type: 'AI_APICallError' } }]);
  });

  it('finds a model by its name, and takes the one that a step is prepared with', async () => {
    await using tracked = await trackedOn(server);
    const { generateText } = wrapAISDK(ai, { client: tracked.client });
    const names = globalThis as { AI_SDK_DEFAULT_PROVIDER?: ai.Provider };
    names.AI_SDK_DEFAULT_PROVIDER = ai.customProvider({ languageModels: { ours: openai('gpt-4o') } });
    try {
      stub.script({ toolCalls: [call('weather', 'call_1')] }, { text: 'It rains.' });
      await generateText({ ...question, model: 'ours', tools, prepareStep: ({ stepNumber }) => (stepNumber === 1 ? { model: anthropic() } : undefined) });
    } finally {
      delete names.AI_SDK_DEFAULT_PROVIDER;
    }
    const session = await tracked.session();
    expect(session).toMatchObject({ metadata: { model: 'ours' } });
    expect(ofKind(session, 'LLM_CALL').map(({ model }) => model)).toEqual(['gpt-4o', 'claude-sonnet-4-5']);
  });

  it('can belong to a session of the caller', async () => {
    await using tracked = await trackedOn(server);
    const sessionId = (await tracked.client.createSession({ name: 'Chat', agentName: 'mine' }))!;
    const { generateText } = wrapAISDK(ai, { client: tracked.client, sessionId });
    stub.script({ text: 'Hi' });
    await generateText({ model: openai(), messages: [{ role: 'user', content: 'Hello' }] });
    expect(await tracked.session()).toMatchObject({ id: sessionId, status: 'ACTIVE', events: [{ kind: 'LLM_CALL' }] });
  });
});

describe('streamText', () => {
  it('is recorded when the stream has been read, which is the same as ever', async () => {
    await using tracked = await trackedOn(server);
    const answers = [toolTurn, { text: 'It rains.' }];
    const onFinish = vi.fn();
    async function chunks(streamText: typeof ai.streamText) {
      stub.script(...answers);
      const seen: unknown[] = [];
      for await (const part of streamText({ ...question, model: openai(), tools, onFinish }).fullStream) seen.push(part.type);
      return seen;
    }
    const plain = await chunks(ai.streamText);
    expect(await chunks(wrapAISDK(ai, { client: tracked.client }).streamText)).toEqual(plain);
    expect(onFinish).toHaveBeenCalledTimes(2);
    const session = await tracked.session();
    expect(session).toMatchObject({ status: 'COMPLETED', assistantOutput: 'It rains.', metadata: { function: 'streamText' } });
    // Tools run while the model still speaks; their calls follow its own all the same.
    expect(session.events.map(({ kind }) => kind)).toEqual(['LLM_CALL', 'TOOL_CALL', 'TOOL_CALL', 'TOOL_CALL', 'TOOL_CALL', 'LLM_CALL']);
    expect(ofKind(session, 'TOOL_CALL').map(({ status }) => status).sort()).toEqual(['error', 'error', 'success', 'success']);
    const [first] = ofKind(session, 'LLM_CALL');
    expect(first).toMatchObject({ response: [{ type: 'text', text: 'Let me look.' }, { type: 'tool-call', toolName: 'weather' }, {}, {}, {}], status: 'success' });
    expect(first!.metadata!['firstTokenMs']).toBeTypeOf('number');
  });

  it('that is left early is cancelled, and what came is kept', async () => {
    await using tracked = await trackedOn(server);
    const { streamText } = wrapAISDK(ai, { client: tracked.client });
    stub.script({ text: 'A long answer', stall: true });
    const abort = new AbortController();
    const onAbort = vi.fn();
    const { textStream } = streamText({ ...question, model: anthropic(), abortSignal: abort.signal, onAbort });
    for await (const text of textStream) if (text) abort.abort();
    expect(onAbort).toHaveBeenCalledOnce();
    const session = await tracked.session();
    expect(session).toMatchObject({ status: 'CANCELLED', failureReason: 'Stream closed early' });
    expect(ofKind(session, 'LLM_CALL')).toMatchObject([{ response: [{ type: 'text', text: expect.stringMatching(/^A long/) as string }] }]);
  });

  it('that a transformation stops is cancelled', async () => {
    await using tracked = await trackedOn(server);
    const { streamText } = wrapAISDK(ai, { client: tracked.client });
    stub.script({ text: 'A long answer', stall: true });
    const experimental_transform: ai.StreamTextTransform<ai.ToolSet> = ({ stopStream }) =>
      new TransformStream({
        transform(part, controller) {
          controller.enqueue(part);
          if (part.type === 'text-delta') stopStream();
        },
      });
    await streamText({ ...question, model: openai(), experimental_transform }).consumeStream();
    const session = await tracked.session();
    expect(session).toMatchObject({ status: 'CANCELLED', events: [{ kind: 'LLM_CALL', metadata: { endedEarly: true } }] });
  });

  it('that fails is failed, and the error is told as ever: to the callback, else on the console', async () => {
    await using tracked = await trackedOn(server);
    const { streamText } = wrapAISDK(ai, { client: tracked.client });
    const printed = vi.spyOn(console, 'error').mockImplementation(() => undefined);
    const onError = vi.fn();
    try {
      stub.script({ status: 400 }, { status: 400 });
      await streamText({ ...question, model: openai(), onError }).consumeStream();
      expect([onError.mock.calls.length, printed.mock.calls.length]).toEqual([1, 0]);
      await streamText({ ...question, model: openai() }).consumeStream();
      expect(printed.mock.calls).toEqual([[expect.any(ai.APICallError)]]);
    } finally {
      printed.mockRestore();
    }
    expect((await tracked.sessions()).map(({ status, failureReason }) => [status, failureReason])).toEqual([['FAILED', 'The request is wrong.'], ['FAILED', 'The request is wrong.']]);
  });
});

describe('objects', () => {
  const schema = z.object({ city: z.string() });

  it('that are generated or streamed are the output of their session', async () => {
    await using tracked = await trackedOn(server);
    const { generateObject, streamObject } = wrapAISDK(ai, { client: tracked.client });
    stub.script({ text: '{"city":"Bonn"}' }, { text: '{"city":"Kiel"}' });
    expect((await generateObject({ model: openai(), schema, prompt: 'Where?' })).object).toEqual({ city: 'Bonn' });
    const { partialObjectStream, object } = streamObject({ model: openai(), schema, prompt: 'Where?' });
    for await (const _ of partialObjectStream);
    expect(await object).toEqual({ city: 'Kiel' });
    expect((await tracked.sessions()).map(({ status, assistantOutput, events, metadata }) => [status, assistantOutput, events.length, metadata?.['function']])).toEqual([
      ['COMPLETED', { city: 'Bonn' }, 1, 'generateObject'],
      ['COMPLETED', { city: 'Kiel' }, 1, 'streamObject'],
    ]);
  });

  it('that do not fit their schema fail', async () => {
    await using tracked = await trackedOn(server);
    const { generateObject, streamObject } = wrapAISDK(ai, { client: tracked.client });
    stub.script({ text: '{"town":1}' }, { text: '{"town":1}' });
    await expect(generateObject({ model: openai(), schema, prompt: 'Where?', maxRetries: 0 })).rejects.toBeInstanceOf(ai.NoObjectGeneratedError);
    const { partialObjectStream, object } = streamObject({ model: openai(), schema, prompt: 'Where?' });
    const refused = expect(object).rejects.toBeInstanceOf(ai.NoObjectGeneratedError);
    for await (const _ of partialObjectStream);
    await refused;
    expect((await tracked.sessions()).map(({ status, failureReason }) => [status, failureReason])).toEqual(Array.from({ length: 2 }, () => ['FAILED', 'No object generated: response did not match schema.']));
  });
});

describe('the wrapped SDK', () => {
  it('has the same types and everything else', () => {
    const wrapped = wrapAISDK(ai, { client: brokenClient() });
    expectTypeOf(wrapped).toEqualTypeOf(ai);
    expect(wrapped.tool).toBe(ai.tool);
    expect(Object.keys(wrapped)).toEqual(Object.keys(ai));
  });

  it('works without a server, and with a client that throws', async () => {
    await using unreachable = unreachableClient();
    for (const client of [unreachable, brokenClient()]) {
      const { generateText, streamText } = wrapAISDK(ai, { client });
      stub.script(toolTurn, { text: 'It rains.' }, { text: 'Hello' }, { status: 400 });
      expect((await generateText({ ...question, model: openai(), tools })).text).toBe('It rains.');
      expect(await streamText({ ...question, model: openai() }).text).toBe('Hello');
      await expect(generateText({ ...question, model: openai() })).rejects.toBeInstanceOf(ai.APICallError);
    }
  });
});
