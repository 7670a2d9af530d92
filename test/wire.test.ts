import { readFileSync, readdirSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApp } from './support/app.ts';
import type { TestApp } from './support/app.ts';
import { replay } from './support/wire.ts';
import type { Pair } from './support/wire.ts';

// What the published SDK sent when it was recorded (test/published-python.test.ts) is answered as it was then.

let server: TestApp;
beforeAll(async () => {
  server = await startApp();
});
afterAll(() => server.close());

const FOLDER = new URL('wire/', import.meta.url);
const recordings = readdirSync(FOLDER).filter((name) => name.endsWith('.json'));

describe.each(recordings)('the recording %s', (name) => {
  const pairs = JSON.parse(readFileSync(new URL(name, FOLDER), 'utf8')) as Pair[];

  it('is answered as it was', async () => {
    const tenant = await server.tenant();
    // What was sent with a key that nobody has is answered so again.
    const mine = pairs.filter(({ response }) => response.status !== 401);
    expect(await replay(server.url, tenant.key, mine)).toEqual(mine);
    const strange = pairs.filter(({ response }) => response.status === 401);
    expect(await replay(server.url, 'sentrial_live_nobody', strange)).toEqual(strange);
  });
});

it('there are recordings of everything the SDK sends', () => {
  const pairs = recordings.flatMap((name) => JSON.parse(readFileSync(new URL(name, FOLDER), 'utf8')) as Pair[]);
  const routes = new Set(pairs.map(({ request }) => `${request.method} ${request.path.replace(/\{session \d+\}|sess_\w+/, ':id')}`));
  expect([...routes].sort()).toEqual(['GET /api/sdk/pii-config', 'PATCH /api/sdk/sessions/:id', 'POST /api/sdk/events', 'POST /api/sdk/sessions']);
  const types = new Set(pairs.map(({ request }) => (request.body as { eventType?: string } | undefined)?.eventType));
  expect([...types].filter(Boolean).sort()).toEqual(['error', 'llm_decision', 'tool_call']);
});
