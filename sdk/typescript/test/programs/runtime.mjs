// The built package on whatever Node runs this: tracks a run to a real server, reads and watches it, and leaves
// something for the end of the process. In plain JavaScript, so that nothing stands between.
import { createRequire } from 'node:module';
import { SentrialClient } from '@sentrial/sdk';

const { SentrialClient: FromCommonJs } = createRequire(import.meta.url)('@sentrial/sdk');
const client = new SentrialClient({ pii: { mode: 'hash' } });
const interaction = client.begin({ userId: 'user', event: 'smoke', input: 'mail ada@mail.example' });
interaction.trackToolCall({ toolName: 'first', toolInput: new Map([['big', 10n]]) });
await interaction.finish({ output: 'done' });
const report = await client.flush();
const { status, userInput } = await client.getSession(interaction.sessionId);

const stop = new AbortController();
const seen = [];
for await (const { event } of client.watch({ sessionId: interaction.sessionId, after: '0', signal: stop.signal })) {
  seen.push(event.toolName);
  if (seen.length === 1) interaction.trackToolCall({ toolName: 'live' });
  if (seen.length === 2) stop.abort();
}

// Nothing awaits these.
interaction.trackToolCall({ toolName: 'at the end' });
new FromCommonJs({ apiUrl: 'http://127.0.0.1:9', maxRetries: 0, onError: () => undefined }).trackToolCall({ sessionId: interaction.sessionId, toolName: 'to the spool' });
console.log(JSON.stringify({ sessionId: interaction.sessionId, report, status, userInput, seen }));
