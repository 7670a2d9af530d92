import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApp } from '../../test/support/app.ts';
import type { TestApp } from '../../test/support/app.ts';
import type { Tenant } from '../../test/support/tenant.ts';
import { faultsOf } from './support/axe.ts';
import { browserTest, visit, whenLive } from './support/browser.ts';

let server: TestApp;
let tenant: Tenant;
let pages: string[];
beforeAll(async () => {
  server = await startApp();
  tenant = await server.tenant();
  const id = await tenant.session({ name: 'A run', convoId: 'talk', userInput: 'Where is it?' });
  await tenant.event(id, { toolName: 'search', toolInput: { a: [1, 'two', null, true] }, toolError: { message: 'no answer' }, durationMs: 80 });
  const decision = await tenant.event(id, { eventType: 'llm_decision', reasoning: 'Because.', alternativesConsidered: ['this', { option: 'that', score: 0.2, why_not: 'too dear' }], chosen: 'this', confidence: 0.8 });
  const call = await tenant.event(id, { eventType: 'llm_call', model: 'm', prompt: [{ role: 'user', content: 'p' }, { role: 'user', content: 'q' }], response: { role: 'assistant', content: null, tool_calls: [{ id: 'c', type: 'function', function: { name: 'f', arguments: '{}' } }] }, promptTokens: 7, completionTokens: 3, estimatedCost: 0.01 });
  const change = await tenant.event(id, { eventType: 'state_change', stateBefore: { a: 1 }, stateAfter: { a: 2 } });
  await tenant.event(id, { eventType: 'error', errorMessage: 'no', errorStack: 'at a' });
  await tenant.session({ name: 'child', parentSessionId: id });
  await tenant.rest('PATCH', `/sessions/${id}`, { success: false, failureReason: 'It gave up', assistantOutput: 'Sorry' });
  await tenant.session({ name: 'Still running' });
  pages = ['/sessions', `/sessions/${id}`, ...[decision, call, change].map((event) => `/sessions/${id}?event=${event}`), '/overview', '/usage', '/agents', '/users', '/conversations', '/conversations/talk', '/settings'];
});
afterAll(() => server.close());

async function open(page: Page, path: string): Promise<void> {
  await page.goto(server.url + path);
  await page.locator('main h1').first().waitFor();
  await page.locator('[aria-busy=true]').first().waitFor({ state: 'detached' });
}

describe('every page', () => {
  for (const scheme of ['light', 'dark'] as const) {
    browserTest(`has nothing that axe finds against WCAG AA, ${scheme}`, { timeout: 60_000 }, async () => {
      await visit(tenant, { colorScheme: scheme, reducedMotion: 'reduce' }, async (page) => {
        const found: Record<string, string[]> = {};
        for (const path of pages) {
          await open(page, path);
          const faults = await faultsOf(page);
          if (faults.length > 0) found[path] = faults;
        }
        expect(found).toEqual({});
      });
    });
  }

  browserTest('fits a phone of 390 px without scrolling sideways, and axe finds nothing there', { timeout: 60_000 }, async () => {
    await visit(tenant, { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true, reducedMotion: 'reduce' }, async (page) => {
      const found: Record<string, unknown> = {};
      for (const path of pages) {
        await open(page, path);
        const tooWide = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth || [...document.querySelectorAll('.page, .main')].some(({ scrollWidth, clientWidth }) => scrollWidth > clientWidth + 1));
        const faults = await faultsOf(page);
        if (tooWide || faults.length > 0) found[path] = { tooWide, faults };
      }
      expect(found).toEqual({});
      await open(page, '/sessions');
      await page.getByRole('link', { name: 'A run', exact: true }).tap();
      await page.getByRole('button', { name: 'search' }).tap();
      await page.getByRole('button', { name: 'Close the event' }).tap();
      await page.getByRole('button', { name: 'In & out' }).tap();
      await page.getByText('Where is it?').waitFor();
      await page.getByRole('link', { name: 'Settings' }).tap();
      await page.getByRole('heading', { name: 'API keys' }).waitFor();
    });
  });

  browserTest('is light or dark as the system is, or as one chooses, and remembers it', async () => {
    await visit(tenant, { colorScheme: 'dark' }, async (page) => {
      const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
      await whenLive(page);
      await expect.poll(background).toBe('rgb(16, 19, 24)');
      await page.getByRole('button', { name: 'Theme: system' }).click();
      await expect.poll(background).toBe('rgb(247, 248, 250)');
      await page.reload();
      await page.getByRole('button', { name: 'Theme: light' }).waitFor();
      await expect.poll(background).toBe('rgb(247, 248, 250)');
    });
  });

  browserTest('does not jump while it loads', async () => {
    await visit(tenant, {}, async (page) => {
      await whenLive(page);
      await page.addInitScript(() => {
        let sum = 0;
        new PerformanceObserver((list) => {
          for (const entry of list.getEntries() as unknown as { value: number; hadRecentInput: boolean }[]) if (!entry.hadRecentInput) sum += entry.value;
          (window as unknown as { shifted: number }).shifted = sum;
        }).observe({ type: 'layout-shift', buffered: true });
      });
      await open(page, '/sessions');
      await page.getByText('A run', { exact: true }).waitFor();
      expect(await page.evaluate(() => (window as unknown as { shifted?: number }).shifted ?? 0)).toBeLessThan(0.02);
    });
  });
});

it('the page needs less than 250 kB of JavaScript, compressed, to begin with', () => {
  const dist = new URL('../dist/', import.meta.url);
  const html = readFileSync(new URL('index.html', dist), 'utf8');
  const read = (name: string) => readFileSync(new URL(`assets/${name}`, dist), 'utf8');
  // The entry, and whatever that imports before it runs.
  const needed = new Set(Array.from(html.matchAll(/\/assets\/([^"]+\.js)"/g), ([, name]) => name!));
  for (const name of needed) for (const [, more] of read(name).matchAll(/(?:from|import)\s?"\.\/([^"]+\.js)"/g)) needed.add(more!);
  expect(needed.size).toBeGreaterThan(0);
  const size = [...needed].reduce((sum, name) => sum + gzipSync(read(name), { level: 9 }).length, 0);
  expect(size).toBeGreaterThan(50_000);
  expect(size).toBeLessThan(250_000);
});
