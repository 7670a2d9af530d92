import { afterAll, onTestFinished } from 'vitest';
import { SentrialClient } from '../../src/client.ts';
import type { Clock, SentrialClientConfig } from '../../src/types.ts';
import { removeFolder, temporaryFolder } from '../../../../test/support/child.ts';

/** The time, so many times as fast, for what waits between tries. */
export function fastClock(times: number): Clock {
  const start = Date.now();
  return {
    now: () => start + (Date.now() - start) * times,
    setTimer(callback, ms) {
      const timer = setTimeout(callback, ms / times);
      return () => clearTimeout(timer);
    },
  };
}

export type TestClient = { client: SentrialClient; errors: Error[]; folder: string };

const folders: string[] = [];
afterAll(() => Promise.all(folders.map(removeFolder)));

export async function spoolFolder(): Promise<string> {
  const folder = await temporaryFolder('spool');
  folders.push(folder);
  return folder;
}

/** A client of its own for the test at hand, closed with it; its spool is in a folder of its own. */
export async function clientFor(access: { url: string; key: string }, config: SentrialClientConfig = {}): Promise<TestClient> {
  const errors: Error[] = [];
  const folder = await spoolFolder();
  const client = new SentrialClient({
    apiKey: access.key,
    apiUrl: access.url,
    spool: { folder },
    flushOnExit: false,
    onError: (error) => errors.push(error),
    ...config,
  });
  onTestFinished(async () => {
    await client.close(200);
  });
  return { client, errors, folder };
}

export const codesOf = (errors: readonly Error[]) => errors.map((error) => (error as { code?: string }).code ?? error.name);
