// The Vercel AI SDK with a tool, as a session: `node --import tsx examples/typescript/ai-sdk.ts`
// Needs SENTRIAL_API_KEY and OPENAI_API_KEY; OPENAI_BASE_URL and OPENAI_MODEL take another model.
import { openai } from '@ai-sdk/openai';
import * as ai from 'ai';
import { SentrialClient } from '@sentrial/sdk';
import { wrapAISDK } from '@sentrial/sdk/ai';
import { z } from 'zod';

const client = new SentrialClient();
const { streamText } = wrapAISDK(ai, { client, defaultAgent: 'weather-agent', userId: 'user-123' });

const { textStream } = streamText({
  model: openai(process.env['OPENAI_MODEL'] ?? 'gpt-4.1-mini'),
  prompt: 'Do I need an umbrella in Bonn?',
  stopWhen: ai.stepCountIs(3),
  tools: {
    getWeather: ai.tool({ description: 'The weather of a city', inputSchema: z.object({ city: z.string() }), execute: ({ city }) => `It rains in ${city}.` }),
  },
});
for await (const text of textStream) process.stdout.write(text);
process.stdout.write('\n');

await client.close();
