// A call of Anthropic's client as a session of its own: `node --import tsx examples/typescript/anthropic.ts`
// Needs SENTRIAL_API_KEY and ANTHROPIC_API_KEY; ANTHROPIC_BASE_URL and ANTHROPIC_MODEL take another model.
import Anthropic from '@anthropic-ai/sdk';
import { SentrialClient } from '@sentrial/sdk';
import { wrapAnthropic } from '@sentrial/sdk/anthropic';

const client = new SentrialClient();
const anthropic = wrapAnthropic(new Anthropic(), { client, defaultAgent: 'haiku-writer', userId: 'user-123' });

const stream = anthropic.messages.stream({
  model: process.env['ANTHROPIC_MODEL'] ?? 'claude-haiku-4-5',
  max_tokens: 200,
  messages: [{ role: 'user', content: 'A haiku about logs, please.' }],
});
stream.on('text', (text) => process.stdout.write(text));
await stream.finalMessage();
process.stdout.write('\n');

await client.close();
