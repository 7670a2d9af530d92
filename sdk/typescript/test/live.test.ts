import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { WebSocket as NodeWebSocket } from 'ws';
import { startApp } from '../../../test/support/app.ts';
import type { TestApp } from '../../../test/support/app.ts';
import { whenSubscribers } from '../../../test/support/live.ts';
import type { EventUpdate } from '../src/types.ts';
import { clientFor, codesOf, fastClock } from './support/client.ts';
import { startProxy } from './support/proxy.ts';

let server: TestApp;
beforeAll(async () => {
  server = await startApp();
});
afterEach(() => whenSubscribers(server, 0));
afterAll(() => server.close());

/** The next so many of an iterator. */
async function take<T>(iterator: AsyncIterator<T, unknown>, count: number): Promise<T[]> {
  const items: T[] = [];
  while (items.length < count) {
    const next = await iterator.next();
    if (next.done) throw new Error(`It ended after ${items.length} of ${count}`);
    items.push(next.value);
  }
  return items;
}

const idsOf = (result: IteratorResult<EventUpdate, unknown>) => (result.done ? [] : [result.value.event.id]);

describe('watch', () => {
  it('gives events from now on, as they were tracked', async () => {
    const tenant = await server.tenant();
    const sessionId = await tenant.session();
    await tenant.event(sessionId);
    const { client } = await clientFor(tenant);
    const stop = new AbortController();
    const updates = client.watch({ sessionId, signal: stop.signal });
    const first = updates.next();
    await whenSubscribers(server, 1);
    const id = await client.trackLlmCall({ sessionId, model: 'm', prompt: ['p'], promptTokens: 3, metadata: { a: 1 } });
    await client.flush();
    expect((await first).value).toMatchObject({ cursor: expect.stringMatching(/^\d+$/) as unknown, event: { id, sessionId, eventType: 'llm_call', model: 'm', prompt: ['p'], promptTokens: 3, metadata: { a: 1 } } });
    stop.abort();
    expect(await updates.next()).toEqual({ done: true, value: undefined });
    await whenSubscribers(server, 0);
  });

  it('replays after a cursor, of the kinds that were asked for, and ends when the loop is left', async () => {
    const tenant = await server.tenant();
    const sessionId = await tenant.session();
    for (let n = 0; n < 6; n += 1) await tenant.event(sessionId, n % 2 === 0 ? {} : { eventType: 'llm_decision' });
    const { client } = await clientFor(tenant);
    const replay = client.watch({ after: '0' });
    const all = await take(replay, 6);
    await replay.return?.();
    const seen: string[] = [];
    for await (const { event } of client.watch({ after: all[1]!.cursor, types: ['llm_decision'] })) {
      seen.push(event.id);
      if (seen.length === 2) break;
    }
    expect(seen).toEqual([all[3]!.event.id, all[5]!.event.id]);
  });

  it.each([['the package ws', NodeWebSocket as unknown as typeof WebSocket], ['what the runtime has', undefined]])(
    'loses nothing and repeats nothing over connections that are cut, with %s',
    async (_name, webSocket) => {
      const tenant = await server.tenant();
      const sessionId = await tenant.session();
      await using proxy = await startProxy(tenant.url);
      const { client } = await clientFor({ url: proxy.url, key: tenant.key }, { clock: fastClock(100), webSocket });
      const stop = new AbortController();
      const updates = client.watch({ signal: stop.signal });
      const first = updates.next();
      await whenSubscribers(server, 1);
      const written: string[] = [];
      const seen: string[] = [];
      const writing = (async () => {
        for (let n = 0; n < 60; n += 1) {
          written.push(await tenant.event(sessionId));
          if (n % 20 === 10) proxy.cut();
        }
      })();
      seen.push(...idsOf(await first));
      seen.push(...(await take(updates, 59)).map((update) => update.event.id));
      await writing;
      expect(seen).toEqual(written);
      stop.abort();
      await updates.next();
    },
  );

  it('misses nothing when the connection is lost before the first event', async () => {
    const tenant = await server.tenant();
    const sessionId = await tenant.session();
    await using proxy = await startProxy(tenant.url);
    const { client, errors } = await clientFor({ url: proxy.url, key: tenant.key }, { clock: fastClock(20) });
    const stop = new AbortController();
    const updates = client.watch({ signal: stop.signal });
    const first = updates.next();
    await whenSubscribers(server, 1);
    proxy.cut();
    const id = await tenant.event(sessionId);
    expect(idsOf(await first)).toEqual([id]);
    expect(errors).toHaveLength(1);
    stop.abort();
  });

  it('holds a bounded number of updates for a slow reader, who still gets them all', async () => {
    const tenant = await server.tenant();
    const sessionId = await tenant.session();
    const { client } = await clientFor(tenant);
    const COUNT = 2_500;
    const ids = Array.from({ length: COUNT }, (_, n) => client.recorder.trackToolCall({ sessionId, toolName: `t${n}` }));
    expect(await client.flush(25_000)).toMatchObject({ delivered: COUNT });
    const stop = new AbortController();
    const updates = client.watch({ after: '0', signal: stop.signal });
    const seen = await take(updates, 1);
    await whenSubscribers(server, 0);
    seen.push(...(await take(updates, COUNT - 1)));
    expect(seen.map(({ event }) => event.id)).toEqual(ids);
    stop.abort();
  });

  it('notices a connection that is gone without a word, and goes on over another', async () => {
    const tenant = await server.tenant();
    const sessionId = await tenant.session();
    await using proxy = await startProxy(tenant.url);
    const { client, errors } = await clientFor({ url: proxy.url, key: tenant.key });
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'], shouldAdvanceTime: true });
    onTestFinished(() => void vi.useRealTimers());
    const stop = new AbortController();
    const updates = client.watch({ signal: stop.signal });
    const first = updates.next();
    await whenSubscribers(server, 1);
    proxy.hush();
    const id = await tenant.event(sessionId);
    // It asks after 15 s, and waits 10 s for the answer.
    await vi.advanceTimersByTimeAsync(25_000);
    expect(idsOf(await first)).toEqual([id]);
    expect(codesOf(errors)).toEqual(['NETWORK']);
    stop.abort();
    await updates.next();
  });

  it('rejects with what will not change: a wrong key, a wrong cursor', async () => {
    const tenant = await server.tenant();
    const { client: stranger } = await clientFor({ url: tenant.url, key: 'sentrial_live_wrong' });
    await expect(stranger.watch({ after: '0' }).next()).rejects.toMatchObject({ name: 'SentrialError', code: 'UNAUTHENTICATED' });
    await expect(stranger.watch().next()).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    const { client } = await clientFor(tenant);
    await expect(client.watch({ after: 'the beginning' }).next()).rejects.toMatchObject({ code: 'BAD_USER_INPUT' });
  });
});

describe('watchSessions', () => {
  it('gives the state of each session that changes, filtered, from the beginning where asked', async () => {
    const tenant = await server.tenant();
    const { client } = await clientFor(tenant);
    const [one, other] = [client.recorder.createSession({ name: 'n', agentName: 'a', userId: 'u' }), client.recorder.createSession({ name: 'n', agentName: 'b', userId: 'u' })];
    client.recorder.completeSession({ sessionId: one, output: 'x' });
    client.recorder.completeSession({ sessionId: other });
    await client.flush();
    const stop = new AbortController();
    const updates = client.watchSessions({ agentName: 'a', after: '0', signal: stop.signal });
    expect(await take(updates, 1)).toMatchObject([{ session: { id: one, status: 'completed', assistantOutput: 'x' } }]);
    const next = updates.next();
    client.recorder.updateSession({ sessionId: other, name: 'renamed' });
    client.recorder.updateSession({ sessionId: one, name: 'renamed' });
    await client.flush();
    expect((await next).value).toMatchObject({ session: { id: one, name: 'renamed' } });
    stop.abort();
  });
});
