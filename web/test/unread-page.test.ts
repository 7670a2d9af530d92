import { cp } from 'node:fs/promises';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, inject } from 'vitest';
import { startApp } from '../../test/support/app.ts';
import type { TestApp } from '../../test/support/app.ts';
import { removeFolder, temporaryFolder } from '../../test/support/child.ts';
import { freePort } from '../../test/support/ports.ts';
import { startServer } from '../../test/support/process.ts';
import { browserTest, visit, whenLive } from './support/browser.ts';

// Each page is a file of its own, read when it is first opened: by then the server may be away, or another version.

let server: TestApp;
beforeAll(async () => {
  server = await startApp();
});
afterAll(() => server.close());

const nav = (page: Page) => page.getByRole('navigation', { name: 'Pages' });
const open = (page: Page, name: string) => nav(page).getByRole('link', { name }).click();
const fault = (page: Page) => page.locator('main .fault');
/** How often the page was loaded from now on. */
function countLoads(page: Page): () => number {
  let loads = 0;
  page.on('request', (request) => (loads += request.isNavigationRequest() ? 1 : 0));
  return () => loads;
}

describe('a page that was not opened before', () => {
  browserTest('leaves the navigation in place while the server is away, and comes when the server is back', { timeout: 90_000 }, async () => {
    const folder = await temporaryFolder('unread-page');
    await cp(inject('embeddedTemplate'), folder, { recursive: true });
    const key = `sentrial_live_${crypto.randomUUID()}`;
    const env = { PORT: String(await freePort()), SENTRIAL_DATA_DIR: folder, SENTRIAL_BOOTSTRAP_API_KEY: key };
    let running = await startServer({ env });
    try {
      await visit({ url: running.url, key }, { expected: /WebSocket|ERR_CONNECTION|Failed to fetch|could not be loaded/ }, async (page) => {
        await whenLive(page);
        await running.kill('SIGKILL');
        await page.getByText('Connection lost. What you see').waitFor();
        const loads = countLoads(page);
        await open(page, 'Usage');
        await fault(page).getByText('the server does not answer').waitFor();
        await page.getByRole('button', { name: 'Try again' }).click();
        await expect.poll(() => nav(page).getByRole('link').count()).toBe(8);
        await open(page, 'Sessions');
        await page.waitForURL('**/sessions');
        await open(page, 'Usage');
        await fault(page).waitFor();
        expect(loads()).toBe(0);
        running = await startServer({ env });
        await page.getByRole('heading', { name: 'Tokens and cost' }).waitFor();
        await open(page, 'Agents');
        await page.getByRole('heading', { name: 'Agents' }).waitFor();
      });
    } finally {
      await running.stop();
      await removeFolder(folder);
    }
  });

  browserTest('is loaded with the new files when the server was upgraded meanwhile', async () => {
    const tenant = await server.tenant();
    await tenant.session();
    await visit(tenant, { expected: /404|could not be loaded/ }, async (page) => {
      await whenLive(page);
      // Whatever file is asked for from now on is gone, until the page itself is loaded anew.
      let isUpgraded = false;
      page.on('request', (request) => (isUpgraded ||= request.isNavigationRequest()));
      await page.route('**/assets/**', (route) => (isUpgraded ? route.continue() : route.fulfill({ status: 404, body: '{}' })));
      const loads = countLoads(page);
      await open(page, 'Overview');
      await page.getByRole('heading', { name: 'Overview' }).waitFor();
      await open(page, 'Usage');
      await page.getByRole('heading', { name: 'Tokens and cost' }).waitFor();
      expect(loads()).toBe(1);
    });
  });

  browserTest('that stays missing is asked for again once, then only when told to', async () => {
    const tenant = await server.tenant();
    await tenant.session();
    await visit(tenant, { expected: /404|could not be loaded/ }, async (page) => {
      await whenLive(page);
      await page.route('**/assets/usage-page-*', (route) => route.fulfill({ status: 404, body: '{}' }));
      const loads = countLoads(page);
      await open(page, 'Usage');
      await fault(page).getByText('The server does not have this page').waitFor();
      await expect.poll(loads).toBe(1);
      await fault(page).getByText('The server does not have this page').waitFor();
      await page.getByRole('button', { name: 'Try again' }).click();
      await expect.poll(loads).toBe(2);
      await fault(page).getByText('The server does not have this page').waitFor();
      await open(page, 'Agents');
      await page.getByRole('heading', { name: 'Agents' }).waitFor();
      expect(loads()).toBe(2);
    });
  });
});
