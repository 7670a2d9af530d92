import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { AxeResults, RunOptions } from 'axe-core';
import type { Page } from 'playwright-core';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const RULES: RunOptions = { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] };

/** What axe has to say about a page, in short. */
export async function faultsOf(page: Page): Promise<string[]> {
  await page.evaluate(axe); // as the debugger does, past the Content-Security-Policy
  const { violations } = await page.evaluate((rules) => (window as unknown as { axe: { run(rules: RunOptions): Promise<AxeResults> } }).axe.run(rules), RULES);
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target, any }) => `${String(target)} ${any[0]?.message ?? ''}`).join(' | ')}`);
}
