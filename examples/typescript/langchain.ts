// An agent of LangChain.js as a session: `node --import tsx examples/typescript/langchain.ts`
// Needs SENTRIAL_API_KEY and OPENAI_API_KEY; OPENAI_BASE_URL and OPENAI_MODEL take another model.
import { ChatOpenAI } from '@langchain/openai';
import { SentrialClient } from '@sentrial/sdk';
import { SentrialCallbackHandler } from '@sentrial/sdk/langchain';
import { createAgent, tool } from 'langchain';
import { z } from 'zod';

const client = new SentrialClient();
const handler = new SentrialCallbackHandler({ client, userId: 'user-123', verbose: true });

const getWeather = tool(({ city }: { city: string }) => `It rains in ${city}.`, {
  name: 'get_weather',
  description: 'The weather of a city',
  schema: z.object({ city: z.string() }),
});
const agent = createAgent({ name: 'weather-agent', model: new ChatOpenAI({ model: process.env['OPENAI_MODEL'] ?? 'gpt-4.1-mini' }), tools: [getWeather] });
const { messages } = await agent.invoke({ messages: [{ role: 'user', content: 'Do I need an umbrella in Bonn?' }] }, { callbacks: [handler] });
console.log(messages.at(-1)?.text);

await client.close();
