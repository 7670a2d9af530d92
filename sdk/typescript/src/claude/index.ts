import { AgentRun } from './agent-run.ts';
import type { ClaudeAgentOptions } from './agent-run.ts';
import { watchedPrompt } from './prompt.ts';
import { watchedQuery } from './query.ts';

export type { ClaudeAgentOptions } from './agent-run.ts';

/** `query` of `@anthropic-ai/claude-agent-sdk`, as far as it matters here: `{ prompt, options }` go in, messages come out. */
export type QueryFunction = (params: never) => AsyncIterable<unknown>;

type QueryParams = { prompt: unknown; options?: unknown };

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
  const tracked = (params: QueryParams) => track(options, params.prompt, params.options, (prompt) => query({ ...params, prompt } as never));
  return tracked as unknown as Query;
}

/** `startup` of `@anthropic-ai/claude-agent-sdk`, as far as it matters here. */
export type StartupFunction = (params?: never) => Promise<{ query(prompt: never): AsyncIterable<unknown> }>;

/** `startup` with the query of the warm process recorded, as `wrapClaudeAgent` does it. */
export function wrapClaudeStartup<Startup extends StartupFunction>(startup: Startup, options: ClaudeAgentOptions): Startup {
  const tracked = async (params?: { options?: unknown }) => {
    const warm = await startup(params as never);
    const query = (prompt: unknown) => track(options, prompt, params?.options, (watched) => warm.query(watched as never));
    return new Proxy(warm, {
      get(target, key) {
        if (key === 'query') return query;
        const value: unknown = Reflect.get(target, key, target);
        return typeof value === 'function' ? ((value as () => unknown).bind(target) as unknown) : value;
      },
    });
  };
  return tracked as unknown as Startup;
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
