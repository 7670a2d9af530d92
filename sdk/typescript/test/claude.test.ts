import { AbortError, query, startup } from '@anthropic-ai/claude-agent-sdk';
import type { SDKMessage, SDKUserMessage } from '@anthropic-ai/claude-agent-sdk';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApp } from '../../../test/support/app.ts';
import type { TestApp } from '../../../test/support/app.ts';
import { wrapClaudeAgent, wrapClaudeStartup } from '../src/claude/index.ts';
import { CLAUDE_SESSION, MODEL, assistant, fakeClaude, init, modelUsage, result, text, thinking, toolResult, toolUse } from './fixtures/claude.ts';
import type { Step } from './fixtures/claude.ts';
import { EARLY, read, recordOn } from './fixtures/claude-run.ts';
import type { Run } from './fixtures/claude-run.ts';
import { ofKind, trackedOn } from './fixtures/tracked.ts';

let server: TestApp;
beforeAll(async () => {
  server = await startApp();
});
afterAll(() => server.close());

const record = (turns: Step[][], run?: Run) => recordOn(server, turns, run);

const says = (content: string): SDKUserMessage => ({ type: 'user', session_id: '', parent_tool_use_id: null, message: { role: 'user', content } });

/** Messages of a user who waits for each answer. */
function conversation(...prompts: string[]) {
  let answered = () => {};
  async function* prompt() {
    for (const words of prompts) {
      const answer = new Promise<void>((resolve) => (answered = resolve));
      yield says(words);
      await answer;
    }
  }
  async function read(messages: AsyncIterable<SDKMessage>) {
    for await (const message of messages) if (message.type === 'result') answered();
  }
  return { prompt, read };
}

describe('a session', () => {
  it('begins with the agent and ends with its result, with tokens, cost, durations and the answer', async () => {
    const end = result('All tests pass now.', {
      num_turns: 3,
      duration_api_ms: 640,
      total_cost_usd: 0.0321,
      usage: { input_tokens: 700, output_tokens: 90, cache_read_input_tokens: 5000, cache_creation_input_tokens: 300 },
      modelUsage: { [MODEL]: modelUsage(700, 90, { cacheRead: 5000, cacheWrite: 300, cost: 0.0321 }) },
    });
    const { sessions, session, faults } = await record([[init(), assistant(text('All tests pass now.')), end]], {
      tracking: { defaultAgent: 'my-agent', userId: 'user-123', convoId: 'convo-abc', extraMetadata: { environment: 'production' } },
    });
    expect(faults).toEqual([]);
    expect(sessions).toHaveLength(1);
    expect(session).toMatchObject({
      agentName: 'my-agent', userId: 'user-123', convoId: 'convo-abc', name: 'Fix the failing tests', parentSessionId: null,
      status: 'COMPLETED', success: true, failureReason: null, userInput: 'Fix the failing tests', assistantOutput: 'All tests pass now.',
      promptTokens: 6000, completionTokens: 90, totalTokens: 6090, estimatedCost: 0.0321,
      metadata: { claudeSessionId: CLAUDE_SESSION, environment: 'production', cwd: '/project', apiDurationMs: 640, turns: 3, stopReason: 'end_turn', usage: { input: 700, cacheRead: 5000, cacheWrite: 300, output: 90 } },
    });
    expect(session.durationMs).toBeGreaterThan(0);
  });

  it('has defaults for who ran and for whom', async () => {
    const { session } = await record([[init(), result('Done')]]);
    expect(session).toMatchObject({ agentName: 'claude-agent', userId: 'anonymous', convoId: null });
  });

  it('asks functions for the user and the conversation, and does without one that fails', async () => {
    const noRequest = () => {
      throw new Error('no request here');
    };
    const { session, faults } = await record([[init(), result('Done')]], { tracking: { userId: () => 'user-7', convoId: noRequest } });
    expect(session).toMatchObject({ userId: 'user-7', convoId: null, status: 'COMPLETED' });
    expect(faults).toEqual(['no request here']);
  });

  it('is still running while the agent is', async () => {
    await using tracked = await trackedOn(server);
    await using fake = await fakeClaude([[init(), assistant(text('One moment')), { hold: true }]]);
    const running = wrapClaudeAgent(query, { client: tracked.client })({ prompt: 'Hello', options: fake.options });
    await running.next();
    const { value } = await running.next();
    expect(value).toMatchObject({ type: 'assistant' });
    expect(await tracked.session()).toMatchObject({ status: 'ACTIVE', durationMs: null });
    await running.return();
    expect(await tracked.session()).toMatchObject({ status: 'FAILED', failureReason: EARLY });
  });
});

