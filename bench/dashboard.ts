// What someone who looks at the dashboard waits for: `npm run build && npm run bench -- dashboard`.
import { chromium } from 'playwright-core';
import type { Page } from 'playwright-core';
import { CHROMIUM_ARGS, findChromium } from '../web/test/support/chromium.ts';
import { KEY, ROUNDS, event, median, post, row, startBenchServer } from './support.ts';

const EVENTS = 50_000;
const ARRIVALS = 20;

const executablePath = findChromium();
if (executablePath === undefined) throw new Error('There is no Chromium on the PATH');
const server = await startBenchServer('full', {});
const browser = await chromium.launch({ executablePath, args: CHROMIUM_ARGS });

/** Begins to look for a text; then gives the milliseconds from now until it stands there. Both clocks are the machine's. */
async function until(page: Page, text: string): Promise<() => Promise<number>> {
  const seen = page.waitForFunction((wanted) => document.body.innerText.includes(wanted) && performance.timeOrigin + performance.now(), text, { polling: 'raf' });
  await page.evaluate(() => undefined); // it looks
  const begun = performance.timeOrigin + performance.now();
  return async () => Number(await (await seen).jsonValue()) - begun;
}

/** Milliseconds since the navigation began until the first row stood there. */
async function opened(page: Page, path: string, rows: string): Promise<number> {
  await page.goto(server.url + path);
  await page.locator(rows).first().waitFor();
  return page.evaluate(() => performance.now());
}

const session = (id: string) => post(server.url, '/api/sdk/sessions', { id, name: `session ${id}`, agentName: 'agent', userId: 'user' });
const LIVE = '.nav-foot .connection[data-state=live]';

try {
  for (let number = 0; number < 200; number++) await session(`${number}`);
  await session('long');
  for (let first = 1; first <= EVENTS; first += 100) {
    const events = Array.from({ length: 100 }, (_, index) => ({ ...event(0), sessionId: 'long', toolName: `tool-${first + index}`, toolOutput: { hits: 3 } }));
    await post(server.url, '/api/sdk/events/batch', { events });
  }
  await post(server.url, '/graphql', { query: 'mutation { completeSession(input: { id: "long", success: true }) { id } }' });
  const found: Record<string, number[]> = {};
  const note = (what: string, ms: number) => (found[what] ??= []).push(ms);
  for (let round = 0; round < ROUNDS; round++) {
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
    const page = await context.newPage();
    await page.goto(`${server.url}/settings#key=${KEY}`);
    await page.locator(LIVE).waitFor();
    note('sessions, to the first rows', await opened(page, '/sessions', '.table-body .line'));
    await page.locator(LIVE).waitFor();
    for (let number = 0; number < ARRIVALS; number++) {
      const arrival = await until(page, `session new-${round}-${number}`);
      await session(`new-${round}-${number}`);
      note('from a mutation to its row', await arrival());
    }
    note('50,000 events, to the first rows', await opened(page, '/sessions/long', '.tl-row'));
    const end = await until(page, `tool-${EVENTS}`);
    await page.keyboard.press('End');
    note('… to its end', await end());
    const middle = await until(page, 'tool-25001');
    await page.getByLabel('Go to row').fill('25000');
    await page.keyboard.press('Enter');
    note('… to row 25,000', await middle());
    const frames = await page.locator('.timeline-body').evaluate(async (body) => {
      const times: number[] = [];
      for (let last = performance.now(); times.length < 120; ) {
        body.scrollBy(0, 400);
        await new Promise((resolve) => requestAnimationFrame(resolve));
        const now = performance.now();
        times.push(now - last);
        last = now;
      }
      return times;
    });
    for (const ms of frames) note('… a frame while scrolling', ms);
    await context.close();
  }
  row('what one waits for', 'median, ms', 'longest, ms');
  row('---', '---', '---');
  for (const [what, times] of Object.entries(found)) row(what, median(times), Math.max(...times));
} finally {
  await browser.close();
  await server.stop();
}
