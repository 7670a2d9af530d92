import { describe, expect, it } from 'vitest';
import type { EventInput } from '../../src/event/input.ts';
import { promptOf, recogniseLlmCall, responseOf, wireEventType } from '../../src/event/llm-call.ts';

const event = (fields: Partial<EventInput>): EventInput => ({ sessionId: 's', eventType: 'tool_call', ...fields });

describe('a tool call named llm:<provider>:<model>', () => {
  it('is an LLM call, with the tokens of its output', () => {
    const sent = event({ toolName: 'llm:openai:gpt-4o', toolOutput: { content: 'x', tokens: { prompt: 10, completion: 5, total: 15 } } });
    expect(recogniseLlmCall(sent)).toEqual({ ...sent, eventType: 'llm_call', model: 'gpt-4o', promptTokens: 10, completionTokens: 5, totalTokens: 15 });
  });

  it('has the tokens of its metadata where its output has none', () => {
    expect(recogniseLlmCall(event({ toolName: 'llm:openai:gpt', metadata: { prompt_tokens: 3, completion_tokens: 4 } }))).toMatchObject({ promptTokens: 3, completionTokens: 4 });
  });

  it('is believed before what is read out of it', () => {
    const sent = event({ toolName: 'llm:openai:gpt', model: 'own', promptTokens: 1, completionTokens: 2, totalTokens: 3, toolOutput: { tokens: { prompt: 10, completion: 5, total: 15 } } });
    expect(recogniseLlmCall(sent)).toMatchObject({ model: 'own', promptTokens: 1, completionTokens: 2, totalTokens: 3 });
  });

  it.each([{ prompt: '10', total: -1 }, { prompt: 1.5, total: 1e12 }, { prompt: NaN, total: null }, 'many', null, [1]])('keeps no tokens that are no count: %j', (tokens) => {
    const { promptTokens, totalTokens } = recogniseLlmCall(event({ toolName: 'llm:openai:gpt', toolOutput: { tokens } }));
    expect([promptTokens, totalTokens]).toEqual([undefined, undefined]);
  });

  it.each([['llm:bedrock:anthropic.claude:0', 'anthropic.claude:0'], ['llm::gpt', 'gpt'], ['llm:a:b\nc', 'b\nc']])('%j names the model %j', (toolName, model) => {
    expect(recogniseLlmCall(event({ toolName })).model).toBe(model);
  });
});

it.each([event({ toolName: 'llm_call' }), event({ toolName: 'llm:openai' }), event({ toolName: 'llm:openai:' }), event({ toolName: 'xllm:a:b' }), event({}), event({ toolName: 'llm:a:b', eventType: 'error' })])('any other event stays what it is: %j', (sent) => {
  expect(recogniseLlmCall(sent)).toBe(sent);
});

describe('what was asked and answered', () => {
  it('is the prompt and the response, else the messages and the content of the tool call', () => {
    expect(promptOf({ prompt: 'p', toolInput: { messages: [1] } })).toBe('p');
    expect(promptOf({ prompt: null, toolInput: { messages: [1] } })).toEqual([1]);
    expect(promptOf({ prompt: null, toolInput: { raw: 'r' } })).toEqual({ raw: 'r' });
    expect(promptOf({ prompt: null, toolInput: null })).toBeNull();
    expect(responseOf({ response: '', toolOutput: { content: 'c' } })).toBe('');
    expect(responseOf({ response: null, toolOutput: { content: 'c' } })).toBe('c');
    expect(responseOf({ response: null, toolOutput: { messages: ['m'] } })).toEqual(['m']);
    expect(responseOf({ response: null, toolOutput: 'text' })).toBe('text');
    expect(responseOf({ response: null, toolOutput: null })).toBeNull();
  });
});

it('an LLM call that came as a tool call goes out as one', () => {
  expect([wireEventType({ eventType: 'llm_call', toolName: 'llm:a:b' }), wireEventType({ eventType: 'llm_call', toolName: null }), wireEventType({ eventType: 'error', toolName: 'llm:a:b' })]).toEqual(['tool_call', 'llm_call', 'error']);
});