describe('tool calls', () => {
  it('that run in parallel are told apart, with input, output, tool-use id, reason and failure', async () => {
    const { session } = await record([
      [
        init(),
        assistant(thinking('Two files matter.')),
        assistant(text('I read both.')),
        assistant(toolUse('toolu_1', 'Read', { file_path: 'a.ts' })),
        assistant(toolUse('toolu_2', 'Read', { file_path: 'b.ts' })),
        toolResult('toolu_2', 'File does not exist.', { isError: true }),
        toolResult('toolu_1', [text('export const a = 1;')], { details: { type: 'text' } }),
        assistant(toolUse('toolu_3', 'Bash', { command: 'npm test' }), { id: 'msg_2' }),
        toolResult('toolu_3', [{ type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'aGk=' } }]),
        result('Done'),
      ],
    ]);
    const calls = ofKind(session, 'TOOL_CALL');
    expect(calls.map(({ toolName, metadata, status }) => [toolName, metadata?.['toolUseId'], status])).toEqual([['Read', 'toolu_2', 'error'], ['Read', 'toolu_1', 'success'], ['Bash', 'toolu_3', 'success']]);
    expect(calls[0]).toMatchObject({ toolInput: { file_path: 'b.ts' }, toolError: { message: 'File does not exist.' }, toolOutput: null });
    expect(calls[1]).toMatchObject({ toolInput: { file_path: 'a.ts' }, toolOutput: 'export const a = 1;', reasoning: 'Two files matter.\n\nI read both.' });
    expect(calls[2]).toMatchObject({ toolOutput: [{ type: 'image' }], reasoning: null });
    expect(calls.every(({ durationMs }) => durationMs !== null)).toBe(true);
  });

  it('that the API runs itself are recorded from one message', async () => {
    const search = { type: 'server_tool_use', id: 'srvtoolu_1', name: 'web_search', input: { query: 'weather' } };
    const failed = { type: 'web_search_tool_result', tool_use_id: 'srvtoolu_1', content: { type: 'web_search_tool_result_error', error_code: 'max_uses_exceeded' } };
    const { session } = await record([[init(), assistant(search), assistant(failed), result('Done')]]);
    expect(ofKind(session, 'TOOL_CALL')).toMatchObject([{ toolName: 'web_search', toolInput: { query: 'weather' }, status: 'error', toolError: { message: 'max_uses_exceeded' } }]);
  });

  it('without a result are recorded as failed when the run ends', async () => {
    const { session } = await record([[init(), assistant(toolUse('toolu_1', 'Bash', { command: 'sleep 9' })), result('', { subtype: 'error_max_budget_usd', is_error: true, errors: ['Reached maximum budget ($0.01)'] })]]);
    expect(ofKind(session, 'TOOL_CALL')).toMatchObject([{ toolName: 'Bash', status: 'error', toolError: { type: 'Interrupted', message: 'No result came: Reached maximum budget ($0.01)' } }]);
    expect(session).toMatchObject({ status: 'FAILED', failureReason: 'Reached maximum budget ($0.01)' });
  });

  it('of a message that was taken back are not recorded', async () => {
    const withdrawn = assistant(toolUse('toolu_1', 'Bash', {}));
    const { session } = await record([[init(), withdrawn, assistant(text('Instead'), { id: 'msg_2', supersedes: [withdrawn.emit['uuid']] }), result('Done')]]);
    expect(session.events).toEqual([]);
  });
});

describe('subagents', () => {
  it('are sessions under the one that asked for them, at every depth', async () => {
    const { sessions } = await record([
      [
        init(),
        assistant(toolUse('toolu_a', 'Agent', { description: 'Look around', prompt: 'Find the tests', subagent_type: 'explorer' })),
        assistant(toolUse('toolu_b', 'Task', { description: 'Dig', prompt: 'Read them', subagent_type: 'reader' }), { id: 'msg_2', parent: 'toolu_a' }),
        assistant(toolUse('toolu_c', 'Read', { file_path: 'x' }), { id: 'msg_3', parent: 'toolu_b' }),
        toolResult('toolu_c', 'content', { parent: 'toolu_b' }),
        toolResult('toolu_b', [text('report of the reader')], { parent: 'toolu_a' }),
        toolResult('toolu_a', [text('for the model')], { details: { status: 'completed', content: [{ type: 'text', text: 'note' }, { type: 'text', text: 'report' }], totalTokens: 1100, totalToolUseCount: 1 } }),
        result('Done'),
      ],
    ]);
    const [run, explorer, reader] = sessions;
    expect(sessions).toHaveLength(3);
    expect(explorer).toMatchObject({ agentName: 'explorer', name: 'Look around', parentSessionId: run!.id, userInput: 'Find the tests', assistantOutput: 'report', status: 'COMPLETED', totalTokens: 0, metadata: { parentToolUseId: 'toolu_a', totalTokens: 1100, toolUses: 1 } });
    expect(reader).toMatchObject({ agentName: 'reader', parentSessionId: explorer!.id, assistantOutput: 'report of the reader', status: 'COMPLETED' });
    expect(sessions.map((session) => session.events.map(({ toolName }) => toolName))).toEqual([['Agent'], ['Task'], ['Read']]);
    expect(run!.events[0]).toMatchObject({ metadata: { childSessionId: explorer!.id } });
  });

  it('that a run leaves behind end with it', async () => {
    const { sessions } = await record([[init(), assistant(toolUse('toolu_a', 'Agent', { prompt: 'Look', subagent_type: 'explorer' })), assistant(toolUse('toolu_c', 'Read', {}), { id: 'msg_2', parent: 'toolu_a' }), { exit: 1, stderr: 'out of memory' }]]);
    expect(sessions.map(({ status, events }) => [status, events.map(({ kind, status: outcome }) => [kind, outcome])])).toEqual([
      ['FAILED', [['TOOL_CALL', 'error'], ['ERROR', undefined]]],
      ['CANCELLED', [['TOOL_CALL', 'error']]],
    ]);
  });
});

