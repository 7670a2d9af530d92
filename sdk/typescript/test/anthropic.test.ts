import Anthropic from '@anthropic-ai/sdk';
import { afterAll, afterEach, beforeAll, describe, expect, expectTypeOf, it } from 'vitest';
import { startApp } from '../../../test/support/app.ts';
import type { TestApp } from '../../../test/support/app.ts';
import { wrapAnthropic } from '../src/anthropic/index.ts';
import { startModelStub } from './fixtures/model-stub.ts';
import type { ModelStub } from './fixtures/model-stub.ts';
import { brokenClient, trackedOn, unreachableClient } from './fixtures/tracked.ts';

let server: TestApp;
let stub: ModelStub;
beforeAll(async () => {
  [server, stub] = await Promise.all([startApp(), startModelStub()]);
});
afterEach(() => void stub.requests.splice(0));
afterAll(() => Promise.all([server.close(), stub[Symbol.asyncDispose]()]));

const anthropic = () => new Anthropic({ apiKey: 'dummy', baseURL: stub.url, maxRetries: 0 });
const MODEL = 'claude-sonnet-4-5';
const request = { model: MODEL, max_tokens: 100, system: 'Be brief.', messages: [{ role: 'user' as const, content: 'What is the weather?' }] };
const usage = { input: 70, output: 12, cacheRead: 1000, cacheWrite: 30 };
const toolCalls = [{ id: 'toolu_1', name: 'get_weather', input: { city: 'Bonn' } }];

async function all<Piece>(stream: AsyncIterable<Piece>): Promise<Piece[]> {
  const pieces: Piece[] = [];
  for await (const piece of stream) pieces.push(piece);
  return pieces;
}

