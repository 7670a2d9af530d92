import { AgentRun } from './agent-run.ts';
import type { ClaudeAgentOptions } from './agent-run.ts';
import { watchedPrompt } from './prompt.ts';
import { watchedQuery } from './query.ts';

export type { ClaudeAgentOptions } from './agent-run.ts';

/** `query` of `@anthropic-ai/claude-agent-sdk`, as far as it matters here. */
export type QueryFunction = (params: QueryParams) => AsyncIterable<unknown>;
// The parameters of the real one are narrower than "unknown", and a function is compared by them.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
type QueryParams = { prompt: any; options?: any };

/**
 * `query` with every run recorded as a session: it begins with the agent's first message and ends with its result, with
 * tokens, cost, durations and the answer; each tool call is an event, each subagent a session under it. The wrapped
 * function has the type of `query` and its messages pass through as they are, one by one; what it returns can be
 * controlled (`interrupt`, `setModel`, …) as ever. Trouble with recording never reaches you.
 *
 * Read the stream to its result: a run that is left before is recorded as failed, `Session interrupted (generator
 * closed early)`; one that throws as failed with the text of the error, which you get as well.
 *
 * ```ts
 * const trackedQuery = wrapClaudeAgent(query, { client: new SentrialClient(), defaultAgent: 'my-agent' });
 * for await (const message of trackedQuery({ prompt: 'Fix the failing tests' })) …
 * ```
 */
export function wrapClaudeAgent<Query extends QueryFunction>(query: Query, options: ClaudeAgentOptions): Query {
  const tracked = (params: QueryParams) => track(options, params.prompt, params.options, (prompt) => query({ ...params, prompt }));
  return tracked as Query;
}

/** `startup` of `@anthropic-ai/claude-agent-sdk`, as far as it matters here. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type StartupFunction = (params?: any) => Promise<{ query(prompt: any): AsyncIterable<unknown> }>;

/** `startup` with the query of the warm process recorded, as `wrapClaudeAgent` does it. */
export function wrapClaudeStartup<Startup extends StartupFunction>(startup: Startup, options: ClaudeAgentOptions): Startup {
  const tracked = async (params?: { options?: unknown }) => {
    const warm = await startup(params);
    const query = (prompt: unknown) => track(options, prompt, params?.options, (watched) => warm.query(watched));
    return new Proxy(warm, {
      get(target, key) {
        if (key === 'query') return query;
        const value: unknown = Reflect.get(target, key, target);
        return typeof value === 'function' ? ((value as () => unknown).bind(target) as unknown) : value;
      },
    });
  };
  return tracked as Startup;
}

function track(options: ClaudeAgentOptions, prompt: unknown, agentOptions: unknown, query: (prompt: unknown) => AsyncIterable<unknown>): AsyncIterable<unknown> {
  const run = new AgentRun(options, agentOptions);
  try {
    return watchedQuery(query(watchedPrompt(prompt, run)), run);
  } catch (error) {
    run.fail(error);
    throw error;
  }
}
