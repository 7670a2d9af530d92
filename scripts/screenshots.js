// Writes docs/dashboard-*.png: a server of its own, filled by `npm run demo`, looked at in Chromium. `npm run screenshots`.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { build } from './build.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const key = `sentrial_live_${'screenshots'.padEnd(20, '0')}`;
const folder = mkdtempSync(join(tmpdir(), 'sentrial-screenshots-'));

const executablePath = process.env.PATH.split(delimiter)
  .flatMap((path) => ['chromium', 'chromium-browser', 'google-chrome'].map((name) => join(path, name)))
  .find((file) => existsSync(file));
if (!executablePath) throw new Error('There is no Chromium on the PATH (Debian: apt-get install chromium)');

build();
const server = spawn(process.execPath, ['dist/main.js'], {
  cwd: root,
  env: { PATH: process.env.PATH, PORT: '0', SENTRIAL_DATA_DIR: folder, SENTRIAL_BOOTSTRAP_API_KEY: key },
  stdio: ['ignore', 'pipe', 'inherit'],
});
let browser;
try {
  const url = await new Promise((resolve, reject) => {
    createInterface({ input: server.stdout }).on('line', (line) => {
      if (line.includes('"listening on')) resolve(JSON.parse(line).url);
    });
    server.once('exit', () => reject(new Error('the server ended')));
  });
  const ask = async (query) => {
    const answer = await fetch(`${url}/graphql`, { method: 'POST', headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' }, body: JSON.stringify({ query }) });
    return (await answer.json()).data;
  };
  const env = { ...process.env, SENTRIAL_API_URL: url, SENTRIAL_API_KEY: key };
  const demo = (...args) => {
    const run = spawnSync(process.execPath, ['--import', 'tsx', 'examples/demo.ts', ...args], { cwd: root, env, stdio: 'inherit' });
    if (run.status !== 0) throw new Error('the demo failed');
  };

  browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'] });
  async function shoot(name, path, { look, ...options } = {}) {
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, reducedMotion: 'reduce', ...options });
    const page = await context.newPage();
    await page.goto(`${url}${path}#key=${key}`);
    await page.locator('main h1').first().waitFor();
    await page.locator('[aria-busy=true]').first().waitFor({ state: 'detached' });
    await page.locator('.connection[data-state=live]').first().waitFor({ state: 'attached' });
    await look?.(page);
    // What was laid out in the last frame has been drawn in this one, the charts' canvas too.
    await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
    await page.screenshot({ path: join(root, 'docs', `dashboard-${name}.png`) });
    await context.close();
  }

  await shoot('start', '/');
  demo('--sessions', '40');
  const { sessions } = await ask('{ sessions(first: 1, filter: { search: "order 4711" }) { edges { node { id convoId events(first: 50) { edges { node { id eventType } } } } } } }');
  const { id, convoId, events } = sessions.edges[0].node;
  const decision = events.edges.filter(({ node }) => node.eventType === 'LLM_DECISION')[1].node.id;
  const change = events.edges.find(({ node }) => node.eventType === 'STATE_CHANGE').node.id;
  await ask('mutation { createSession(input: { name: "Translate the catalogue", agentName: "coding-agent", userId: "grace@example.com" }) { id } }');
  const phone = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true };

  await shoot('sessions', '/sessions');
  await shoot('session', `/sessions/${id}?event=${decision}`, { look: (page) => page.getByRole('button', { name: 'Show what it did' }).click() });
  await shoot('session-dark', `/sessions/${id}?event=${change}`, { colorScheme: 'dark' });
  await shoot('overview', '/overview?range=1h');
  await shoot('usage-dark', '/usage?range=1h', { colorScheme: 'dark' });
  await shoot('agents', '/agents');
  await shoot('users', '/users');
  await shoot('conversations', '/conversations');
  await shoot('conversation', `/conversations/${convoId}`);
  await shoot('settings', '/settings');
  await shoot('sessions-phone', '/sessions', phone);
  await shoot('session-phone', `/sessions/${id}`, phone);
} finally {
  await browser?.close();
  server.kill();
  rmSync(folder, { recursive: true, force: true });
}
