import { describe, expect, it } from 'vitest';
import { listPrice } from '../src/tracking/pricing.ts';
import { readUsage, tokenCounts, usageSince } from '../src/tracking/usage.ts';

const EXPECTED = { input: 70, cacheRead: 25, cacheWrite: 5, output: 12 };

// The same call, 100 tokens read of which 25 from the cache and 5 into it, 12 written, in the words of each.
describe('the tokens of a call are the same, said by', () => {
  it.each([
    ['Anthropic', { input_tokens: 70, output_tokens: 12, cache_read_input_tokens: 25, cache_creation_input_tokens: 5 }],
    ['Bedrock', { inputTokens: 70, outputTokens: 12, totalTokens: 112, cacheReadInputTokens: 25, cacheWriteInputTokens: 5 }],
    ['the Claude Agent SDK', { inputTokens: 70, outputTokens: 12, cacheReadInputTokens: 25, cacheCreationInputTokens: 5, costUSD: 0.1 }],
    ['OpenAI, responses', { input_tokens: 100, output_tokens: 12, input_tokens_details: { cached_tokens: 25, cache_write_tokens: 5 } }],
    ['LangChain', { input_tokens: 100, output_tokens: 12, total_tokens: 112, input_token_details: { cache_read: 25, cache_creation: 5 } }],
    ['AI SDK 6', { inputTokens: 100, outputTokens: 12, totalTokens: 112, inputTokenDetails: { noCacheTokens: 70, cacheReadTokens: 25, cacheWriteTokens: 5 } }],
    ['a provider of AI SDK 6', { inputTokens: { total: 100, noCache: 70, cacheRead: 25, cacheWrite: 5 }, outputTokens: { total: 12, text: 12 } }],
  ])('%s', (_, said) => {
    expect(readUsage(said)).toEqual(EXPECTED);
  });

  it.each([
    ['OpenAI, chat', { prompt_tokens: 100, completion_tokens: 12, prompt_tokens_details: { cached_tokens: 25 }, completion_tokens_details: { reasoning_tokens: 7 } }],
    ['OpenAI, responses', { input_tokens: 100, output_tokens: 12, input_tokens_details: { cached_tokens: 25 }, output_tokens_details: { reasoning_tokens: 7 } }],
    ['AI SDK 5', { inputTokens: 100, outputTokens: 12, cachedInputTokens: 25, reasoningTokens: 7 }],
    ['Google', { promptTokenCount: 100, candidatesTokenCount: 5, thoughtsTokenCount: 7, cachedContentTokenCount: 25 }],
  ])('%s, which has no writes, and thinks', (_, said) => {
    expect(readUsage(said)).toEqual({ input: 75, cacheRead: 25, cacheWrite: 0, output: 12, reasoning: 7 });
  });

  it.each([
    ['older LangChain', { promptTokens: 100, completionTokens: 12, totalTokens: 112 }],
    ['Ollama', { prompt_eval_count: 100, eval_count: 12 }],
    ['whoever speaks like OpenAI', { prompt_tokens: 100, completion_tokens: 12, prompt_tokens_details: null }],
  ])('%s, which has no cache', (_, said) => {
    expect(readUsage(said)).toEqual({ input: 100, cacheRead: 0, cacheWrite: 0, output: 12 });
  });

  it.each([[undefined], [null], ['100'], [{}], [{ input_tokens: '100' }], [{ inputTokens: null, outputTokens: NaN }]])('nobody, in %o', (said) => {
    expect(readUsage(said)).toBeUndefined();
  });
});

it('prompt tokens are all tokens read', () => {
  expect(tokenCounts(EXPECTED)).toEqual({ promptTokens: 100, completionTokens: 12, totalTokens: 112 });
});

it('what came since is the difference, and all of it where the count began anew', () => {
  const more = { input: 100, cacheRead: 50, cacheWrite: 5, output: 20 };
  expect(usageSince(EXPECTED, more)).toEqual({ input: 30, cacheRead: 25, cacheWrite: 0, output: 8 });
  expect(usageSince(more, EXPECTED)).toEqual(EXPECTED);
  expect(usageSince(undefined, more)).toEqual(more);
});

describe('the list price', () => {
  it('counts each kind of token at its own', () => {
    // 3, 0.3, 3.75 and 15 dollars a million
    expect(listPrice('claude-sonnet-4-5', { input: 1e6, cacheRead: 1e6, cacheWrite: 1e6, output: 1e6 })).toBe(22.05);
    expect(listPrice('gpt-4.1-mini', { input: 1000, cacheRead: 1000, cacheWrite: 0, output: 100 })).toBe(0.00066);
  });

  it.each([
    ['claude-sonnet-4-20250514', 3],
    ['claude-sonnet-4-5@20250929', 3],
    ['us.anthropic.claude-sonnet-4-5-20250929-v1:0', 3],
    ['anthropic/claude-opus-4-5', 5],
    ['claude-opus-4-1-20250805', 15],
    ['gpt-4o-mini-2024-07-18', 0.15],
    ['gpt-4o-2024-08-06', 2.5],
    ['openai/gpt-5-nano', 0.05],
    ['models/gemini-2.5-flash-lite', 0.1],
  ])('of %s is that of its model', (model, price) => {
    expect(listPrice(model, { input: 1e6, cacheRead: 0, cacheWrite: 0, output: 0 })).toBe(price);
  });

  it.each([['gpt-4o-audio'], ['gpt-4.15'], ['claude-opus-4-9'], ['gpt-5-pro'], ['our-model'], ['']])('of %s is unknown rather than that of another model', (model) => {
    expect(listPrice(model, EXPECTED)).toBeUndefined();
  });
});
