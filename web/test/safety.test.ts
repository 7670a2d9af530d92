import { afterAll, beforeAll, describe, expect } from 'vitest';
import { startApp } from '../../test/support/app.ts';
import type { TestApp } from '../../test/support/app.ts';
import { browserTest, visit } from './support/browser.ts';

let server: TestApp;
beforeAll(async () => {
  server = await startApp();
});
afterAll(() => server.close());

const MARKUP = '<img src=x onerror="alert(1)"><script>alert(2)</script><svg onload=alert(3)><a href="javascript:alert(4)">here</a>';
const MARKDOWN = '[click](javascript:alert(5)) ![beacon](https://evil.example/beacon.png) https://evil.example/';
const TERMINAL = '\u001b[31mred\u001b]8;;https://evil.example\u0007link\u001b]8;;\u0007\b\b';
const BIDI = 'safe\u202Egpj.exe\u2066hidden\u2069\u200Bword';
const ALL = `${MARKUP} ${MARKDOWN} ${TERMINAL} ${BIDI}`;

describe('what agents and users say', () => {
  browserTest('is shown as the text that it is, on every page: no markup, no link, no request; what cannot be seen is shown by name', async () => {
    const tenant = await server.tenant();
    const id = await tenant.session({ name: ALL, agentName: `agent ${ALL}`, userId: `user ${ALL}`, convoId: `talk ${ALL}`, userInput: ALL, metadata: { [ALL]: ALL } });
    const tool = await tenant.event(id, { toolName: ALL, toolInput: { [ALL]: ALL }, toolOutput: ALL, toolError: { message: ALL }, reasoning: ALL, metadata: { tool_use_id: ALL } });
    const decision = await tenant.event(id, { eventType: 'llm_decision', reasoning: ALL, alternativesConsidered: [ALL, { option: ALL }], chosen: ALL, confidence: 0.5 });
    const call = await tenant.event(id, { eventType: 'llm_call', model: ALL, prompt: [{ role: ALL, content: ALL }], response: ALL });
    const change = await tenant.event(id, { eventType: 'state_change', stateBefore: { a: ALL }, stateAfter: { a: `${ALL}!` } });
    const error = await tenant.event(id, { eventType: 'error', errorType: ALL, errorMessage: ALL, errorStack: ALL, recoveryAction: ALL });
    await tenant.session({ name: `child ${ALL}`, parentSessionId: id });
    await tenant.rest('PATCH', `/sessions/${id}`, { success: false, failureReason: ALL, summary: ALL, assistantOutput: ALL });
    const keyed = await tenant.graphql('mutation ($name: String!) { createApiKey(input: { name: $name, scopes: [READ] }) { apiKey { id } } }', { name: ALL.slice(0, 200) });
    expect(keyed.errors).toBeUndefined();

    const events = [tool, decision, call, change, error].map((event) => `/sessions/${id}?event=${event}`);
    const pages = ['/sessions', `/sessions/${id}`, ...events, '/overview', '/usage', '/agents', '/users', '/conversations', `/conversations/${encodeURIComponent(`talk ${ALL}`)}`, '/settings'];
    await visit(tenant, {}, async (page) => {
      for (const path of pages) {
        await page.goto(server.url + path);
        await page.locator('[aria-busy=true]').first().waitFor({ state: 'detached' });
        await expect.poll(() => page.locator('main').innerText()).toContain(path === '/overview' ? 'Top failing tools' : '<img src=x');
        const strange = await page.evaluate(() => {
          const elements = [...document.querySelectorAll('*')];
          return {
            markup: document.querySelectorAll('#root img, #root script, #root iframe, #root svg[onload]').length,
            links: [...document.querySelectorAll('a')].map((a) => a.href).filter((href) => !href.startsWith(`${location.origin}/`)),
            // As characters anywhere: in text, in attributes, in the title.
            unseen: elements.filter((element) => {
              const own = [...element.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE).map((node) => node.textContent);
              const attributes = [...element.attributes].filter(({ name }) => name !== 'href' && name !== 'value').map(({ value }) => value);
              return [...own, ...attributes].some((text) => /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069]/.test(text ?? ''));
            }).length,
          };
        });
        expect(strange, path).toEqual({ markup: 0, links: [], unseen: 0 });
      }
      await page.goto(`${server.url}/sessions/${id}?event=${tool}`);
      const output = page.getByRole('group', { name: 'Output, content' });
      await expect.poll(() => output.locator('.hidden-character').allInnerTexts()).toEqual(expect.arrayContaining(['ESC', 'BEL', 'BS', 'RLO', 'LRI', 'PDI', 'ZWSP']));
    });
  });

  browserTest('does not hold up the page, however large or deep', async () => {
    const tenant = await server.tenant();
    const id = await tenant.session();
    let deep: unknown = 'bottom';
    for (let level = 0; level < 90; level++) deep = { level: deep };
    const event = await tenant.event(id, { toolInput: { deep, rows: Array.from({ length: 20_000 }, (_, n) => ({ n, text: `row ${n}` })) }, toolOutput: 'x'.repeat(1_000_000) });
    await visit(tenant, { path: `/sessions/${id}?event=${event}` }, async (page) => {
      await page.getByText('"row 0"').or(page.getByText('level')).first().waitFor();
      expect(await page.locator('.json-line').count()).toBeLessThan(200);
      await page.getByLabel('Search in Input').fill('row 19999');
      await page.locator('.json-current').getByText('row 19999').waitFor();
    });
  });
});
