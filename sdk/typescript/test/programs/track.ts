// Tracks EVENTS events of one session, and ends in the way that WAY says.
import { SentrialClient } from '../../src/client.ts';

const count = Number(process.env['EVENTS']);
const way = process.env['WAY'];
const client = new SentrialClient({ maxRetries: 0, onError: (error) => process.stdout.write(`error: ${error.message}\n`) });
const sessionId = process.env['SESSION'] ?? '';
for (let n = 0; n < count; n += 1) void client.trackToolCall({ sessionId, toolName: `t${n}` });
process.stdout.write('tracked\n');

if (way === 'exit') process.exit(3);
else if (way === 'throw') throw new Error('a bug of the program');
else if (way === 'stay') setInterval(() => undefined, 60_000);
else if (way === 'handle signals') {
  setInterval(() => undefined, 60_000);
  process.on('SIGTERM', () => void client.close().then(() => process.exit(7)));
} else if (way === 'await') {
  await client.close();
  process.stdout.write('closed\n');
}
