// One tracked exchange with a user: `node --import tsx examples/typescript/quickstart.ts`
// Needs SENTRIAL_API_KEY; SENTRIAL_API_URL when the server is not the local one.
import { SentrialClient } from '@sentrial/sdk';

const client = new SentrialClient();
const interaction = client.begin({ userId: 'user-123', event: 'support-agent', input: 'Where is my order?' });

void interaction.trackDecision({ reasoning: 'The user asks for an order', alternatives: ['search', 'ask back'], chosen: 'search', confidence: 0.9 });
void interaction.trackToolCall({ toolName: 'find_order', toolInput: { user: 'user-123' }, toolOutput: { order: 42, state: 'on its way' }, durationMs: 120 });
void interaction.trackLlmCall({ model: 'gpt-4.1-mini', prompt: 'Say where order 42 is', response: 'It is on its way.', promptTokens: 20, completionTokens: 7, cost: 0.0001 });
await interaction.finish({ output: 'It is on its way.', customMetrics: { satisfaction: 5 } });

const report = await client.close();
console.log(`session ${interaction.sessionId}: ${report.delivered} delivered`);