describe('messages', () => {
  it('are a session with an LLM call; tokens of the cache are counted, and told apart', async () => {
    await using tracked = await trackedOn(server);
    stub.script({ text: 'It rains.', toolCalls, usage });
    const tools = [{ name: 'get_weather', input_schema: { type: 'object' as const } }];
    const message = await wrapAnthropic(anthropic(), { client: tracked.client, convoId: 'c-1' }).messages.create({ ...request, tools });
    expect(message.content).toHaveLength(2);
    const session = await tracked.session();
    expect(session).toMatchObject({ agentName: 'anthropic', convoId: 'c-1', userInput: 'What is the weather?', assistantOutput: 'It rains.', status: 'COMPLETED', promptTokens: 1100, completionTokens: 12 });
    expect(session.events).toMatchObject([
      { kind: 'LLM_CALL', model: MODEL, status: 'success', prompt: [{ role: 'system', content: 'Be brief.' }, { role: 'user', content: 'What is the weather?' }], response: { role: 'assistant', content: [{ type: 'text', text: 'It rains.' }, { type: 'tool_use', name: 'get_weather', input: { city: 'Bonn' } }] },
        promptTokens: 1100, estimatedCost: 0.0008025, metadata: { provider: 'anthropic', finishReason: 'tool_use', usage: { input: 70, cacheRead: 1000, cacheWrite: 30, output: 12 }, parameters: { max_tokens: 100, tools: ['get_weather'] } } },
    ]);
  });

  it('that are streamed are put together, and pass through as they come', async () => {
    await using tracked = await trackedOn(server);
    stub.script({ text: 'It rains.', toolCalls, usage }, { text: 'It rains.', toolCalls, usage });
    const plain = await all(await anthropic().messages.create({ ...request, stream: true }));
    const seen = await all(await wrapAnthropic(anthropic(), { client: tracked.client }).messages.create({ ...request, stream: true }));
    expect(seen.map(({ type }) => type)).toEqual(plain.map(({ type }) => type));
    expect(seen.slice(1)).toEqual(plain.slice(1));
    const [call] = (await tracked.session()).events;
    expect(call).toMatchObject({ promptTokens: 1100, completionTokens: 12, metadata: { finishReason: 'tool_use' }, response: { content: [{ type: 'text', text: 'It rains.' }, { type: 'tool_use', id: 'toolu_1', name: 'get_weather', input: { city: 'Bonn' } }] } });
  });

  it('by the helpers of the library are recorded too', async () => {
    await using tracked = await trackedOn(server);
    const wrapped = wrapAnthropic(anthropic(), { client: tracked.client });
    stub.script({ text: 'Streamed', usage }, { text: 'In beta' }, { toolCalls }, { text: 'It rains.' });
    const stream = wrapped.messages.stream(request);
    const texts: string[] = [];
    stream.on('text', (delta) => texts.push(delta));
    expect((await stream.finalMessage()).content).toMatchObject([{ type: 'text', text: 'Streamed' }]);
    expect(texts.join('')).toBe('Streamed');
    await wrapped.beta.messages.create(request);
    const weather = { name: 'get_weather', description: '', input_schema: { type: 'object' as const }, type: 'custom' as const, run: () => 'rain', parse: (input: unknown) => input as Record<string, unknown> };
    const runner = wrapped.beta.messages.toolRunner({ ...request, tools: [weather] });
    expect((await runner).content).toMatchObject([{ text: 'It rains.' }]);
    expect((await tracked.sessions()).map(({ status, assistantOutput, events }) => [status, assistantOutput, events.length])).toEqual([['COMPLETED', 'Streamed', 1], ['COMPLETED', 'In beta', 1], ['COMPLETED', null, 1], ['COMPLETED', 'It rains.', 1]]);
  });

  it('that are left early, aborted or fail are recorded so', async () => {
    await using tracked = await trackedOn(server);
    const wrapped = wrapAnthropic(anthropic(), { client: tracked.client });
    stub.script({ text: 'A long answer', stall: true }, { text: 'A long answer', stall: true }, { status: 400 }, { status: 401 });
    for await (const event of await wrapped.messages.create({ ...request, stream: true })) if (event.type === 'content_block_delta') break;
    const stream = wrapped.messages.stream(request);
    stream.on('text', () => stream.abort());
    await expect(stream.finalMessage()).rejects.toBeInstanceOf(Anthropic.APIUserAbortError);
    await expect(wrapped.messages.create(request)).rejects.toBeInstanceOf(Anthropic.BadRequestError);
    await expect(wrapped.messages.stream(request).finalMessage()).rejects.toBeInstanceOf(Anthropic.AuthenticationError);
    const sessions = await tracked.sessions();
    expect(sessions.map(({ status }) => status)).toEqual(['CANCELLED', 'CANCELLED', 'FAILED', 'FAILED']);
    expect(sessions[0]!.events).toMatchObject([{ response: { content: [{ text: 'A long ' }] }, metadata: { endedEarly: true } }]);
    expect(sessions[2]!.events).toMatchObject([{ status: 'error', toolError: { message: expect.stringContaining('The request is wrong.') as string } }]);
  });
});

describe('the wrapped client', () => {
  it('is the same to its user', () => {
    const client = anthropic();
    const wrapped = wrapAnthropic(client, { client: brokenClient() });
    expectTypeOf(wrapped).toEqualTypeOf(client);
    expect(wrapped).toBeInstanceOf(Anthropic);
  });

  it('works without a server, and with a client that throws', async () => {
    await using unreachable = unreachableClient();
    for (const client of [unreachable, brokenClient()]) {
      const wrapped = wrapAnthropic(anthropic(), { client });
      stub.script({ text: 'Hi' }, { text: 'Hi' }, { status: 400 });
      expect((await wrapped.messages.create(request)).content).toMatchObject([{ text: 'Hi' }]);
      expect((await wrapped.messages.stream(request).finalMessage()).content).toMatchObject([{ text: 'Hi' }]);
      await expect(wrapped.messages.create(request)).rejects.toBeInstanceOf(Anthropic.BadRequestError);
    }
  });
});
