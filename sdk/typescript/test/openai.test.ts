import OpenAI, { AzureOpenAI } from 'openai';
import { afterAll, afterEach, beforeAll, describe, expect, expectTypeOf, it } from 'vitest';
import { startApp } from '../../../test/support/app.ts';
import type { TestApp } from '../../../test/support/app.ts';
import { wrapOpenAI } from '../src/openai/index.ts';
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

const openai = (options = {}) => new OpenAI({ apiKey: 'dummy', baseURL: `${stub.url}/v1`, maxRetries: 0, ...options });
const MODEL = 'gpt-4.1-mini';
const messages = [
  { role: 'system' as const, content: 'Be brief.' },
  { role: 'user' as const, content: [{ type: 'text' as const, text: 'What is the weather?' }] },
];
const weather = { type: 'function' as const, function: { name: 'get_weather', parameters: { type: 'object', properties: {} } } };
const usage = { input: 70, output: 12, cacheRead: 30 };

async function all<Piece>(stream: AsyncIterable<Piece>): Promise<Piece[]> {
  const pieces: Piece[] = [];
  for await (const piece of stream) pieces.push(piece);
  return pieces;
}

describe('chat completions', () => {
  it('are a session with an LLM call: messages, answer, tokens, cost', async () => {
    await using tracked = await trackedOn(server);
    stub.script({ text: 'It rains.', usage });
    const completion = await wrapOpenAI(openai(), { client: tracked.client, userId: 'ada', defaultAgent: 'weather-agent' }).chat.completions.create({ model: MODEL, messages, temperature: 0.2, tools: [weather] });
    expect(completion.choices[0]?.message.content).toBe('It rains.');
    const session = await tracked.session();
    expect(session).toMatchObject({ agentName: 'weather-agent', userId: 'ada', name: 'What is the weather?', userInput: 'What is the weather?', assistantOutput: 'It rains.', status: 'COMPLETED', promptTokens: 100, completionTokens: 12 });
    expect(session.events).toMatchObject([
      { kind: 'LLM_CALL', model: MODEL, status: 'success', prompt: messages, response: { role: 'assistant', content: 'It rains.' }, promptTokens: 100, completionTokens: 12, totalTokens: 112, estimatedCost: (70 * 0.4 + 30 * 0.1 + 12 * 1.6) / 1e6,
        metadata: { provider: 'openai', operation: 'chat.completions', finishReason: 'stop', responseId: 'chatcmpl_2', usage: { input: 70, cacheRead: 30, output: 12 }, parameters: { temperature: 0.2, tools: ['get_weather'] } } },
    ]);
  });

  it('belong to the session that the caller names', async () => {
    await using tracked = await trackedOn(server);
    const sessionId = (await tracked.client.createSession({ name: 'Chat', agentName: 'mine', userId: 'ada' }))!;
    const wrapped = wrapOpenAI(openai(), { client: tracked.client, sessionId: () => sessionId });
    stub.script({ text: 'One' }, { text: 'Two' });
    await wrapped.chat.completions.create({ model: MODEL, messages });
    await wrapped.chat.completions.create({ model: MODEL, messages });
    const session = await tracked.session();
    expect(session).toMatchObject({ id: sessionId, status: 'ACTIVE' });
    expect(session.events.map(({ response }) => (response as { content: string }).content)).toEqual(['One', 'Two']);
  });

  it('that are streamed are put together, tool calls too, and pass through as they come', async () => {
    await using tracked = await trackedOn(server);
    const answer = { text: 'Let me look.', toolCalls: [{ id: 'call_1', name: 'get_weather', input: { city: 'Bonn' } }, { id: 'call_2', name: 'get_weather', input: { city: 'Kiel' } }], usage };
    const request = { model: MODEL, messages, stream: true as const, stream_options: { include_usage: true } };
    stub.script(answer, answer);
    const plain = await all(await openai().chat.completions.create(request));
    expect(await all(await wrapOpenAI(openai(), { client: tracked.client }).chat.completions.create(request))).toEqual(plain);
    const [call] = (await tracked.session()).events;
    expect(call).toMatchObject({ promptTokens: 100, completionTokens: 12, status: 'success', metadata: { finishReason: 'tool_calls' } });
    expect(call!.response).toEqual({
      role: 'assistant', content: 'Let me look.',
      tool_calls: [{ id: 'call_1', type: 'function', function: { name: 'get_weather', arguments: '{"city":"Bonn"}' } }, { id: 'call_2', type: 'function', function: { name: 'get_weather', arguments: '{"city":"Kiel"}' } }],
    });
    expect(call!.metadata!['firstTokenMs']).toBeTypeOf('number');
  });

  it('that are left early are recorded as far as they came', async () => {
    await using tracked = await trackedOn(server);
    stub.script({ text: 'A long answer', stall: true });
    for await (const chunk of await wrapOpenAI(openai(), { client: tracked.client }).chat.completions.create({ model: MODEL, messages, stream: true })) {
      if (chunk.choices[0]?.delta.content) break;
    }
    const session = await tracked.session();
    expect(session).toMatchObject({ status: 'CANCELLED', failureReason: 'Stream closed early', assistantOutput: 'A long ' });
    expect(session.events).toMatchObject([{ status: null, response: { content: 'A long ' }, metadata: { endedEarly: true } }]);
  });

  it('can be aborted by the controller of the stream, split and turned into a web stream', async () => {
    await using tracked = await trackedOn(server);
    const wrapped = wrapOpenAI(openai(), { client: tracked.client });
    stub.script({ text: 'stalled', stall: true }, { text: 'Hello' }, { text: 'Hello' });
    const aborted = await wrapped.chat.completions.create({ model: MODEL, messages, stream: true });
    for await (const chunk of aborted) if (chunk.choices[0]?.delta.content) aborted.controller.abort();
    const [left, right] = (await wrapped.chat.completions.create({ model: MODEL, messages, stream: true })).tee();
    expect(await all(left)).toEqual(await all(right));
    const web = (await wrapped.chat.completions.create({ model: MODEL, messages, stream: true })).toReadableStream();
    expect((await new Response(web).text()).trim().split('\n')).toHaveLength(4);
    expect((await tracked.sessions()).map(({ status, events }) => [status, events.length])).toEqual([['CANCELLED', 1], ['COMPLETED', 1], ['COMPLETED', 1]]);
  });

  it('that fail are recorded with the error, which the caller gets', async () => {
    await using tracked = await trackedOn(server);
    stub.script({ status: 429 });
    const failed = wrapOpenAI(openai(), { client: tracked.client }).chat.completions.create({ model: MODEL, messages });
    await expect(failed).rejects.toBeInstanceOf(OpenAI.RateLimitError);
    const session = await tracked.session();
    expect(session).toMatchObject({ status: 'FAILED', failureReason: '429 Too many requests.' });
    expect(session.events).toMatchObject([{ kind: 'LLM_CALL', status: 'error', toolError: { message: '429 Too many requests.' } }]);
  });

  it('give the response with the data, or alone, as ever', async () => {
    await using tracked = await trackedOn(server);
    const wrapped = wrapOpenAI(openai(), { client: tracked.client });
    stub.script({ text: 'One' }, { text: 'Two' }, { status: 400 });
    const { data, request_id: requestId } = await wrapped.chat.completions.create({ model: MODEL, messages }).withResponse();
    expect([data.choices[0]?.message.content, requestId]).toEqual(['One', 'req_1']);
    const response = await wrapped.chat.completions.create({ model: MODEL, messages }).asResponse();
    expect(await response.json()).toMatchObject({ object: 'chat.completion' });
    await expect(wrapped.chat.completions.create({ model: MODEL, messages }).asResponse()).rejects.toBeInstanceOf(OpenAI.BadRequestError);
    expect((await tracked.sessions()).map(({ status, events }) => [status, events.length])).toEqual([['COMPLETED', 1], ['COMPLETED', 1], ['FAILED', 1]]);
  });

  it('by the helpers of the library are recorded too', async () => {
    await using tracked = await trackedOn(server);
    const wrapped = wrapOpenAI(openai(), { client: tracked.client });
    stub.script({ text: '{"city":"Bonn"}' }, { text: 'Hello there' }, { toolCalls: [{ id: 'call_1', name: 'get_weather', input: { city: 'Bonn' } }] }, { text: 'It rains.' });
    const format = { type: 'json_schema' as const, json_schema: { name: 'place', strict: true, schema: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'], additionalProperties: false } } };
    await wrapped.chat.completions.parse({ model: MODEL, messages, response_format: format });
    expect(await wrapped.chat.completions.stream({ model: MODEL, messages }).finalContent()).toBe('Hello there');
    const runner = wrapped.chat.completions.runTools({ model: MODEL, messages, tools: [{ type: 'function', function: { name: 'get_weather', description: '', function: () => 'rain', parameters: { type: 'object', properties: {} } } }] });
    expect(await runner.finalContent()).toBe('It rains.');
    const sessions = await tracked.sessions();
    expect(sessions.map(({ status, events }) => [status, ofKind({ ...sessions[0]!, events }, 'LLM_CALL').length])).toEqual(Array.from({ length: 4 }, () => ['COMPLETED', 1]));
  });
});

describe('responses', () => {
  it('are a session with an LLM call', async () => {
    await using tracked = await trackedOn(server);
    stub.script({ text: 'It rains.', toolCalls: [{ id: 'call_1', name: 'get_weather', input: { city: 'Bonn' } }], usage });
    const response = await wrapOpenAI(openai(), { client: tracked.client }).responses.create({ model: MODEL, instructions: 'Be brief.', input: 'What is the weather?' });
    expect(response.output_text).toBe('It rains.');
    const session = await tracked.session();
    expect(session).toMatchObject({ agentName: 'openai', userInput: 'What is the weather?', assistantOutput: 'It rains.', status: 'COMPLETED' });
    expect(session.events).toMatchObject([
      { model: MODEL, promptTokens: 100, completionTokens: 12, prompt: [{ role: 'system', content: 'Be brief.' }, { role: 'user', content: 'What is the weather?' }], response: [{ type: 'message' }, { type: 'function_call', name: 'get_weather' }], metadata: { operation: 'responses', finishReason: 'completed', responseId: 'resp_1' } },
    ]);
  });

  it('that are streamed are recorded when they end, or as far as they came', async () => {
    await using tracked = await trackedOn(server);
    const wrapped = wrapOpenAI(openai(), { client: tracked.client });
    const request = { model: MODEL, input: 'Hi', stream: true as const };
    stub.script({ text: 'Hello there', usage }, { text: 'Hello there', usage }, { text: 'Hello there', stall: true }, { text: 'By helper' });
    const plain = await all(await openai().responses.create(request));
    expect(await all(await wrapped.responses.create(request))).toEqual(plain);
    for await (const event of await wrapped.responses.create(request)) if (event.type === 'response.output_text.delta') break;
    expect((await wrapped.responses.stream({ model: MODEL, input: 'Hi' }).finalResponse()).output_text).toBe('By helper');
    expect((await tracked.sessions()).map(({ status, assistantOutput, promptTokens }) => [status, assistantOutput, promptTokens])).toEqual([['COMPLETED', 'Hello there', 100], ['CANCELLED', 'Hello ', 0], ['COMPLETED', 'By helper', 10]]);
  });
});

it('embeddings are recorded without their vectors', async () => {
  await using tracked = await trackedOn(server);
  stub.script({ usage: { input: 8, output: 0 } });
  const { data } = await wrapOpenAI(openai(), { client: tracked.client }).embeddings.create({ model: 'text-embedding-3-small', input: ['a', 'b'] });
  expect(data[0]?.embedding).toEqual([0.25, 0.5, 0.75]);
  const [call] = (await tracked.session()).events;
  expect(call).toMatchObject({ kind: 'LLM_CALL', model: 'text-embedding-3-small', prompt: ['a', 'b'], response: { vectors: 1, dimensions: 3 }, promptTokens: 8, completionTokens: 0, estimatedCost: 1.6e-7 });
});

describe('the wrapped client', () => {
  it('is the same to its user, and the one that was wrapped stays untracked', async () => {
    await using tracked = await trackedOn(server);
    const client = openai();
    const wrapped = wrapOpenAI(client, { client: tracked.client });
    expectTypeOf(wrapped).toEqualTypeOf(client);
    expect(wrapped).toBeInstanceOf(OpenAI);
    expect(wrapped.chat.completions).toBe(wrapped.chat.completions);
    expect(wrapped.baseURL).toBe(client.baseURL);
    stub.script({ text: 'One' }, { text: 'Two' });
    await client.chat.completions.create({ model: MODEL, messages });
    expect(await tracked.sessions()).toEqual([]);
    await wrapped.withOptions({ timeout: 5000 }).chat.completions.create({ model: MODEL, messages });
    expect(await tracked.sessions()).toHaveLength(1);
  });

  it('may be one for Azure', async () => {
    await using tracked = await trackedOn(server);
    const azure = new AzureOpenAI({ apiKey: 'dummy', apiVersion: '2024-10-21', baseURL: `${stub.url}/openai`, maxRetries: 0 });
    stub.script({ text: 'From Azure' });
    await wrapOpenAI(azure, { client: tracked.client }).chat.completions.create({ model: MODEL, messages });
    expect((await tracked.session()).assistantOutput).toBe('From Azure');
    expect(stub.requests.at(-1)?.path).toBe(`/openai/deployments/${MODEL}/chat/completions`);
  });

  it('sends the same requests and gives the same answers without a server, and with a client that throws', async () => {
    await using unreachable = unreachableClient();
    const request = { model: MODEL, messages };
    stub.script({ text: 'Hi' });
    const plain = await openai().chat.completions.create(request);
    for (const client of [unreachable, brokenClient()]) {
      const wrapped = wrapOpenAI(openai(), { client });
      stub.script({ text: 'Hi' }, { text: 'Hi' }, { status: 400 });
      expect(await wrapped.chat.completions.create(request)).toEqual(plain);
      expect(await all(await wrapped.chat.completions.create({ ...request, stream: true }))).toHaveLength(4);
      await expect(wrapped.chat.completions.create(request)).rejects.toBeInstanceOf(OpenAI.BadRequestError);
    }
    const [first] = stub.requests;
    expect(stub.requests[1]!.body).toEqual(first!.body);
  });

  it('takes prices from the caller, and none for a model that it does not know', async () => {
    await using tracked = await trackedOn(server);
    stub.script({ text: 'a', usage }, { text: 'b', usage });
    await wrapOpenAI(openai(), { client: tracked.client, estimateCost: (model, used) => (model === 'our-model' ? used.input * 0.5 : undefined) }).chat.completions.create({ model: 'our-model', messages });
    await wrapOpenAI(openai(), { client: tracked.client }).chat.completions.create({ model: 'our-model', messages });
    expect((await tracked.sessions()).map(({ events }) => events[0]?.estimatedCost)).toEqual([35, null]);
  });

  it('names a session by the first words of the user, redacted as they are', async () => {
    await using tracked = await trackedOn(server, { pii: true });
    const wrapped = wrapOpenAI(openai(), { client: tracked.client });
    const long = `Please write to ada@example.com ${'and to her friends '.repeat(2)}to bob.with.a.long.name@example.com`;
    stub.script({ text: 'Done' });
    await wrapped.chat.completions.create({ model: MODEL, messages: [{ role: 'user', content: long }] });
    const session = await tracked.session();
    expect(session.name).toBe('Please write to [EMAIL] and to her friends and to her friends to …');
    expect(JSON.stringify(session)).not.toContain('example.com');
  });
});