describe('a run that goes wrong', () => {
  it('is failed when the stream is left early', async () => {
    const { session } = await record([[init(), assistant(toolUse('toolu_1', 'Bash', {})), toolResult('toolu_1', 'ok'), { hold: true }]], {
      consume: async (messages) => {
        for await (const message of messages) if (message.type === 'user') break;
      },
    });
    expect(session).toMatchObject({ status: 'FAILED', success: false, failureReason: EARLY });
    expect(ofKind(session, 'ERROR')).toEqual([]);
  });

  it('is failed when it is closed', async () => {
    const { session } = await record([[init(), { hold: true }]], {
      consume: async (messages) => {
        await messages.next();
        messages.close();
      },
    });
    expect(session).toMatchObject({ status: 'FAILED', failureReason: EARLY });
  });

  it('is not when it is left at its result', async () => {
    const { session } = await record([[init(), result('Done'), { hold: true }]], {
      consume: async (messages) => {
        for await (const message of messages) if (message.type === 'result') break;
      },
    });
    expect(session).toMatchObject({ status: 'COMPLETED', assistantOutput: 'Done', failureReason: null });
  });

  it('is completed even if nobody asks for more after the result', async () => {
    const { session } = await record([[init(), result('Done')]], {
      consume: async (messages) => {
        await messages.next();
        await messages.next();
      },
    });
    expect(session).toMatchObject({ status: 'COMPLETED', assistantOutput: 'Done' });
  });

  it('is failed with the text of what was thrown, which the caller gets', async () => {
    const { seen, session } = await record([[init(), { exit: 7, stderr: 'boom' }]]);
    expect(seen.status).toBe('rejected');
    const { message } = (seen as PromiseRejectedResult).reason as Error;
    expect(message).toContain('exited with code 7');
    expect(session).toMatchObject({ status: 'FAILED', failureReason: message });
    expect(ofKind(session, 'ERROR')).toMatchObject([{ errorMessage: message, recoverable: false }]);
  });

  it('is recorded even when the agent cannot be started', async () => {
    const { seen, session } = await record([[]], { options: { pathToClaudeCodeExecutable: '/nowhere/claude' }, prompt: 'Hello' });
    expect(seen.status).toBe('rejected');
    expect(session).toMatchObject({ status: 'FAILED', name: 'Hello', failureReason: ((seen as PromiseRejectedResult).reason as Error).message });
  });

  it('is one error, though its result tells it and the stream throws it again', async () => {
    const { seen, session } = await record([[init(), result('', { subtype: 'error_max_turns', is_error: true, errors: ['Reached maximum number of turns (3)'], result: undefined }), { exit: 1 }]]);
    expect((seen as PromiseRejectedResult).reason).toBeInstanceOf(Error);
    expect(session).toMatchObject({ status: 'FAILED', totalTokens: 1100, failureReason: expect.stringContaining('Reached maximum number of turns (3)') as string });
    expect(ofKind(session, 'ERROR')).toHaveLength(1);
  });

  it('is failed by an error of the API, which calls itself a success', async () => {
    const { session } = await record([[init(), assistant(text('API Error: 400'), { error: 'invalid_request' }), result('API Error: 400 The request is wrong.', { is_error: true, api_error_status: 400 })]]);
    expect(session).toMatchObject({ status: 'FAILED', failureReason: 'API Error: 400 The request is wrong.', metadata: { apiErrorStatus: 400 } });
  });

  it('is failed when it ends without a result', async () => {
    const { seen, session } = await record([[init(), assistant(text('Hm')), { exit: 0 }]]);
    expect(seen.status).toBe('fulfilled');
    expect(session).toMatchObject({ status: 'FAILED', failureReason: 'Session ended without a result' });
  });

  it('is failed when it is aborted, by the same error as ever', async () => {
    const abortController = new AbortController();
    const { seen, session } = await record([[init(), { hold: true }]], {
      options: { abortController },
      consume: async (messages) => {
        for await (const message of messages) if (message.type === 'system') abortController.abort();
      },
    });
    expect((seen as PromiseRejectedResult).reason).toBeInstanceOf(AbortError);
    expect(session).toMatchObject({ status: 'FAILED', failureReason: ((seen as PromiseRejectedResult).reason as Error).message });
  });
});

