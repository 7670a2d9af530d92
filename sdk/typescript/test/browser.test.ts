import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import type { Browser } from 'playwright-core';
import { build } from 'vite';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startApp } from '../../../test/support/app.ts';
import type { TestApp } from '../../../test/support/app.ts';
import { findOnPath } from '../../../test/support/binaries.ts';
import type { PageGlobals, Seen } from './programs/page.ts';
import { spoolFolder } from './support/client.ts';
import { eventsOf } from './support/read.ts';

// The built package, bundled as an application would be, in a real Chromium before the real server.

const executablePath = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'].map(findOnPath).find((path) => path !== undefined);
const browserTest = executablePath === undefined ? it.skip : it;

// Pages that a test serves count as public ones, which may not ask for what is on this machine.
const ARGS = ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-features=LocalNetworkAccessChecks,LocalNetworkAccessChecksWebSockets'];

let server: TestApp;
let browser: Browser;
let files: Map<string, string>;
beforeAll(async () => {
  if (executablePath === undefined) return;
  const env = { PATH: process.env['PATH'] ?? '', HOME: await spoolFolder() };
  [server, browser, files] = await Promise.all([startApp(), chromium.launch({ executablePath, env, args: ARGS }), bundle()]);
});
afterAll(() => Promise.all([browser?.close(), server?.close()]));

/** test/programs/page.ts and what it needs, by file name. */
async function bundle(): Promise<Map<string, string>> {
  const entry = fileURLToPath(new URL('programs/page.ts', import.meta.url));
  const built = await build({ configFile: false, logLevel: 'error', build: { write: false, lib: { entry, formats: ['es'], fileName: 'page' } } });
  if (!Array.isArray(built)) throw new Error('Vite gave no files');
  return new Map(built.flatMap(({ output }) => output.map((file) => [file.fileName, file.type === 'chunk' ? file.code : String(file.source)])));
}

/** What the program says in a page of this origin. */
async function runAt(origin: string, access: { apiUrl: string; apiKey: string }): Promise<Seen> {
  const page = await browser.newPage();
  await page.route(`${origin}/app/**`, (route) => {
    const name = new URL(route.request().url()).pathname.slice('/app/'.length);
    const body = files.get(name);
    if (body !== undefined) return route.fulfill({ contentType: 'text/javascript', body });
    return route.fulfill({ contentType: 'text/html', body: `<!doctype html><script type="module" src="${[...files.keys()].find((file) => file.startsWith('page'))}"></script>` });
  });
  await page.goto(`${origin}/app/`);
  const seen = await page.evaluate((given) => (globalThis as unknown as PageGlobals).trackAndWatch(given), access);
  await page.close();
  return seen;
}

browserTest('a page of the server’s own origin tracks and watches', async () => {
  const tenant = await server.tenant();
  const { sessionId, ...seen } = await runAt(tenant.url, { apiUrl: tenant.url, apiKey: tenant.key });
  expect(seen).toEqual({ report: { delivered: 2, spooled: 0, dropped: 0, pending: 0 }, watched: ['first', 'live'], errors: [] });
  expect(await eventsOf(tenant, sessionId)).toMatchObject([{ toolName: 'first', toolInput: { bytes: { type: 'Uint8Array', base64: 'AQI=' } } }, { toolName: 'live' }]);
});

browserTest('a page of another origin reaches nothing, since the server allows none, and is told', async () => {
  const tenant = await server.tenant();
  const { report, errors } = await runAt('http://elsewhere.example', { apiUrl: tenant.url, apiKey: tenant.key });
  expect(report).toEqual({ delivered: 0, spooled: 0, dropped: 0, pending: 2 });
  expect(errors[0]).toContain('cannot be reached');
});
