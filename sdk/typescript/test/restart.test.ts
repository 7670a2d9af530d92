import { EventEmitter, once } from 'node:events';
import { cp } from 'node:fs/promises';
import { expect, inject, it } from 'vitest';
import { freePort } from '../../../test/support/ports.ts';
import { startServer } from '../../../test/support/process.ts';
import type { ServerProcess } from '../../../test/support/process.ts';
import { clientFor, spoolFolder } from './support/client.ts';

const KEY = `sentrial_live_${'r'.repeat(43)}`;
const SESSIONS = 20;
const EVENTS = 30;

it('a server that is killed and started again in the middle of a run has every event, once, and every end', { timeout: 90_000 }, async () => {
  const port = String(await freePort());
  const data = await spoolFolder();
  await cp(inject('embeddedTemplate'), data, { recursive: true });
  const env = { PORT: port, SENTRIAL_DATA_DIR: data, SENTRIAL_BOOTSTRAP_API_KEY: KEY };
  let server: ServerProcess = await startServer({ env });
  const requests = new EventEmitter();
  const observedFetch: typeof fetch = (input, init) => {
    requests.emit('sent');
    return fetch(input, init);
  };
  const { client } = await clientFor({ url: server.url, key: KEY }, { maxRetries: 1, batching: { maxEvents: 20, intervalMs: 5 }, fetch: observedFetch });

  const sessionIds = Array.from({ length: SESSIONS }, (_, n) => client.recorder.createSession({ name: `run ${n}`, agentName: 'agent', userId: 'user' }));
  const expected = new Map(sessionIds.map((id) => [id, [] as string[]]));
  let restarted: Promise<void> | undefined;
  for (let n = 0; n < EVENTS; n += 1) {
    for (const [sessionId, ids] of expected) ids.push(client.recorder.trackToolCall({ sessionId, toolName: `t${n}`, toolInput: { n } }));
    // While a batch is under way: what it holds may have been stored, or not.
    if (n === 10) {
      await once(requests, 'sent');
      const old = server;
      restarted = old.kill('SIGKILL').then(async () => {
        server = await startServer({ env });
      });
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
  for (const sessionId of sessionIds) client.recorder.completeSession({ sessionId, output: 'done' });
  await restarted;
  let pending = 1;
  for (let round = 0; pending > 0 && round < 10; round += 1) pending = (await client.flush()).pending;

  const stored = new Map<string, string[]>();
  for (const sessionId of sessionIds) {
    const session = await client.getSession(sessionId);
    expect(session).toMatchObject({ status: 'completed', assistantOutput: 'done', eventCount: EVENTS });
  }
  const stop = new AbortController();
  let count = 0;
  for await (const { event } of client.watch({ after: '0', signal: stop.signal })) {
    const ids = stored.get(event.sessionId) ?? [];
    ids.push(event.id);
    stored.set(event.sessionId, ids);
    if ((count += 1) === SESSIONS * EVENTS) stop.abort();
  }
  expect(stored).toEqual(expected);
  await client.close();
  await server.stop();
});
