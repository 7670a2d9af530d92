import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { startApp } from '../../test/support/app.ts';
import type { TestApp } from '../../test/support/app.ts';
import type { Tenant } from '../../test/support/tenant.ts';
import { browserTest, visit, whenLive } from './support/browser.ts';

// What the pages add up is what was reported.

let server: TestApp;
beforeAll(async () => {
  server = await startApp();
});
afterAll(() => server.close());

type Fields = Record<string, unknown>;
const create = (tenant: Tenant, input: Fields) => tenant.session({ convoId: 'thread', ...input });
const complete = (tenant: Tenant, input: Fields) => tenant.run('mutation ($input: CompleteSessionInput!) { completeSession(input: $input) { id } }', { input });
const llmCall = (tenant: Tenant, input: Fields) => tenant.run('mutation ($input: TrackLlmCallInput!) { trackLlmCall(input: $input) { id } }', { input });

/** Two agents, two users, two models: one run of each succeeds, one of `support` fails, one still runs. */
async function report(tenant: Tenant): Promise<void> {
  const [asked, failed, coded] = [
    await create(tenant, { name: 'Asked', agentName: 'support', userId: 'ann', userInput: 'Where is my parcel?' }),
    await create(tenant, { name: 'Broken', agentName: 'support', userId: 'ann', userInput: 'And my money?' }),
    await create(tenant, { name: 'Coded', agentName: 'coder', userId: 'bob', convoId: 'other' }),
  ];
  await create(tenant, { name: 'Running', agentName: 'coder', userId: 'bob', convoId: 'other' });
  await llmCall(tenant, { sessionId: asked, model: 'small', promptTokens: 900, completionTokens: 100, estimatedCost: 0.25, durationMs: 400 });
  await llmCall(tenant, { sessionId: coded, model: 'large', promptTokens: 4_000, completionTokens: 1_000, estimatedCost: 2, durationMs: 3_000 });
  for (const status of ['success', 'error', 'error', 'error']) await tenant.event(failed, { toolName: 'pay', status, durationMs: 50 });
  await complete(tenant, { id: asked, success: true, durationMs: 1_000, assistantOutput: 'In Leipzig.' });
  await complete(tenant, { id: failed, success: false, durationMs: 2_000, failureReason: 'The bank does not answer.' });
  await complete(tenant, { id: coded, success: true, durationMs: 3_000 });
}

/** The cells of a row in the table of that name, its head first. */
const cells = (page: Page, table: string, row: string) =>
  page.getByRole('region', { name: table }).getByRole('row').filter({ has: page.getByRole('rowheader', { name: row, exact: true }) }).locator('th, td').allInnerTexts();
const stat = (page: Page, name: string) => page.locator('.stat', { hasText: name }).locator('dd').innerText();

describe('the figures', () => {
  browserTest('of the overview count runs, failures, time, tokens, cost and failing tools, and follow what happens', async () => {
    const tenant = await server.tenant();
    await report(tenant);
    await visit(tenant, { path: '/overview' }, async (page) => {
      await expect.poll(() => stat(page, 'Runs')).toBe('4\n1 running');
      expect(await stat(page, 'Success')).toBe('66.7%\n2 completed');
      expect(await stat(page, 'Failures')).toBe('1\n3 errors');
      expect(await stat(page, 'Duration')).toBe('2.00 s\np95 2.90 s · p99 2.98 s');
      expect(await stat(page, 'Tokens')).toBe('6,000\n4,900 in · 1,100 out');
      expect(await stat(page, 'Cost')).toBe('$2.25\n$0.5625 a run');
      expect((await cells(page, 'Top failing tools', 'pay')).slice(0, 6)).toEqual(['pay', '3', '4', '75%', '50 ms', '50 ms']);
      await whenLive(page);
      await create(tenant, { name: 'One more', agentName: 'coder', userId: 'bob' });
      await expect.poll(() => stat(page, 'Runs')).toBe('5\n2 running');
    });
  });

  browserTest('of usage are those of each model, each agent and the dearest sessions', async () => {
    const tenant = await server.tenant();
    await report(tenant);
    await visit(tenant, { path: '/usage' }, async (page) => {
      await expect.poll(() => cells(page, 'By model', 'large')).toEqual(['large', '1', '4,000', '1,000', '$2.00', '3.00 s', '0%']);
      expect(await cells(page, 'By model', 'small')).toEqual(['small', '1', '900', '100', '$0.2500', '400 ms', '0%']);
      expect(await cells(page, 'By agent', 'support')).toEqual(['support', '2', '900', '100', '$0.2500', '$0.1250']);
      expect(await page.getByRole('region', { name: 'Dearest sessions' }).getByRole('rowheader').allInnerTexts()).toEqual(['Coded', 'Asked', 'Broken']);
    });
  });

  browserTest.each([
    ['agents', 'Agents', ['support', '2', '–', '50%', '1.50 s', '1.95 s', '1.99 s', '1,000', '$0.2500'], ['coder', '2', '1', '100%', '3.00 s', '3.00 s', '3.00 s', '5,000', '$2.00']],
    ['users', 'Users', ['ann', '2', '–', '50%', '1.50 s', '1.95 s', '1.99 s', '1,000', '$0.2500'], ['bob', '2', '1', '100%', '3.00 s', '3.00 s', '3.00 s', '5,000', '$2.00']],
  ])('of %s are runs, success, time, tokens and cost, and lead to their sessions', async (path, table, one, other) => {
    const tenant = await server.tenant();
    await report(tenant);
    await visit(tenant, { path: `/${path}` }, async (page) => {
      await expect.poll(async () => (await cells(page, table, one[0]!)).slice(0, 9)).toEqual(one);
      expect((await cells(page, table, other[0]!)).slice(0, 9)).toEqual(other);
      await page.getByRole('link', { name: one[0]!, exact: true }).click();
      await expect.poll(() => page.locator('.table-body .row-link').allInnerTexts()).toEqual(['Broken', 'Asked']);
    });
  });

  browserTest('of a conversation stand over its thread, which is read from the first question to the last answer', async () => {
    const tenant = await server.tenant();
    await report(tenant);
    await visit(tenant, { path: '/conversations' }, async (page) => {
      await page.getByRole('link', { name: 'thread', exact: true }).click();
      await page.getByText('2 sessions · 1,000 tokens · $0.2500').waitFor();
      expect(await page.locator('.thread .said').allInnerTexts()).toEqual(['ann\nWhere is my parcel?', 'support\nIn Leipzig.', 'ann\nAnd my money?', 'support\nThe bank does not answer.']);
    });
  });
});
