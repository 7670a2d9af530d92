import { cp } from 'node:fs/promises';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, inject } from 'vitest';
import { startApp } from '../../test/support/app.ts';
import type { TestApp } from '../../test/support/app.ts';
import { removeFolder, temporaryFolder } from '../../test/support/child.ts';
import { freePort } from '../../test/support/ports.ts';
import { startServer } from '../../test/support/process.ts';
import { browserTest, visit, whenLive } from './support/browser.ts';
import { seedEvents } from './support/seed.ts';

let server: TestApp;
beforeAll(async () => {
  server = await startApp();
});
afterAll(() => server.close());

const titles = (page: Page) => page.locator('.tl-row .tl-title').allInnerTexts();

describe('a session', () => {
  browserTest('tells every kind of event in order: what was done, why, what changed and what went wrong', async () => {
    const tenant = await server.tenant();
    const id = await tenant.session({ name: 'Refund', convoId: 'talk', userInput: 'Where is my parcel?', metadata: { channel: 'chat' } });
    await tenant.event(id, { toolName: 'get_order', toolInput: { orderId: 4711 }, toolOutput: { status: 'lost', items: Array.from({ length: 40 }, (_, n) => `item ${n}`) }, durationMs: 84, metadata: { tool_use_id: 'toolu_01' } });
    await tenant.event(id, { eventType: 'llm_decision', reasoning: 'The parcel is lost.', alternativesConsidered: ['Send again', 'Refund'], chosen: 'Refund', confidence: 0.88 });
    await tenant.event(id, { eventType: 'llm_call', model: 'gpt-x', prompt: [{ role: 'user', content: 'Write to Ada' }], response: { role: 'assistant', content: 'Dear Ada' }, promptTokens: 100, completionTokens: 20 });
    await tenant.event(id, { eventType: 'state_change', stateBefore: { ticket: 'open', order: 1 }, stateAfter: { ticket: 'solved', order: 1 } });
    await tenant.event(id, { eventType: 'error', errorType: 'Timeout', errorMessage: 'no answer', errorStack: 'at a (b.ts:1)\nat c (d.ts:2)', recoverable: true, recoveryAction: 'Try again' });
    const child = await tenant.session({ name: 'Read the policy', agentName: 'reader', parentSessionId: id });
    await tenant.event(child, { toolName: 'search_docs' });
    await tenant.rest('PATCH', `/sessions/${id}`, { success: true, assistantOutput: 'Refunded.', durationMs: 61_000, estimatedCost: 0.25 });

    await visit(tenant, { path: `/sessions/${id}` }, async (page) => {
      await expect.poll(() => titles(page)).toEqual(['get_order', 'Refund', 'gpt-x', 'State changed', 'Timeout', 'Read the policy']);
      const head = page.locator('.session-head');
      for (const fact of ['Completed', 'agent', 'user', 'talk', '1 m 01 s', '120', '$0.25']) await expect.poll(() => head.innerText()).toContain(fact);
      const aside = page.locator('.session-aside');
      await aside.getByText('Where is my parcel?').waitFor();
      await aside.getByText('Refunded.').waitFor();

      await page.getByRole('button', { name: 'get_order' }).click();
      await aside.getByText('toolu_01').first().waitFor();
      await aside.getByText('4711').waitFor();
      await aside.getByLabel('Search in Output').fill('item 39');
      await aside.locator('.json-current').getByText('item 39').waitFor();

      await page.keyboard.press('Escape');
      await page.keyboard.press('j');
      await expect.poll(() => aside.locator('.option-chosen').innerText()).toBe('Refund');
      await expect.poll(() => aside.innerText()).toMatch(/The parcel is lost\.[\s\S]*88%[\s\S]*Send again/);
      await page.keyboard.press('j');
      await aside.getByText('Write to Ada').waitFor();
      await aside.getByText('Dear Ada').waitFor();
      await page.keyboard.press('j');
      await expect.poll(() => aside.locator('.diff-removed').innerText()).toContain('"open"');
      await expect.poll(() => aside.locator('.diff-added').innerText()).toContain('"solved"');
      await page.keyboard.press('j');
      await aside.getByText('at c (d.ts:2)').waitFor();
      await aside.getByText('Try again').waitFor();

      await page.getByRole('button', { name: 'Show what it did' }).click();
      await expect.poll(() => titles(page)).toContain('search_docs');
      await page.getByRole('button', { name: /^Decisions/ }).click();
      await expect.poll(() => titles(page)).toEqual(['Refund', 'Read the policy']);
      await page.reload();
      await expect.poll(() => titles(page)).toEqual(['Refund', 'Read the policy']);
    });
  });

  browserTest('is followed while it runs; scrolled away, one is told how many are new', async () => {
    const tenant = await server.tenant();
    const id = await tenant.session();
    for (let n = 1; n <= 40; n++) await tenant.event(id, { toolName: `call ${n}` });
    await visit(tenant, { path: `/sessions/${id}` }, async (page) => {
      await page.getByText('call 40', { exact: true }).waitFor(); // opens at its end
      await whenLive(page);
      const sent = Date.now();
      await tenant.event(id, { toolName: 'call 41' });
      await page.getByText('call 41', { exact: true }).waitFor();
      expect(Date.now() - sent).toBeLessThan(500);
      await page.locator('.timeline-body').hover();
      await page.mouse.wheel(0, -2_000);
      await page.getByText('call 1', { exact: true }).waitFor();
      for (const n of [42, 43, 44]) await tenant.event(id, { toolName: `call ${n}` });
      await page.getByRole('button', { name: '3 new' }).click();
      await page.getByText('call 44', { exact: true }).waitFor();
      await expect.poll(() => page.getByTestId('event-count').innerText()).toBe('44');
      const child = await tenant.session({ name: 'a child', parentSessionId: id });
      await page.getByText('a child').waitFor();
      await tenant.rest('PATCH', `/sessions/${child}`, { success: true });
      await tenant.rest('PATCH', `/sessions/${id}`, { success: false, failureReason: 'It gave up' });
      await page.locator('.session-title').getByText('Failed').waitFor();
      await page.getByText('It gave up').waitFor();
    });
  });

  browserTest('that is followed over a restart of the server has no gap and no row twice, and the page says when it is behind', { timeout: 90_000 }, async () => {
    const folder = await temporaryFolder('restart');
    await cp(inject('embeddedTemplate'), folder, { recursive: true });
    const key = `sentrial_live_${crypto.randomUUID()}`;
    const env = { PORT: String(await freePort()), SENTRIAL_DATA_DIR: folder, SENTRIAL_BOOTSTRAP_API_KEY: key };
    let running = await startServer({ env });
    const { url } = running;
    const send = async (path: string, body: unknown) => {
      const answer = await fetch(`${url}/api/sdk${path}`, { method: 'POST', headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' }, body: JSON.stringify(body) });
      expect(answer.status).toBe(200);
    };
    const event = (n: number) => send('/events', { sessionId: 's', eventType: 'tool_call', toolName: `call ${n}` });
    try {
      await send('/sessions', { id: 's', name: 'a run', agentName: 'a', userId: 'u' });
      for (let n = 1; n <= 5; n++) await event(n);
      await visit({ url, key }, { path: '/sessions/s', expected: /WebSocket|ERR_CONNECTION|Failed to fetch/ }, async (page) => {
        await page.getByText('call 5', { exact: true }).waitFor();
        await whenLive(page);
        await running.kill('SIGKILL');
        await page.getByText('Connection lost. What you see may be old').waitFor();
        running = await startServer({ env });
        for (let n = 6; n <= 12; n++) await event(n);
        await page.getByText('Caught up: nothing was missed.').waitFor();
        for (let n = 13; n <= 15; n++) await event(n);
        await page.getByText('call 15', { exact: true }).waitFor();
        const expected = Array.from({ length: 15 }, (_, n) => `call ${n + 1}`);
        await expect.poll(() => titles(page)).toEqual(expected);
        await expect.poll(() => page.getByTestId('event-count').innerText()).toBe('15');
        await page.reload();
        await expect.poll(() => titles(page)).toEqual(expected);
      });
    } finally {
      await running.stop();
      await removeFolder(folder);
    }
  });

  browserTest('of 50,000 events shows its start, its end and any row of it without reading what lies between, and then reads all', { timeout: 120_000 }, async () => {
    const tenant = await server.tenant();
    const id = await tenant.session({ name: 'long' });
    await seedEvents(server, tenant.projectId, id, 50_000);
    await tenant.rest('PATCH', `/sessions/${id}`, { success: true });
    await visit(tenant, { path: '/settings' }, async (page) => {
      await whenLive(page);
      const goOn = await holdBackReading(page);
      await page.goto(`${server.url}/sessions/${id}`);
      await page.getByText('tool-1', { exact: true }).waitFor();
      await expect.poll(() => page.locator('.timeline-body').getAttribute('data-total')).toBe('50000');
      await page.keyboard.press('End');
      await page.getByText('tool-50000', { exact: true }).waitFor();
      await expect.poll(() => rowAt(page, 49_990)).toBe('tool-49990');
      await page.getByLabel('Go to row').fill('25000');
      await page.keyboard.press('Enter');
      await expect.poll(() => rowAt(page, 25_000)).toBe('tool-25000');
      await page.locator('.timeline-body').evaluate((element) => element.scrollTo({ top: 10_000 * 32 }));
      await expect.poll(() => rowAt(page, 10_001)).toBe('tool-10001');
      expect(await page.locator('.tl-row').count()).toBeLessThan(100);
      goOn();
      await page.locator('.timeline-body[aria-busy=false]').waitFor({ timeout: 60_000 });
      await expect.poll(() => rowAt(page, 10_001)).toBe('tool-10001');
      for (let top = 10_000 * 32; top < 10_200 * 32; top += 400) {
        await page.locator('.timeline-body').evaluate((element, to) => element.scrollTo({ top: to }), top);
        await expect.poll(() => rowAt(page, Math.ceil(top / 32) + 1)).toBe(`tool-${Math.ceil(top / 32) + 1}`);
        const seen = await numbers(page);
        expect(seen).toEqual(seen.map((_, index) => seen[0]! + index));
      }
      await page.getByRole('button', { name: 'tool-10210' }).click();
      await page.locator('.session-aside').getByText('success').waitFor();
    });
  });

  browserTest('that shares the log with others: a row jumped to stays in sight while what lies before it comes, and takes its true place', { timeout: 60_000 }, async () => {
    const tenant = await server.tenant();
    const [id, other] = [await tenant.session({ name: 'ours' }), await tenant.session({ name: 'theirs' })];
    await seedEvents(server, tenant.projectId, id, 1_500);
    await seedEvents(server, tenant.projectId, other, 6_000);
    await seedEvents(server, tenant.projectId, id, 1_500, 1_501);
    await tenant.rest('PATCH', `/sessions/${id}`, { success: true });
    await visit(tenant, { path: '/settings' }, async (page) => {
      await whenLive(page);
      const goOn = await holdBackReading(page);
      await page.goto(`${server.url}/sessions/${id}`);
      await page.getByText('tool-1', { exact: true }).waitFor();
      await page.getByLabel('Go to row').fill('2000');
      await page.keyboard.press('Enter');
      await expect.poll(() => rowAt(page, 2_000)).toMatch(/^tool-/);
      const [seen] = await inSight(page); // not the 2,000th: the others' events are not spread evenly
      expect(seen).not.toBe('tool-2000');
      goOn();
      await page.locator('.timeline-body[aria-busy=false]').waitFor({ timeout: 30_000 });
      await expect.poll(async () => (await inSight(page))[0]).toBe(seen);
      await expect.poll(() => rowAt(page, Number(seen!.slice('tool-'.length)))).toBe(seen);
      for (let number = 20; number <= 3_000; number += 20) {
        await page.locator('.timeline-body').evaluate((element, top) => element.scrollTo({ top }), (number - 20) * 32);
        await expect.poll(() => rowAt(page, number)).toBe(`tool-${number}`);
      }
    });
  });
});

const numbers = async (page: Page) => (await titles(page)).map((title) => Number(title.split('-')[1]));
/** What the nth row says, if it is laid out. */
const rowAt = async (page: Page, number: number) => (await page.locator(`.tl-row[aria-posinset="${number}"] .tl-title`).allInnerTexts())[0];
/** What is truly in sight, from the top. */
const inSight = (page: Page) =>
  page.locator('.timeline-body').evaluate((body) => {
    const { top } = body.getBoundingClientRect();
    const rows = [...body.querySelectorAll('.tl-row')].filter((row) => row.getBoundingClientRect().top >= top - 1);
    return rows.sort((a, b) => a.getBoundingClientRect().top - b.getBoundingClientRect().top).map((row) => row.querySelector('.tl-title')?.textContent);
  });

/** Holds back the pages that a session reads from its start on, until it is called. */
async function holdBackReading(page: Page): Promise<() => void> {
  let goOn = () => {};
  const held = new Promise<void>((resolve) => (goOn = resolve));
  await page.route('**/graphql', async (route) => {
    const { query, variables } = route.request().postDataJSON() as { query: string; variables: { after?: string } };
    if (query.includes('query EventPage') && Number(variables.after) < 1_000) await held;
    await route.continue();
  });
  return goOn;
}
