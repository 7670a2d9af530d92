import type { Usage } from './usage.ts';

/** US dollars for a million tokens. */
type Price = { input: number; output: number; cacheRead: number; cacheWrite: number };

const openai = (input: number, output: number, cacheRead: number): Price => ({ input, output, cacheRead, cacheWrite: input });
const anthropic = (input: number, output: number): Price => ({ input, output, cacheRead: input * 0.1, cacheWrite: input * 1.25 });
const google = (input: number, output: number): Price => ({ input, output, cacheRead: input * 0.25, cacheWrite: input });

/** Public list prices as of 2025-12; an estimate, not a bill. A newer model has none until it is added. */
const PRICES: Record<string, Price> = {
  'gpt-5.1': openai(1.25, 10, 0.125),
  'gpt-5': openai(1.25, 10, 0.125),
  'gpt-5-mini': openai(0.25, 2, 0.025),
  'gpt-5-nano': openai(0.05, 0.4, 0.005),
  'gpt-4.1': openai(2, 8, 0.5),
  'gpt-4.1-mini': openai(0.4, 1.6, 0.1),
  'gpt-4.1-nano': openai(0.1, 0.4, 0.025),
  'gpt-4o': openai(2.5, 10, 1.25),
  'gpt-4o-mini': openai(0.15, 0.6, 0.075),
  'gpt-4-turbo': openai(10, 30, 10),
  'gpt-4': openai(30, 60, 30),
  'gpt-3.5-turbo': openai(0.5, 1.5, 0.5),
  o1: openai(15, 60, 7.5),
  o3: openai(2, 8, 0.5),
  'o3-mini': openai(1.1, 4.4, 0.55),
  'o4-mini': openai(1.1, 4.4, 0.275),
  'text-embedding-3-small': openai(0.02, 0, 0.02),
  'text-embedding-3-large': openai(0.13, 0, 0.13),
  'claude-opus-4': anthropic(15, 75),
  'claude-opus-4-0': anthropic(15, 75),
  'claude-opus-4-1': anthropic(15, 75),
  'claude-opus-4-5': anthropic(5, 25),
  'claude-sonnet-4': anthropic(3, 15),
  'claude-sonnet-4-0': anthropic(3, 15),
  'claude-sonnet-4-5': anthropic(3, 15),
  'claude-haiku-4-5': anthropic(1, 5),
  'claude-3-7-sonnet': anthropic(3, 15),
  'claude-3-5-sonnet': anthropic(3, 15),
  'claude-3-5-haiku': anthropic(0.8, 4),
  'claude-3-opus': anthropic(15, 75),
  'claude-3-haiku': anthropic(0.25, 1.25),
  'gemini-2.5-pro': google(1.25, 10),
  'gemini-2.5-flash': google(0.3, 2.5),
  'gemini-2.5-flash-lite': google(0.1, 0.4),
  'gemini-2.0-flash': google(0.1, 0.4),
};

/** What may follow the name of the same model: -20250514, -2025-08-07, @20250514, -latest, -preview, -001, -v1:0. */
const VARIANT = /^(?:[-@]\d{8}|-\d{4}-\d{2}-\d{2}|-latest|-preview|-\d{3})?(?:-v\d+:\d+)?$/;

/** The estimated cost in US dollars; undefined for a model without a known price. */
export function listPrice(model: string, { input, cacheRead, cacheWrite, output }: Usage): number | undefined {
  const price = priceOf(model);
  return price && dollars((input * price.input + cacheRead * price.cacheRead + cacheWrite * price.cacheWrite + output * price.output) / 1e6);
}

/** Without the noise that adding binary fractions makes: 0.009000000000000001 is 0.009. */
export const dollars = (amount: number) => Number(amount.toFixed(12));

function priceOf(model: string): Price | undefined {
  // "openai/gpt-4o", "models/gemini-…" and "us.anthropic.claude-…" say first where the model is.
  const name = model.toLowerCase().replace(/^.*\//, '').replace(/^(?:[a-z]{2,4}\.)?anthropic\./, '');
  return Object.entries(PRICES).find(([known]) => name.startsWith(known) && VARIANT.test(name.slice(known.length)))?.[1];
}
