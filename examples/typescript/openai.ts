// Calls of OpenAI's client within one session, a stream too: `node --import tsx examples/typescript/openai.ts`
// Needs SENTRIAL_API_KEY and OPENAI_API_KEY; OPENAI_BASE_URL and OPENAI_MODEL take another model.
import OpenAI from 'openai';
import { SentrialClient } from '@sentrial/sdk';
import { wrapOpenAI } from '@sentrial/sdk/openai';

const client = new SentrialClient();
const question = 'Why is the sky blue? One sentence.';
const interaction = client.begin({ userId: 'user-123', event: 'explainer', input: question });
const openai = wrapOpenAI(new OpenAI(), { client, sessionId: interaction.sessionId });
const model = process.env['OPENAI_MODEL'] ?? 'gpt-4.1-mini';

const draft = await openai.responses.create({ model, input: question });
const stream = await openai.chat.completions.create({
  model,
  messages: [{ role: 'user', content: `Say it simpler: ${draft.output_text}` }],
  stream: true,
  stream_options: { include_usage: true },
});
let answer = '';
for await (const chunk of stream) answer += chunk.choices[0]?.delta.content ?? '';
console.log(answer);

await interaction.finish({ output: answer });
await client.close();
