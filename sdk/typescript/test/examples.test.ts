import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startApp } from '../../../test/support/app.ts';
import type { TestApp } from '../../../test/support/app.ts';
import { assistant, fakeClaude, init, result, toolResult, toolUse } from './fixtures/claude.ts';
import { startModelStub } from './fixtures/model-stub.ts';
import type { ModelAnswer, ModelStub } from './fixtures/model-stub.ts';
import { trackedOn } from './fixtures/tracked.ts';

// The examples as a reader runs them: the built package, the real libraries, and a stub where the model would be.

let server: TestApp;
let stub: ModelStub;
beforeAll(async () => {
  [server, stub] = await Promise.all([startApp(), startModelStub()]);
});
afterAll(() => Promise.all([server.close(), stub[Symbol.asyncDispose]()]));

const root = fileURLToPath(new URL('../../..', import.meta.url));

/** Runs an example to its end; returns what it printed and what is on the server. */
async function run(name: string, answers: ModelAnswer[], more: Record<string, string | undefined> = {}) {
  await using tracked = await trackedOn(server);
  stub.script(...answers);
  const env = {
    PATH: process.env['PATH'],
    SENTRIAL_API_KEY: tracked.apiKey,
    SENTRIAL_API_URL: server.url,
    OPENAI_API_KEY: 'dummy',
    OPENAI_BASE_URL: `${stub.url}/v1`,
    ANTHROPIC_API_KEY: 'dummy',
    ANTHROPIC_BASE_URL: stub.url,
    ...more,
  };
  const child = spawn(process.execPath, ['--import', 'tsx', `examples/typescript/${name}.ts`], { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const [printed, complaints] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  expect({ code: child.exitCode, complaints }).toMatchObject({ code: 0 });
  return { printed, session: await tracked.session() };
}

const weather = [{ toolCalls: [{ id: 'call_1', name: 'get_weather', input: { city: 'Bonn' } }] }, { text: 'Take one.' }];

it('the Claude Agent SDK', async () => {
  await using fake = await fakeClaude([[init(), assistant(toolUse('toolu_1', 'Bash', { command: 'ls' })), toolResult('toolu_1', 'README.md'), result('There is one file.')]]);
  const { printed, session } = await run('claude-agent', [], { ...fake.options.env, CLAUDE_CODE_EXECUTABLE: fake.options.pathToClaudeCodeExecutable });
  expect(printed).toBe('There is one file.\n');
  expect(session).toMatchObject({ agentName: 'file-lister', status: 'COMPLETED', events: [{ toolName: 'Bash', toolOutput: 'README.md' }] });
});

it('LangChain.js', async () => {
  const { printed, session } = await run('langchain', weather);
  expect(printed).toContain('Take one.\n');
  expect(session).toMatchObject({ agentName: 'weather-agent', status: 'COMPLETED', events: [{ kind: 'LLM_CALL' }, { toolName: 'get_weather', toolOutput: 'It rains in Bonn.' }, { kind: 'LLM_CALL' }] });
});

it('OpenAI', async () => {
  const { printed, session } = await run('openai', [{ text: 'Rayleigh scattering.' }, { text: 'Air scatters blue.' }]);
  expect(printed).toBe('Air scatters blue.\n');
  expect(session).toMatchObject({ agentName: 'explainer', status: 'COMPLETED', assistantOutput: 'Air scatters blue.', events: [{ metadata: { operation: 'responses' } }, { metadata: { operation: 'chat.completions' }, promptTokens: 10 }] });
});

it('Anthropic', async () => {
  const { printed, session } = await run('anthropic', [{ text: 'A line is written' }]);
  expect(printed).toBe('A line is written\n');
  expect(session).toMatchObject({ agentName: 'haiku-writer', status: 'COMPLETED', assistantOutput: 'A line is written', events: [{ model: 'claude-haiku-4-5' }] });
});

it('the AI SDK', async () => {
  const { printed, session } = await run('ai-sdk', [{ toolCalls: [{ id: 'call_1', name: 'getWeather', input: { city: 'Bonn' } }] }, { text: 'Take one.' }]);
  expect(printed).toBe('Take one.\n');
  expect(session).toMatchObject({ agentName: 'weather-agent', status: 'COMPLETED', assistantOutput: 'Take one.', events: [{ kind: 'LLM_CALL' }, { toolName: 'getWeather', toolOutput: 'It rains in Bonn.' }, { kind: 'LLM_CALL' }] });
});
