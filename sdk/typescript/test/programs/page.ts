// What a page in a browser does with the package: tracks a run, and watches it.
import { SentrialClient } from '@sentrial/sdk';
import type { FlushReport } from '@sentrial/sdk';

export type Access = { apiUrl: string; apiKey: string };
export type Seen = { sessionId: string; report: FlushReport; watched: unknown[]; errors: string[] };

async function trackAndWatch({ apiUrl, apiKey }: Access): Promise<Seen> {
  const errors: string[] = [];
  const client = new SentrialClient({ apiUrl, apiKey, maxRetries: 0, pii: true, onError: (error) => errors.push(error.message) });
  const interaction = client.begin({ userId: 'user', event: 'page', input: 'mail ada@mail.example' });
  void interaction.trackToolCall({ toolName: 'first', toolInput: { bytes: new Uint8Array([1, 2]) } });
  const report = await client.flush();
  const watched: unknown[] = [];
  if (report.delivered > 0) {
    for await (const { event } of client.watch({ sessionId: interaction.sessionId, after: '0' })) {
      watched.push(event.toolName);
      if (watched.length === 2) break;
      void interaction.trackToolCall({ toolName: 'live' });
    }
  }
  await client.close();
  return { sessionId: interaction.sessionId, report, watched, errors };
}

export type PageGlobals = { trackAndWatch: typeof trackAndWatch };
Object.assign(globalThis, { trackAndWatch } satisfies PageGlobals);
