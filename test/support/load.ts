import { Agent, request } from 'node:http';
import { Changes } from './changes.ts';

// Clients that keep writing whatever happens to the server, and remember what was acknowledged.

type Access = { url: string; key: string };

type Reply = { status: number; retryAfter: string | undefined; body: Record<string, unknown>; ms: number };

/** One POST to the REST door over a connection of its own, or undefined where the connection broke. */
export function post({ url, key }: Access, path: string, body: unknown, agent?: Agent): Promise<Reply | undefined> {
  const began = Date.now();
  return new Promise((resolve) => {
    const sent = request(`${url}/api/sdk${path}`, { method: 'POST', agent, headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' } }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (text += chunk));
      response.on('error', () => resolve(undefined));
      response.on('end', () => {
        if (!response.complete) return resolve(undefined);
        resolve({ status: response.statusCode ?? 0, retryAfter: response.headers['retry-after'], body: JSON.parse(text) as Record<string, unknown>, ms: Date.now() - began });
      });
    });
    sent.on('error', () => resolve(undefined));
    sent.end(JSON.stringify(body));
  });
}

export type Load = {
  /** Ids whose event was acknowledged, in the order of the answers. */
  readonly acknowledged: string[];
  /** Answers other than 200. */
  readonly refusals: Reply[];
  /** Requests whose connection broke: nobody knows whether they were carried out. */
  broken(): number;
  /** Resolves when `count` more were acknowledged than have been by now. */
  wrote(count: number): Promise<void>;
  /** Ends when each writer has its last event acknowledged. */
  stop(): Promise<void>;
};

/**
 * Writers that record events one after another. What is not acknowledged is sent again at once, under the same id, to
 * whichever server `access` says; while there is none they wait.
 */
export function startLoad(access: () => Access | Promise<Access>, sessionId: string, writers = 8): Load {
  const acknowledged: string[] = [];
  const refusals: Reply[] = [];
  let broken = 0;
  let stopping = false;
  const changes = new Changes();
  const agent = new Agent({ keepAlive: true });

  async function write() {
    while (!stopping) {
      const event = { id: crypto.randomUUID(), sessionId, eventType: 'tool_call', toolName: 'search', toolInput: { q: 'x'.repeat(200) } };
      for (;;) {
        const reply = await post(await access(), '/events', event, agent);
        if (reply?.status === 200) break;
        if (reply) refusals.push(reply);
        else broken += 1;
      }
      acknowledged.push(event.id);
      changes.tell();
    }
  }
  const running = Promise.all(Array.from({ length: writers }, write));
  return {
    acknowledged,
    refusals,
    broken: () => broken,
    wrote(count) {
      const enough = acknowledged.length + count;
      return changes.when(() => {
        if (acknowledged.length < enough) throw new Error(`${acknowledged.length} of ${enough} events were acknowledged`);
      });
    },
    async stop() {
      stopping = true;
      await running;
      agent.destroy();
    },
  };
}

/** Every event of a session, through the REST door. */
export async function eventsOf({ url, key }: Access, sessionId: string): Promise<{ id: string; position: number }[]> {
  const events: { id: string; position: number }[] = [];
  for (let after: string | undefined = '0'; after !== undefined; ) {
    const response = await fetch(`${url}/api/sdk/sessions/${sessionId}/events?limit=100&after=${after}`, { headers: { authorization: `Bearer ${key}` } });
    if (response.status !== 200) throw new Error(`${response.status} ${await response.text()}`);
    const page = (await response.json()) as { events: { id: string; cursor: string }[]; nextCursor?: string };
    events.push(...page.events.map(({ id, cursor }) => ({ id, position: Number(cursor) })));
    after = page.nextCursor;
  }
  return events;
}
