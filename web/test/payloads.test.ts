import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { startApp } from '../../test/support/app.ts';
import type { TestApp } from '../../test/support/app.ts';
import { faultsOf } from './support/axe.ts';
import { browserTest, visit } from './support/browser.ts';

// Nothing that was recorded is invisible: the formatted view shows what it knows and what it does not, and the raw
// view is the JSON itself.

let server: TestApp;
beforeAll(async () => {
  server = await startApp();
});
afterAll(() => server.close());

const box = (page: Page, label: string) => page.getByRole('group', { name: label, exact: true });
const body = (page: Page, label: string) => box(page, `${label}, content`);
/** What the box of this label shows, as text. */
const shows = (page: Page, label: string) => body(page, label).innerText();

const PROMPT = [
  { role: 'system', content: 'Be kind.' },
  { role: 'user', name: 'ada', content: [{ type: 'text', text: 'Where is it?' }, { type: 'image_url', image_url: { url: 'https://example.com/parcel.png' } }] },
];
const RESPONSE = { role: 'assistant', content: null, refusal: null, tool_calls: [{ id: 'call_1', type: 'function', function: { name: 'find_order', arguments: '{"order":4711}' } }] };

describe('what was recorded', () => {
  browserTest('is shown whole in a call of a model: what was said, the tools that were asked for, and what they answered', async () => {
    const tenant = await server.tenant();
    const id = await tenant.session({ userInput: PROMPT, assistantOutput: RESPONSE });
    const asked = await tenant.event(id, { eventType: 'llm_call', model: 'm', prompt: PROMPT, response: RESPONSE });
    const answered = await tenant.event(id, { eventType: 'llm_call', model: 'm', prompt: [RESPONSE, { role: 'tool', tool_call_id: 'call_1', name: 'find_order', content: '{"status":"lost"}' }], response: [{ type: 'thinking', thinking: 'Lost, then.', signature: 'c2ln' }, { type: 'tool_use', id: 'toolu_1', name: 'refund', input: { order: 4711 } }] });
    await visit(tenant, { path: `/sessions/${id}?event=${asked}` }, async (page) => {
      await expect.poll(() => shows(page, 'system')).toBe('Be kind.');
      await expect.poll(() => shows(page, 'user')).toContain('Where is it?');
      expect(await shows(page, 'user · image_url')).toContain('https://example.com/parcel.png');
      expect(await shows(page, 'user · further fields')).toContain('name: "ada"');
      expect(await shows(page, 'assistant · tool call · call_1')).toBe('find_order({"order":4711})');

      await page.goto(`${server.url}/sessions/${id}?event=${answered}`);
      await expect.poll(() => shows(page, 'tool result · find_order · call_1')).toBe('{"status":"lost"}');
      expect(await shows(page, 'thinking')).toBe('Lost, then.');
      expect(await shows(page, 'further fields')).toContain('c2ln');
      expect(await shows(page, 'tool call · toolu_1')).toBe('refund({"order":4711})');

      await page.goto(`${server.url}/sessions/${id}`);
      await expect.poll(() => box(page, 'Output').innerText()).toContain('find_order({"order":4711})');
    });
  });

  browserTest('is there as raw JSON too, by keyboard, and is copied whole', async () => {
    const tenant = await server.tenant();
    const id = await tenant.session();
    const event = await tenant.event(id, { eventType: 'llm_call', model: 'm', prompt: 'Only text', response: RESPONSE, metadata: { a: [1, 'two', null] } });
    await visit(tenant, { path: `/sessions/${id}?event=${event}`, permissions: ['clipboard-read', 'clipboard-write'] }, async (page) => {
      const copied = async (label: string) => {
        await page.getByRole('button', { name: `Copy ${label}`, exact: true }).click();
        await box(page, label).getByRole('button', { name: 'Copied' }).first().waitFor();
        return page.evaluate(() => navigator.clipboard.readText());
      };
      await expect.poll(() => shows(page, 'Prompt')).toBe('Only text');
      expect(await copied('Prompt')).toBe('Only text');
      expect(JSON.parse(await copied('Response'))).toEqual(RESPONSE);

      for (const [label, value] of [['Prompt', 'Only text'], ['Response', RESPONSE], ['Metadata', { a: [1, 'two', null] }]] as const) {
        await box(page, `Form of ${label}`).getByRole('button', { name: 'Formatted' }).focus();
        await page.keyboard.press('Tab');
        await page.keyboard.press('Enter');
        await expect.poll(async () => JSON.parse(await shows(page, label)) as unknown).toEqual(value);
        expect(JSON.parse(await copied(label))).toEqual(value);
        expect(await box(page, `Form of ${label}`).getByRole('button', { pressed: true }).innerText()).toBe('Raw');
      }
      expect(await faultsOf(page)).toEqual([]);
      await box(page, 'Form of Response').getByRole('button', { name: 'Formatted' }).click();
      await expect.poll(() => shows(page, 'assistant · tool call · call_1')).toBe('find_order({"order":4711})');
    });
  });

  browserTest('of the alternatives of a decision is shown with every field, and raw', async () => {
    const tenant = await server.tenant();
    const id = await tenant.session();
    const alternatives = ['Do nothing', { option: 'Refund', score: 0.9 }, { option: 'Send again', score: 0.2, confidence: 0.4, why_not: 'above limit', costs: { usd: 12.5 } }, { verdict: 'no name' }];
    const event = await tenant.event(id, { eventType: 'llm_decision', reasoning: 'Lost.', alternativesConsidered: alternatives, chosen: 'Refund', confidence: 0.9 });
    await visit(tenant, { path: `/sessions/${id}?event=${event}` }, async (page) => {
      const option = (at: number) => page.locator('.option').nth(at).innerText();
      await expect.poll(() => page.locator('.option-chosen').innerText()).toMatch(/^Refund\s*0\.9$/);
      expect(await option(0)).toBe('Do nothing');
      expect(await option(2)).toMatch(/^Send again\s*0\.2\s*costs[\s\S]*usd: 12\.5[\s\S]*why_not\s*above limit\s*confidence\s*0\.4$/); // in PostgreSQL's order
      expect(await option(3)).toMatch(/^verdict\s*no name$/);
      await box(page, 'Form of What it weighed').getByRole('button', { name: 'Raw' }).click();
      await expect.poll(async () => JSON.parse(await shows(page, 'What it weighed')) as unknown).toEqual(alternatives);
    });
  });

  browserTest('as a change of state is there before and after, raw', async () => {
    const tenant = await server.tenant();
    const id = await tenant.session();
    const event = await tenant.event(id, { eventType: 'state_change', stateBefore: { ticket: 'open' }, stateAfter: { ticket: 'solved' } });
    await visit(tenant, { path: `/sessions/${id}?event=${event}` }, async (page) => {
      await box(page, 'Form of What changed').getByRole('button', { name: 'Raw' }).click();
      await expect.poll(async () => JSON.parse(await shows(page, 'What changed')) as unknown).toEqual({ stateBefore: { ticket: 'open' }, stateAfter: { ticket: 'solved' } });
    });
  });

  browserTest('of a very long talk is laid out step by step', async () => {
    const tenant = await server.tenant();
    const id = await tenant.session();
    const event = await tenant.event(id, { eventType: 'llm_call', model: 'm', prompt: Array.from({ length: 1_000 }, (_, n) => ({ role: n % 2 === 0 ? 'user' : 'assistant', content: `message ${n}` })) });
    await visit(tenant, { path: `/sessions/${id}?event=${event}` }, async (page) => {
      await page.getByText('message 199', { exact: true }).waitFor();
      expect(await page.getByText('message 200', { exact: true }).count()).toBe(0);
      await page.getByRole('button', { name: 'Show more: 800 are left' }).click();
      await page.getByText('message 399', { exact: true }).waitFor();
    });
  });
});
