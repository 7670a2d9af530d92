import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { startApp } from '../../test/support/app.ts';
import type { TestApp } from '../../test/support/app.ts';
import type { Tenant } from '../../test/support/tenant.ts';
import { browserTest, visit, whenLive } from './support/browser.ts';

// What figures look like with names and numbers as they are in life, on three widths.

let server: TestApp;
let tenant: Tenant;
beforeAll(async () => {
  server = await startApp();
  tenant = await server.tenant();
  await report(tenant);
});
afterAll(() => server.close());

const MODELS = ['gpt-4.1-mini', 'anthropic/claude-opus-4-5-20251101', 'accounts/fireworks/models/llama-v3p3-70b-instruct', 'gemini-2.5-pro-preview-06-05', 'us.amazon.nova-premier-v1:0', 'text-embedding-3-large', 'mistral-large-latest'];
const AGENTS = ['support-agent', 'billing-reconciliation-agent', 'coding-agent', 'research', 'policy-agent'];
const TOOLS = ['payment_api.refund', 'customer_lookup_by_external_reference', 'vector_store.similarity_search', 'shell'];

async function report(tenant: Tenant): Promise<void> {
  for (let n = 0; n < 15; n++) {
    const sessionId = await tenant.session({ name: `Reconcile the invoices of customer ${n} with the statement of the bank`, agentName: AGENTS[n % AGENTS.length], userId: `user-${n}@example.com` });
    const calls = MODELS.map((model, at) => ({ sessionId, eventType: 'llm_call', model, prompt: 'p', response: 'r', promptTokens: 123_456 * (at + 1), completionTokens: 12_345, estimatedCost: 12.3456 * (at + n), durationMs: 65_000 + n }));
    const tools = TOOLS.map((toolName) => ({ sessionId, eventType: 'tool_call', toolName, status: 'error', durationMs: 1_234 }));
    expect((await tenant.rest('POST', '/events/batch', { events: [...calls, ...tools] })).status).toBe(200);
    expect((await tenant.rest('PATCH', `/sessions/${sessionId}`, { success: n % 3 > 0, durationMs: 765_432 })).status).toBe(200);
  }
}

/** How far the page moved on its own since it was opened, as https://web.dev/cls sums it up. */
const shifted = (page: Page) => page.evaluate(() => (window as unknown as { shifted: number }).shifted);

async function open(page: Page, path: string): Promise<void> {
  await page.goto(server.url + path);
  await page.locator('main h1').first().waitFor();
  await page.locator('[aria-busy=true]').first().waitFor({ state: 'detached' });
  await page.getByRole('region').getByRole('rowheader').first().waitFor();
  await drawn(page);
}

/** What is laid out now has been drawn, and its shifts are told. */
const drawn = (page: Page) => page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));

describe('figures', () => {
  browserTest.each([
    [1440, 900],
    [1024, 768],
    [390, 844],
  ])('fit a page %i px wide, and do not jump while they load', { timeout: 60_000 }, async (width, height) => {
    await visit(tenant, { path: '/settings', viewport: { width, height } }, async (page) => {
      await whenLive(page);
      await page.addInitScript(() => {
        const counted = window as unknown as { shifted: number };
        counted.shifted = 0;
        new PerformanceObserver((list) => {
          for (const entry of list.getEntries() as unknown as { value: number; hadRecentInput: boolean }[]) if (!entry.hadRecentInput) counted.shifted += entry.value;
        }).observe({ type: 'layout-shift', buffered: true });
      });
      // Figures come when the page has been seen without them, as on a slow line.
      await page.route('**/graphql', async (route) => {
        if (route.request().postData()?.includes('query Viewer') !== true) {
          await page.locator('main h1').first().waitFor();
          await drawn(page);
        }
        await route.continue();
      });
      const found: Record<string, unknown> = {};
      for (const path of ['/usage', '/overview', '/agents', '/users']) {
        await open(page, path);
        const tooWide = await page.evaluate(() => [document.documentElement, ...document.querySelectorAll('.main, .page, .grid, .panel')].filter(({ scrollWidth, clientWidth }) => scrollWidth > clientWidth).map((element) => `${element.tagName}.${element.className}`));
        const shift = await shifted(page);
        if (tooWide.length > 0 || shift > 0.1) found[path] = { tooWide, shift };
      }
      expect(found).toEqual({});
    });
  });

  browserTest('of each model stand whole where there is room', async () => {
    await visit(tenant, { path: '/usage', viewport: { width: 1440, height: 900 } }, async (page) => {
      for (const name of ['By model', 'By agent', 'Dearest sessions']) {
        const table = page.getByRole('region', { name });
        await table.getByRole('rowheader').first().waitFor();
        expect(await table.evaluate(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth), name).toBe(0);
      }
    });
  });
});
