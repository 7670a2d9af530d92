import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startApp } from '../../../test/support/app.ts';
import type { TestApp } from '../../../test/support/app.ts';
import { guard } from '../../../test/support/child.ts';
import { spoolFolder } from './support/client.ts';
import type { Tenant } from '../../../test/support/tenant.ts';

// The examples of the client as a reader runs them, with the built package.

let server: TestApp;
beforeAll(async () => {
  server = await startApp();
});
afterAll(() => server.close());

async function start(name: string, tenant: Tenant, ...args: string[]) {
  const file = fileURLToPath(new URL(`../../../examples/typescript/${name}.ts`, import.meta.url));
  const child = spawn(process.execPath, ['--import', import.meta.resolve('tsx'), file, ...args], {
    cwd: fileURLToPath(new URL('../../..', import.meta.url)),
    env: { PATH: process.env['PATH'], HOME: await spoolFolder(), SENTRIAL_API_KEY: tenant.key, SENTRIAL_API_URL: tenant.url },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  guard(child, { signal: 'KILL', folder: '' });
  return child;
}

it('quickstart records a session with its events, and ends', async () => {
  const tenant = await server.tenant();
  const child = await start('quickstart', tenant);
  const [[line]] = await Promise.all([once(createInterface({ input: child.stdout }), 'line') as Promise<[string]>, once(child, 'exit')]);
  const sessionId = /^session (sess_\w+): 5 delivered$/.exec(line)?.[1];
  expect(child.exitCode).toBe(0);
  expect(await tenant.run('query($id: ID!) { session(id: $id) { status assistantOutput eventCount } }', { id: sessionId })).toEqual({
    session: { status: 'COMPLETED', assistantOutput: 'It is on its way.', eventCount: 3 },
  });
});

it('watch prints each event on a line, and ends with Ctrl-C', async () => {
  const tenant = await server.tenant();
  const sessionId = await tenant.session();
  await tenant.event(sessionId);
  await tenant.event(sessionId, { toolName: 'second' });
  const child = await start('watch', tenant, '0');
  const lines: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    if (lines.push(line) === 2) child.kill('SIGINT');
  }
  expect(lines).toEqual([expect.stringMatching(new RegExp(`^\\d+ ${sessionId} tool_call search$`)), expect.stringMatching(/ tool_call second$/)]);
  if (child.exitCode === null) await once(child, 'exit');
  expect(child.exitCode).toBe(0);
});
