import { readFileSync } from 'node:fs';
import type { Options } from '@anthropic-ai/claude-agent-sdk';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApp } from '../../../test/support/app.ts';
import type { TestApp } from '../../../test/support/app.ts';
import type { Message } from './fixtures/claude.ts';
import { recordOn } from './fixtures/claude-run.ts';
import { ofKind } from './fixtures/tracked.ts';

let server: TestApp;
beforeAll(async () => {
  server = await startApp();
});
afterAll(() => server.close());

// What Claude Code 2.1.329 really said, against a stub of the model; long texts are cut, fields of no matter left out.
describe('runs recorded from the real Claude Code', () => {
  const recorded = JSON.parse(readFileSync(new URL('fixtures/claude-recorded.json', import.meta.url), 'utf8')) as Record<string, Message[]>;
  const replay = (name: string, options?: Options) => recordOn(server, [recorded[name]!.map((emit) => ({ emit }))], { options });

  it('with two tools of which one fails', async () => {
    const { session } = await replay('tools');
    expect(session).toMatchObject({ status: 'COMPLETED', assistantOutput: 'Done', promptTokens: 2000, completionTokens: 200, estimatedCost: 0.009, metadata: { apiDurationMs: 356, claudeCodeVersion: '2.1.329' } });
    expect(ofKind(session, 'TOOL_CALL')).toMatchObject([{ toolName: 'Bash', toolInput: { command: 'echo hi' }, toolOutput: 'hi', status: 'success' }, { toolName: 'Bash', toolError: { message: 'Exit code 3' }, status: 'error' }]);
  });

  it('with two turns', async () => {
    const { session } = await replay('two turns');
    expect(session).toMatchObject({ promptTokens: 2000, completionTokens: 200, estimatedCost: 0.009, assistantOutput: 'Second', metadata: { apiDurationMs: 120 } });
  });

  it('that was resumed, and one that was forked', async () => {
    for (const [name, answer] of [['resume', 'Resumed'], ['fork', 'Forked']] as const) {
      const { session } = await replay(name, { resume: 'ad3cfef9-4f05-4376-aaba-ed96d2430c1f' });
      expect(session).toMatchObject({ promptTokens: 1000, completionTokens: 100, estimatedCost: 0.0045, assistantOutput: answer });
    }
  });

  it('with a subagent', async () => {
    const { sessions } = await replay('subagent');
    const [run, child] = sessions;
    expect(run).toMatchObject({ promptTokens: 4000, estimatedCost: 0.018, assistantOutput: 'All done', events: [{ toolName: 'Agent', metadata: { childSessionId: child!.id } }] });
    expect(child).toMatchObject({ agentName: 'general-purpose', name: 'Look', userInput: 'Look around', parentSessionId: run!.id, assistantOutput: 'sub done', status: 'COMPLETED', metadata: { totalTokens: 1100, toolUses: 1 }, events: [{ toolName: 'Bash', toolOutput: 'sub' }] });
  });

  it('with a subagent in the background, which brings a second result', async () => {
    const { sessions } = await replay('background');
    const [run, child] = sessions;
    expect(run).toMatchObject({ status: 'COMPLETED', assistantOutput: 'z', promptTokens: 4000, estimatedCost: 0.018 });
    expect(child).toMatchObject({ status: 'COMPLETED', assistantOutput: 'y', parentSessionId: run!.id, metadata: { totalTokens: 1100 } });
  });
});
