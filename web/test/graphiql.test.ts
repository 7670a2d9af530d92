import { afterAll, beforeAll, expect } from 'vitest';
import { startApp } from '../../test/support/app.ts';
import type { TestApp } from '../../test/support/app.ts';
import { browserTest, visit } from './support/browser.ts';

let server: TestApp;
beforeAll(async () => {
  server = await startApp({ GRAPHQL_INTROSPECTION: 'true' });
});
afterAll(() => server.close());

browserTest('GraphiQL knows the schema and runs queries, within its Content-Security-Policy', async () => {
  const tenant = await server.tenant();
  await tenant.session({ name: 'seen-in-GraphiQL' });
  await visit({ url: server.url }, { path: '/graphql' }, async (page) => {
    await page.getByRole('button', { name: 'Show Documentation Explorer' }).click();
    await page.getByText('Root Types').waitFor();
    expect(await page.evaluate((apiKey) => fetch('/login', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ apiKey }) }).then(({ status }) => status), tenant.key)).toBe(204);
    await page.getByRole('button', { name: /Execute query/ }).first().click();
    await expect.poll(() => page.locator('.graphiql-response').innerText()).toContain('seen-in-GraphiQL');
  });
});
