// Follows all events as they come, and goes on where it was after every interruption:
// `node --import tsx examples/typescript/watch.ts [cursor]`. Needs SENTRIAL_API_KEY with the scope read.
import { SentrialClient } from '@sentrial/sdk';

const client = new SentrialClient();
const stop = new AbortController();
process.once('SIGINT', () => stop.abort());

for await (const { cursor, event } of client.watch({ after: process.argv[2], signal: stop.signal })) {
  console.log(`${cursor} ${event.sessionId} ${event.eventType} ${event.toolName ?? event.model ?? event.reasoning ?? event.errorMessage ?? ''}`);
}
await client.close();
