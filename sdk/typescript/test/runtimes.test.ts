import { execFile } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { startApp } from '../../../test/support/app.ts';
import { spoolFolder } from './support/client.ts';
import { eventsOf } from './support/read.ts';

const PROGRAM = fileURLToPath(new URL('programs/runtime.mjs', import.meta.url));

/** The Node at hand, and those in SENTRIAL_TEST_NODES: paths of node binaries, separated by colons. */
const NODES = [process.execPath, ...(process.env['SENTRIAL_TEST_NODES'] ?? '').split(':').filter(Boolean)];

it.each(NODES)('the built package tracks, reads, watches and leaves nothing behind on %s', async (node) => {
  await using server = await startApp();
  const tenant = await server.tenant();
  const folder = await spoolFolder();
  const env = { PATH: process.env['PATH'], HOME: folder, SENTRIAL_API_KEY: tenant.key, SENTRIAL_API_URL: tenant.url, SENTRIAL_SPOOL_DIR: folder };
  const { stdout, stderr } = await promisify(execFile)(node, [PROGRAM], { env });
  const { sessionId, ...said } = JSON.parse(stdout) as { sessionId: string };
  expect(said).toEqual({
    report: { delivered: 3, spooled: 0, dropped: 0, pending: 0 },
    status: 'completed',
    userInput: expect.stringMatching(/^mail \[EMAIL:[0-9a-f]{12}\]$/) as string,
    seen: ['first', 'live'],
  });
  expect(stderr).toBe('');
  expect(await eventsOf(tenant, sessionId)).toMatchObject([{ toolName: 'first', toolInput: { big: '10' } }, { toolName: 'live' }, { toolName: 'at the end' }]);
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ndjson'));
  expect(files.map((file) => readFileSync(join(folder, file), 'utf8')).join('')).toContain('to the spool');
});
