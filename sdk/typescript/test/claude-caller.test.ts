import { query, startup } from '@anthropic-ai/claude-agent-sdk';
import type { Query } from '@anthropic-ai/claude-agent-sdk';
import { afterAll, beforeAll, describe, expect, expectTypeOf, it } from 'vitest';
import { startApp } from '../../../test/support/app.ts';
import type { TestApp } from '../../../test/support/app.ts';
import { wrapClaudeAgent, wrapClaudeStartup } from '../src/claude/index.ts';
import { assistant, fakeClaude, init, result, system, text, toolResult, toolUse } from './fixtures/claude.ts';
import type { Step } from './fixtures/claude.ts';
import { read, recordOn } from './fixtures/claude-run.ts';
import type { Run } from './fixtures/claude-run.ts';
import { brokenClient, ofKind, unreachableClient } from './fixtures/tracked.ts';

let server: TestApp;
beforeAll(async () => {
  server = await startApp();
});
afterAll(() => server.close());

const record = (turns: Step[][], run?: Run) => recordOn(server, turns, run);

describe('what the caller gets', () => {
  const steps: Step[] = [
    init(),
    system('status', { status: 'thinking' }),
    { raw: 'not JSON at all' },
    { raw: '{"type":"a_type_of_the_future","payload":{"deep":[1,2,3]},"uuid":"u","session_id":"s"}' },
    { raw: '{"type":"assistant","message":null,"uuid":"u","session_id":"s"}' },
    { raw: '{"type":"user","message":{"content":[null,{"type":"tool_result"}]},"uuid":"u","session_id":"s"}' },
    { raw: '{"type":"system","uuid":"u","session_id":"s"}' },
    assistant(toolUse('toolu_1', 'Bash', { command: 'ls' })),
    toolResult('toolu_1', 'a.ts'),
    result('Done'),
  ];

  it('is what the agent says, whole and in order, whatever it is', async () => {
    await using fake = await fakeClaude([steps]);
    const plain = await read(query({ prompt: 'Hello', options: fake.options }));
    const { seen, session } = await record([steps]);
    expect(plain).toHaveLength(9);
    expect((seen as PromiseFulfilledResult<unknown>).value).toEqual(plain);
    expect(ofKind(session, 'TOOL_CALL')).toMatchObject([{ toolName: 'Bash', toolOutput: 'a.ts' }]);
  });

  it('is the same when there is no server, and when the client throws', async () => {
    await using fake = await fakeClaude([steps]);
    const plain = await read(query({ prompt: 'Hello', options: fake.options }));
    await using unreachable = unreachableClient();
    for (const client of [unreachable, brokenClient()]) {
      const trackedQuery = wrapClaudeAgent(query, { client });
      expect(await read(trackedQuery({ prompt: 'Hello', options: fake.options }))).toEqual(plain);
    }
  });

  it('comes message by message, not when the run is over', async () => {
    const { seen } = await record([[init(), assistant(text('so far')), { hold: true }]], {
      consume: async (messages) => {
        const first = await messages.next();
        const second = await messages.next();
        await messages.return();
        return [first.value?.type, second.value?.type];
      },
    });
    expect(seen).toMatchObject({ value: ['system', 'assistant'] });
  });

  it('can be controlled as ever', async () => {
    const { trace } = await record([[init(), { hold: true }]], {
      consume: async (messages) => {
        await messages.next();
        await messages.setModel('claude-opus-4-5');
        await messages.interrupt();
        await messages.return();
      },
    });
    const requests = trace.filter(({ type }) => type === 'control_request').map(({ request }) => (request as { subtype: string }).subtype);
    expect(requests).toEqual(['initialize', 'set_model', 'interrupt']);
  });

  it('keeps the options, the environment and the prompt as they were given', async () => {
    const { trace } = await record([[init(), result('Done')]], { prompt: 'Say hi', options: { maxTurns: 3, model: 'opus' } });
    const [start, ...sent] = trace as [{ argv: string[]; env: string[] }, ...Record<string, unknown>[]];
    expect(start.argv).toEqual(expect.arrayContaining(['--max-turns=3', '--model=opus']));
    expect(start.env.filter((name) => name.startsWith('SENTRIAL'))).toEqual([]);
    expect(sent.find(({ type }) => type === 'user')).toMatchObject({ message: { content: [{ type: 'text', text: 'Say hi' }] } });
    // Hooks would be on the way of every tool call.
    expect(sent.find(({ type }) => type === 'control_request')).not.toMatchObject({ request: { hooks: expect.anything() as unknown } });
  });

  it('has the types of the function that was wrapped', () => {
    const trackedQuery = wrapClaudeAgent(query, { client: brokenClient() });
    expectTypeOf(trackedQuery).toEqualTypeOf(query);
    expectTypeOf<ReturnType<typeof trackedQuery>>().toEqualTypeOf<Query>();
    expectTypeOf(wrapClaudeStartup(startup, { client: brokenClient() })).toEqualTypeOf(startup);
    // @ts-expect-error A prompt is a text or a stream of messages.
    expectTypeOf(trackedQuery).toBeCallableWith({ prompt: 1 });
    // @ts-expect-error A client is needed.
    wrapClaudeAgent(query, {});
  });
});
