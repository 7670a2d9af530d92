import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { startApp } from '../../test/support/app.ts';
import type { TestApp } from '../../test/support/app.ts';
import type { Tenant } from '../../test/support/tenant.ts';
import { browserTest, namesInSight, visit, whenLive } from './support/browser.ts';
import { seedSessions } from './support/seed.ts';

let server: TestApp;
beforeAll(async () => {
  server = await startApp();
});
afterAll(() => server.close());

const create = (tenant: Tenant, input: Record<string, unknown>) =>
  tenant.run<{ createSession: { id: string } }>('mutation ($input: CreateSessionInput!) { createSession(input: $input) { id } }', { input: { agentName: 'agent', userId: 'user', ...input } });
const complete = (tenant: Tenant, input: Record<string, unknown>) => tenant.run('mutation ($input: CompleteSessionInput!) { completeSession(input: $input) { id } }', { input });

describe('the list of sessions', () => {
  browserTest('begins empty, with snippets that work, and turns into the list the moment the first session arrives', async () => {
    const tenant = await server.tenant();
    await visit(tenant, { path: '/' }, async (page) => {
      await page.getByRole('heading', { name: 'Report your first run' }).waitFor();
      await page.getByRole('tab', { name: 'curl' }).click();
      const snippet = await page.getByRole('tabpanel', { name: 'curl' }).innerText();
      expect(snippet).toContain(tenant.key);
      await whenLive(page);
      const ended = once(spawn('bash', ['-c', snippet], { stdio: 'ignore' }), 'exit');
      await page.getByText('Hello', { exact: true }).waitFor();
      expect(await ended).toEqual([0, null]);
      await expect.poll(() => namesInSight(page)).toEqual(['Hello']);
    });
  });

  browserTest('shows a session within half a second of the mutation that made it, and its end as soon', async () => {
    const tenant = await server.tenant();
    await create(tenant, { name: 'before' });
    await visit(tenant, {}, async (page) => {
      await whenLive(page);
      const sent = Date.now();
      const { createSession } = await create(tenant, { name: 'just now' });
      await page.getByText('just now', { exact: true }).waitFor();
      expect(Date.now() - sent).toBeLessThan(500);
      await expect.poll(() => namesInSight(page)).toEqual(['just now', 'before']);
      const row = page.locator(`[data-session="${createSession.id}"]`);
      await row.getByText('Running').waitFor();
      const ended = Date.now();
      await complete(tenant, { id: createSession.id, success: false, estimatedCost: 1.5, durationMs: 61_000 });
      await row.getByText('Failed').waitFor();
      expect(Date.now() - ended).toBeLessThan(500);
      await row.getByText('$1.50').waitFor();
      await row.getByText('1 m 01 s').waitFor();
    });
  });

  browserTest('is narrowed by text, status, agent, user, metadata and errors; the address holds the view', async () => {
    const tenant = await server.tenant();
    const refund = await tenant.session({ name: 'Refund 4711', agentName: 'support', userId: 'ann', userInput: { question: 'Where is my parcel?' }, metadata: { environment: 'production' } });
    await tenant.session({ name: 'Fix the build', agentName: 'coder', userId: 'bob', metadata: { environment: 'staging' } });
    const failed = await tenant.session({ name: 'Broken', agentName: 'coder', userId: 'ann' });
    await tenant.event(failed, { eventType: 'error', errorMessage: 'no' });
    await complete(tenant, { id: failed, success: false });
    await visit(tenant, {}, async (page) => {
      await page.getByText('Broken').waitFor();
      const shows = async (names: string[]) => expect.poll(() => namesInSight(page)).toEqual(names);
      await shows(['Broken', 'Fix the build', 'Refund 4711']);
      await page.keyboard.press('/');
      await page.keyboard.type('PARCEL 471');
      await shows(['Refund 4711']);
      await page.waitForURL('**/sessions?q=PARCEL+471');
      await page.reload();
      await shows(['Refund 4711']);
      await page.getByRole('button', { name: 'Clear' }).click();
      await page.getByRole('button', { name: 'Failed', exact: true }).click();
      await shows(['Broken']);
      await page.getByRole('button', { name: 'Running', exact: true }).click();
      await shows(['Broken', 'Fix the build', 'Refund 4711']);
      await page.getByLabel('Agent', { exact: true }).fill('coder');
      await shows(['Broken', 'Fix the build']);
      await page.goto(`${server.url}/sessions?meta=environment=production&user=ann`);
      await shows(['Refund 4711']);
      await page.goto(`${server.url}/sessions?errors=yes`);
      await shows(['Broken']);
      // A session that no longer matches leaves by itself, one that begins to match comes in.
      await page.goto(`${server.url}/sessions?status=ACTIVE`);
      await shows(['Fix the build', 'Refund 4711']);
      await whenLive(page);
      await complete(tenant, { id: refund, success: true });
      await shows(['Fix the build']);
    });
  });

  browserTest('is sorted by start, duration, cost or last change, either way', async () => {
    const tenant = await server.tenant();
    for (const [name, estimatedCost, durationMs] of [['cheap and slow', 0.1, 9_000], ['dear', 5, 500], ['fast', 1, 10]] as const) {
      const { createSession } = await create(tenant, { name });
      await complete(tenant, { id: createSession.id, estimatedCost, durationMs });
    }
    await create(tenant, { name: 'running' });
    await visit(tenant, {}, async (page) => {
      const shows = async (names: string[]) => expect.poll(() => namesInSight(page)).toEqual(names);
      await shows(['running', 'fast', 'dear', 'cheap and slow']);
      await page.getByRole('button', { name: 'Cost' }).click();
      await shows(['dear', 'fast', 'cheap and slow']);
      await page.getByRole('button', { name: 'Cost' }).click();
      await shows(['cheap and slow', 'fast', 'dear']);
      await page.getByRole('button', { name: 'Duration' }).click();
      await shows(['cheap and slow', 'dear', 'fast']);
      await page.waitForURL('**/sessions?sort=duration');
    });
  });

  browserTest('is walked by keyboard, and tells its keys', async () => {
    const tenant = await server.tenant();
    await tenant.session({ name: 'first' });
    const second = await tenant.session({ name: 'second' });
    await visit(tenant, {}, async (page) => {
      await page.getByText('second').waitFor();
      await page.keyboard.press('?');
      await page.getByRole('dialog', { name: 'Keyboard' }).waitFor();
      await page.keyboard.press('Escape');
      await page.getByRole('dialog').waitFor({ state: 'detached' });
      for (const key of ['j', 'j', 'k', 'Enter']) await page.keyboard.press(key);
      await page.waitForURL(`**/sessions/${second}`);
      await page.keyboard.press('g');
      await page.keyboard.press('o');
      await page.waitForURL('**/overview');
    });
  });

  browserTest('of 100,000 sessions opens at once, is paged to wherever one scrolls, keeps few rows, and holds back what is new', { timeout: 150_000 }, async () => {
    const tenant = await server.tenant();
    await seedSessions(server, tenant.projectId, 100_000);
    await visit(tenant, { path: '/settings' }, async (page) => {
      await whenLive(page);
      let pages = 0;
      page.on('request', (request) => (pages += request.postData()?.includes('query Sessions(') ? 1 : 0));
      await page.goto(`${server.url}/sessions`);
      await page.getByText('seeded 100000', { exact: true }).waitFor();
      await whenLive(page);
      expect(pages).toBe(1);
      const body = page.locator('.table-body');
      for (const at of [5_000, 40_000, 90_000, 180_000]) {
        // To there, however many pages that takes: the list grows as one comes near its end.
        await expect
          .poll(async () => {
            await body.evaluate((element, top) => element.scrollTo({ top }), at);
            return body.evaluate((element) => element.scrollTop);
          }, { interval: 20 })
          .toBe(at);
        await expect.poll(async () => (await namesInSight(page)).length).toBeGreaterThan(20);
        expect(await page.locator('.table-body .line').count()).toBeLessThan(80);
      }
      // Row 5,000 is the first in sight; twelve above it are kept as well.
      await expect.poll(async () => [(await namesInSight(page))[0], await page.locator('.line-more').count()]).toEqual(['seeded 95012', 0]);
      const names = await namesInSight(page);
      expect(names).toEqual(names.map((_, index) => `seeded ${95_012 - index}`)); // no gap, none twice
      await create(tenant, { name: 'new on top' });
      await page.getByRole('button', { name: '1 new' }).waitFor();
      await expect.poll(() => namesInSight(page)).toEqual(names);
      await page.getByRole('button', { name: '1 new' }).click();
      await page.getByText('new on top').waitFor();
      // At the top again, the next arrival lets go of all that was scrolled through.
      await create(tenant, { name: 'one more' });
      await page.getByText('one more').waitFor();
      await expect.poll(() => body.evaluate(({ scrollHeight }) => scrollHeight)).toBeLessThan(200 * 36);
      await expect.poll(async () => (await namesInSight(page)).slice(0, 3)).toEqual(['one more', 'new on top', 'seeded 100000']);
    });
  });
});
