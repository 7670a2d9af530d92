import { execFile } from 'node:child_process';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApp } from '../../test/support/app.ts';
import type { TestApp } from '../../test/support/app.ts';
import { findOnPath } from '../../test/support/binaries.ts';
import { removeFolder, temporaryFolder } from '../../test/support/child.ts';
import type { Tenant } from '../../test/support/tenant.ts';
import { snippet } from '../src/pages/start/snippets.ts';

// What the start page shows, run as it stands. Its curl is run in sessions.test.ts, before the page.

const REPOSITORY = fileURLToPath(new URL('../../', import.meta.url));
const run = promisify(execFile);

let server: TestApp;
let folder: string;
beforeAll(async () => {
  server = await startApp();
  folder = await temporaryFolder('snippets');
});
afterAll(async () => {
  await server.close();
  await removeFolder(folder);
});

const environment = (more: Record<string, string> = {}) => ({ PATH: process.env['PATH'] ?? '', HOME: folder, SENTRIAL_SPOOL_DIR: join(folder, 'spool'), ...more });

type Reported = { sessions: { edges: { node: unknown }[] } };
const reported = async (tenant: Tenant) =>
  (await tenant.run<Reported>('{ sessions { edges { node { agentName userId status success userInput assistantOutput events { edges { node { ... on ToolCallEvent { toolName toolInput toolOutput } } } } } } } }')).sessions.edges.map(({ node }) => node);

const RUN = {
  agentName: 'my-agent',
  userId: 'user-1',
  status: 'COMPLETED',
  success: true,
  userInput: 'Hello',
  assistantOutput: 'Hello, user-1.',
  events: { edges: [{ node: { toolName: 'search', toolInput: { query: 'hello' }, toolOutput: { hits: 3 } } }] },
};

describe('the snippet of the start page', { timeout: 60_000 }, () => {
  it('in TypeScript passes the compiler and reports a run', async () => {
    const tenant = await server.tenant();
    await mkdir(join(folder, 'node_modules/@sentrial'), { recursive: true });
    await symlink(join(REPOSITORY, 'sdk/typescript'), join(folder, 'node_modules/@sentrial/sdk'));
    const file = join(folder, 'snippet.mts');
    await writeFile(file, snippet('TypeScript', server.url, tenant.key).code);
    await run(process.execPath, [join(REPOSITORY, 'node_modules/typescript/bin/tsc'), '--noEmit', '--strict', '--target', 'es2022', '--module', 'nodenext', '--skipLibCheck', file], { cwd: folder });
    await run(process.execPath, ['--import', import.meta.resolve('tsx'), file], { cwd: folder, env: environment() });
    expect(await reported(tenant)).toEqual([RUN]);
  });

  it.skipIf(findOnPath('python3') === undefined)('in Python reports a run', async () => {
    const tenant = await server.tenant();
    const file = join(folder, 'snippet.py');
    await writeFile(file, snippet('Python', server.url, tenant.key).code);
    await run('python3', [file], { cwd: folder, env: environment({ PYTHONPATH: join(REPOSITORY, 'sdk/python/src') }) });
    expect(await reported(tenant)).toEqual([RUN]);
  });
});
