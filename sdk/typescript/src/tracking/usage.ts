import { defined, fields, number } from './value.ts';
import type { Fields } from './value.ts';

/** Tokens of one call or run, in buckets that do not overlap, except `reasoning`, which is part of `output`. */
export type Usage = {
  /** Read, and neither from the cache nor into it. */
  input: number;
  cacheRead: number;
  cacheWrite: number;
  output: number;
  reasoning?: number;
};

/**
 * The tokens in what a provider or a framework says about usage; undefined where it says nothing. Providers differ in
 * whether "input" includes what the cache gave: with OpenAI, Google, LangChain and the AI SDK it does, with Anthropic
 * and Bedrock it does not.
 */
export function readUsage(value: unknown): Usage | undefined {
  const usage = fields(value);
  for (const read of SHAPES) {
    const found = read(usage);
    if (found) return found;
  }
  return undefined;
}

type Shape = (usage: Fields) => Usage | undefined;

const SHAPES: Shape[] = [
  // AI SDK, between it and its providers: { inputTokens: { total, noCache, cacheRead, cacheWrite }, outputTokens: { total, reasoning } }
  ({ inputTokens: input, outputTokens: output }) => {
    if (typeof input !== 'object' && typeof output !== 'object') return undefined;
    const read = fields(input);
    const written = fields(output);
    return including(number(read['total']), number(written['total']), { cacheRead: read['cacheRead'], cacheWrite: read['cacheWrite'], reasoning: written['reasoning'] });
  },
  // AI SDK towards its users, Bedrock, and the model usage of the Claude Agent SDK
  (usage) => {
    const { inputTokens: input, outputTokens: output } = usage;
    const cacheRead = usage['cacheReadInputTokens'];
    const cacheWrite = usage['cacheCreationInputTokens'] ?? usage['cacheWriteInputTokens'];
    if (cacheRead !== undefined || cacheWrite !== undefined) return excluding(number(input), number(output), { cacheRead, cacheWrite, reasoning: usage['thinkingTokens'] });
    const details = fields(usage['inputTokenDetails']);
    return including(number(input), number(output), {
      cacheRead: details['cacheReadTokens'] ?? usage['cachedInputTokens'],
      cacheWrite: details['cacheWriteTokens'],
      reasoning: fields(usage['outputTokenDetails'])['reasoningTokens'] ?? usage['reasoningTokens'],
    });
  },
  // Anthropic; OpenAI's Responses API; LangChain's usage_metadata
  (usage) => {
    const input = number(usage['input_tokens']);
    const output = number(usage['output_tokens']);
    const langchain = fields(usage['input_token_details']);
    const openai = fields(usage['input_tokens_details']);
    const reasoning = fields(usage['output_token_details'])['reasoning'] ?? fields(usage['output_tokens_details'])['reasoning_tokens'] ?? fields(usage['output_tokens_details'])['thinking_tokens'];
    const cacheRead = usage['cache_read_input_tokens'];
    const cacheWrite = usage['cache_creation_input_tokens'];
    if (cacheRead !== undefined || cacheWrite !== undefined) return excluding(input, output, { cacheRead, cacheWrite, reasoning });
    return including(input, output, { cacheRead: langchain['cache_read'] ?? openai['cached_tokens'], cacheWrite: langchain['cache_creation'] ?? openai['cache_write_tokens'], reasoning });
  },
  // OpenAI's chat completions, and whoever speaks like them
  (usage) =>
    including(number(usage['prompt_tokens']), number(usage['completion_tokens']), {
      cacheRead: fields(usage['prompt_tokens_details'])['cached_tokens'],
      reasoning: fields(usage['completion_tokens_details'])['reasoning_tokens'],
    }),
  // LangChain's tokenUsage
  (usage) => including(number(usage['promptTokens']), number(usage['completionTokens']), {}),
  // Google
  (usage) => {
    const output = number(usage['candidatesTokenCount']);
    const thoughts = number(usage['thoughtsTokenCount']);
    return including(number(usage['promptTokenCount']), output === undefined && thoughts === undefined ? undefined : (output ?? 0) + (thoughts ?? 0), { cacheRead: usage['cachedContentTokenCount'], reasoning: thoughts });
  },
  // Ollama
  (usage) => including(number(usage['prompt_eval_count']), number(usage['eval_count']), {}),
];

type Details = { cacheRead?: unknown; cacheWrite?: unknown; reasoning?: unknown };

/** Where `input` counts what the cache gave as well. */
function including(input: number | undefined, output: number | undefined, details: Details): Usage | undefined {
  const cached = (number(details.cacheRead) ?? 0) + (number(details.cacheWrite) ?? 0);
  return excluding(input === undefined ? undefined : Math.max(0, input - cached), output, details);
}

function excluding(input: number | undefined, output: number | undefined, details: Details): Usage | undefined {
  if (input === undefined && output === undefined) return undefined;
  return defined({
    input: input ?? 0,
    cacheRead: number(details.cacheRead) ?? 0,
    cacheWrite: number(details.cacheWrite) ?? 0,
    output: output ?? 0,
    reasoning: number(details.reasoning),
  });
}

/** All tokens read, from the cache or not. */
export const promptTokens = (usage: Usage) => usage.input + usage.cacheRead + usage.cacheWrite;

export function addUsage(one: Usage | undefined, other: Usage): Usage {
  if (!one) return other;
  const reasoning = one.reasoning === undefined && other.reasoning === undefined ? undefined : (one.reasoning ?? 0) + (other.reasoning ?? 0);
  return defined({
    input: one.input + other.input,
    cacheRead: one.cacheRead + other.cacheRead,
    cacheWrite: one.cacheWrite + other.cacheWrite,
    output: one.output + other.output,
    reasoning,
  });
}

/** What came since: `now` less `before`, and all of `now` where the count began anew. */
export function usageSince(before: Usage | undefined, now: Usage): Usage {
  if (!before || promptTokens(now) + now.output < promptTokens(before) + before.output) return now;
  return addUsage(now, { input: -before.input, cacheRead: -before.cacheRead, cacheWrite: -before.cacheWrite, output: -before.output, ...(before.reasoning === undefined ? {} : { reasoning: -before.reasoning }) });
}

/** As events and sessions carry it. */
export const tokenCounts = (usage: Usage | undefined) =>
  usage && { promptTokens: promptTokens(usage), completionTokens: usage.output, totalTokens: promptTokens(usage) + usage.output };
