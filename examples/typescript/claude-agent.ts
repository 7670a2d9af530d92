// A run of the Claude Agent SDK as a session: `node --import tsx examples/typescript/claude-agent.ts "List the files here"`
// Needs SENTRIAL_API_KEY, and what Claude Code needs (ANTHROPIC_API_KEY). CLAUDE_CODE_EXECUTABLE takes another one.
import { query } from '@anthropic-ai/claude-agent-sdk';
import { SentrialClient } from '@sentrial/sdk';
import { wrapClaudeAgent } from '@sentrial/sdk/claude';

const client = new SentrialClient();
const trackedQuery = wrapClaudeAgent(query, {
  client,
  defaultAgent: 'file-lister',
  userId: 'user-123',
  convoId: `listing-${Date.now()}`,
  extraMetadata: { environment: 'example' },
});

const messages = trackedQuery({
  prompt: process.argv[2] ?? 'Which files are in this folder?',
  options: { maxTurns: 5, allowedTools: ['Bash', 'Glob', 'Read'], pathToClaudeCodeExecutable: process.env['CLAUDE_CODE_EXECUTABLE'] },
});
for await (const message of messages) {
  if (message.type === 'result') console.log(message.subtype === 'success' ? message.result : message.errors.join('\n'));
}

await client.close();