describe('several results', () => {
  it('of several turns are counted once each, and all that the user said is kept', async () => {
    const { prompt, read: consume } = conversation('one', 'two');
    const turn = (words: string, number: number) => [init(), assistant(text(words), { id: `msg_${number}` }), result(words, { total_cost_usd: 0.0045 * number, duration_api_ms: 100 * number, modelUsage: { [MODEL]: modelUsage(1000 * number, 100 * number, { cost: 0.0045 * number }) } })];
    const { session } = await record([turn('First', 1), turn('Second', 2)], { prompt: prompt(), consume });
    expect(session).toMatchObject({ status: 'COMPLETED', userInput: ['one', 'two'], assistantOutput: 'Second', promptTokens: 2000, completionTokens: 200, metadata: { apiDurationMs: 200, turns: 2, modelUsage: { [MODEL]: { usage: { input: 2000, output: 200 } } } } });
    expect(session.estimatedCost).toBeCloseTo(0.009, 10);
  });

  it('begin anew after the conversation was reset', async () => {
    const { prompt, read: consume } = conversation('one', '/clear');
    const { session } = await record([[init(), result('First', { total_cost_usd: 0.02, modelUsage: { [MODEL]: modelUsage(2000, 200, { cost: 0.02 }) } })], [init({ session_id: 'another' }), result('Second', { total_cost_usd: 0.01, modelUsage: { [MODEL]: modelUsage(500, 50, { cost: 0.01 }) } })]], { prompt: prompt(), consume });
    expect(session).toMatchObject({ promptTokens: 2500, completionTokens: 250 });
    expect(session.estimatedCost).toBeCloseTo(0.03, 10);
  });

  it('leave the outcome to the last one', async () => {
    const { prompt, read: consume } = conversation('one', 'two');
    const { session } = await record([[init(), result('', { subtype: 'error_during_execution', is_error: true, errors: ['interrupted'] })], [init(), assistant(text('ok')), result('Second')]], { prompt: prompt(), consume });
    expect(session).toMatchObject({ status: 'COMPLETED', success: true, assistantOutput: 'Second' });
    expect(session.failureReason || null).toBeNull();
  });

  it('of a resumed session include what was before it, whose cost is not counted again', async () => {
    const total = { total_cost_usd: 0.05, usage: { input_tokens: 1000, output_tokens: 100 }, modelUsage: { [MODEL]: modelUsage(9000, 900, { cost: 0.05 }) } };
    const { session: exact } = await record([[init(), result('Done', { ...total, model_usage_since_last_result: { [MODEL]: modelUsage(1200, 120, { cost: 0.006 }) } })]], { options: { resume: CLAUDE_SESSION } });
    expect(exact).toMatchObject({ promptTokens: 1200, completionTokens: 120, estimatedCost: 0.006 });
    expect(exact.metadata).not.toHaveProperty('apiDurationMs');
    const { session: older } = await record([[init(), result('Done', total)]], { options: { resume: CLAUDE_SESSION } });
    expect(older).toMatchObject({ promptTokens: 1000, completionTokens: 100, estimatedCost: 0 });
  });
});

it('a query of a warm process is recorded as well', async () => {
  await using fake = await fakeClaude([[init(), result('Warm')]]);
  await using tracked = await trackedOn(server);
  const warm = await wrapClaudeStartup(startup, { client: tracked.client })({ options: fake.options });
  await read(warm.query('Hello'));
  expect(await tracked.session()).toMatchObject({ status: 'COMPLETED', userInput: 'Hello', assistantOutput: 'Warm' });
});

it('many queries at once are kept apart', async () => {
  await using tracked = await trackedOn(server);
  const trackedQuery = wrapClaudeAgent(query, { client: tracked.client });
  await Promise.all(
    ['a', 'b', 'c', 'd'].map(async (name) => {
      await using fake = await fakeClaude([[init(), assistant(toolUse('toolu_1', `Tool_${name}`, {})), toolResult('toolu_1', name), result(name)]]);
      await read(trackedQuery({ prompt: name, options: fake.options }));
    }),
  );
  const sessions = await tracked.sessions();
  expect(sessions.map(({ userInput, assistantOutput, events }) => [userInput, assistantOutput, events.map(({ toolName }) => toolName)]).sort()).toEqual(['a', 'b', 'c', 'd'].map((name) => [name, name, [`Tool_${name}`]]));
});
