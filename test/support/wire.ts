import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

// What the published SDK sends and what it was answered, recorded and played back.

/** One request and its answer, with what differs from run to run replaced (see `placeholders`). */
export type Pair = { request: { method: string; path: string; body?: unknown }; response: { status: number; body: unknown } };

interface Recorder extends AsyncDisposable {
  url: string;
  pairs: Pair[];
}

/** A proxy in front of a server that writes down what passes. */
export async function startRecorder(target: string): Promise<Recorder> {
  const pairs: Pair[] = [];
  const placeholder = placeholders();
  const proxy = createServer((incoming, outgoing) => {
    void (async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of incoming) chunks.push(chunk as Buffer);
      const body = Buffer.concat(chunks);
      const { host: _host, connection: _connection, 'content-length': _length, 'transfer-encoding': _encoding, ...headers } = incoming.headers;
      const method = incoming.method ?? 'GET';
      const answer = await fetch(target + incoming.url, { method, headers: headers as Record<string, string>, body: body.length === 0 ? null : body });
      const text = await answer.text();
      outgoing.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? '' }).end(text);
      const sent = body.length === 0 ? {} : { body: placeholder(JSON.parse(body.toString())) };
      pairs.push({ request: { method, path: placeholder(incoming.url) as string, ...sent }, response: { status: answer.status, body: placeholder(JSON.parse(text)) } });
    })().catch((error: unknown) => outgoing.destroy(error as Error));
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  return {
    url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    pairs,
    async [Symbol.asyncDispose]() {
      proxy.closeAllConnections();
      proxy.close();
      await once(proxy, 'close');
    },
  };
}

const TIMES = new Set(['createdAt', 'updatedAt', 'completedAt', 'lastEventAt']);
const DURATIONS = new Set(['durationMs', 'duration_ms']);

/**
 * Replaces what differs from run to run: ids that the server made are numbered in the order they appear, moments,
 * durations, random UUIDs and stack traces become the same everywhere.
 */
function placeholders(): (value: unknown) => unknown {
  const known = new Map<string, string>();
  const counts = { sess: 0, evt: 0 };

  const text = (input: string) =>
    input
      .replace(/\b(sess|evt)_[0-9a-f]{32}\b/g, (id, prefix: 'sess' | 'evt') => {
        let name = known.get(id);
        if (!name) known.set(id, (name = `{${prefix === 'sess' ? 'session' : 'event'} ${++counts[prefix]}}`));
        return name;
      })
      .replace(/\b[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\b/g, '00000000-0000-4000-8000-000000000000')
      .replace(/:[0-9a-f]{8}$/, ':00000000');

  function replace(value: unknown, key?: string): unknown {
    if (Array.isArray(value)) return value.map((item) => replace(item));
    if (value !== null && typeof value === 'object') return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, replace(inner, name)]));
    if (key !== undefined && TIMES.has(key) && typeof value === 'string') return '2025-01-12T10:30:00.000Z';
    if (key !== undefined && DURATIONS.has(key) && typeof value === 'number') return 12;
    if (key === 'stack_trace' && typeof value === 'string') return 'Traceback …';
    return typeof value === 'string' ? text(value) : value;
  }
  return (value) => replace(value);
}

/** Sends the requests of recorded pairs in order, and gives what was answered in the form of the recording. */
export async function replay(url: string, key: string, pairs: readonly Pair[]): Promise<Pair[]> {
  const placeholder = placeholders();
  const real = new Map<string, string>();
  const fill = (text: string) => text.replace(/\{(?:session|event) \d+\}/g, (name) => real.get(name) ?? name);

  /** Learns which id the server now gave where the recording has a placeholder. */
  function learn(recorded: unknown, answered: unknown) {
    if (recorded === null || answered === null || typeof recorded !== 'object' || typeof answered !== 'object') return;
    const id = 'id' in recorded && 'id' in answered ? [recorded.id, answered.id] : [];
    if (typeof id[0] === 'string' && typeof id[1] === 'string' && id[0].startsWith('{')) real.set(id[0], id[1]);
  }

  const played: Pair[] = [];
  for (const { request, response } of pairs) {
    const answer = await fetch(url + fill(request.path), {
      method: request.method,
      headers: { authorization: `Bearer ${key}`, ...(request.body !== undefined && { 'content-type': 'application/json' }) },
      body: request.body === undefined ? null : fill(JSON.stringify(request.body)),
    });
    const body: unknown = await answer.json();
    learn(response.body, body);
    played.push({ request, response: { status: answer.status, body: placeholder(body) } });
  }
  return played;
}
