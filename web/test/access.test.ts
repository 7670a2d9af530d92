import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import WebSocket from 'ws';
import { startApp } from '../../test/support/app.ts';
import type { TestApp } from '../../test/support/app.ts';
import { browserTest, namesInSight, visit, whenLive } from './support/browser.ts';

let server: TestApp;
beforeAll(async () => {
  server = await startApp();
});
afterAll(() => server.close());

const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
  fetch(server.url + path, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) });

describe('the login', () => {
  it('exchanges a good key for a cookie that scripts cannot read and other sites cannot send', async () => {
    const { key } = await server.tenant();
    const answer = await post('/login', { apiKey: key });
    expect(answer.status).toBe(204);
    const cookie = answer.headers.get('set-cookie')!;
    expect(cookie).toMatch(/^sentrial_api_key=sentrial_live_\w+; Max-Age=2592000; Path=\/; HttpOnly; SameSite=Strict$/);
    const who = await post('/graphql', { query: '{ viewer { keyName } }' }, { cookie: cookie.split(';')[0]! });
    expect(await who.json()).toEqual({ data: { viewer: { keyName: 'test' } } });
    const secure = await post('/login', { apiKey: key }, { 'x-forwarded-proto': 'https' });
    expect(secure.headers.get('set-cookie')).toContain('Secure');
  });

  it('refuses a key that is not good, a body that is none, and a page of another site', async () => {
    const { key } = await server.tenant();
    const unknown = await post('/login', { apiKey: 'sentrial_live_nobody' });
    expect([unknown.status, unknown.headers.get('set-cookie')]).toEqual([401, null]);
    expect((await post('/login', { key })).status).toBe(400);
    const foreign = await post('/login', { apiKey: key }, { origin: 'https://evil.example' });
    expect([foreign.status, foreign.headers.get('set-cookie')]).toEqual([403, null]);
    expect((await post('/logout', {}, { origin: 'https://evil.example' })).status).toBe(403);
  });

  it('does not let a page of another site use the cookie, over HTTP or over a WebSocket', async () => {
    const { key } = await server.tenant();
    const cookie = `sentrial_api_key=${key}`;
    const mutation = { query: 'mutation { createSession(input: { name: "n", agentName: "a", userId: "u" }) { id } }' };
    const codeOf = async (origin: string) => ((await (await post('/graphql', mutation, { cookie, origin })).json()) as { errors?: { extensions: { code: string } }[] }).errors?.[0]?.extensions.code;
    expect(await codeOf('https://evil.example')).toBe('UNAUTHENTICATED');
    expect(await codeOf('null')).toBe('UNAUTHENTICATED');
    expect(await codeOf(server.url)).toBeUndefined();
    expect(await closeCodeOf('https://evil.example', cookie)).toBe(4403);
    expect(await closeCodeOf(server.url, cookie)).toBe('acknowledged');
  });
});

function closeCodeOf(origin: string, cookie: string): Promise<number | string> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`${server.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws', { headers: { origin, cookie } });
    socket.on('open', () => socket.send('{"type":"connection_init"}'));
    socket.on('message', () => {
      resolve('acknowledged');
      socket.close();
    });
    socket.on('close', resolve);
    socket.on('error', reject);
  });
}

describe('the files of the page', () => {
  it('are kept for good where their name holds a hash; the page itself never', async () => {
    const page = await fetch(`${server.url}/sessions/some%2Fid`);
    expect([page.status, page.headers.get('cache-control')]).toEqual([200, 'no-store']);
    const html = await page.text();
    const script = /src="(\/assets\/[^"]+\.js)"/.exec(html)![1]!;
    expect(html).not.toMatch(/<script(?![^>]* src=)|<style|\son\w+=|style=/);
    const file = await fetch(server.url + script, { headers: { 'accept-encoding': 'br, gzip' } });
    expect(file.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
    expect(file.headers.get('content-encoding')).toBe('br');
    for (const answer of [page, file]) {
      expect(answer.headers.get('content-security-policy')).toBe(
        "default-src 'none';script-src 'self';style-src 'self';img-src 'self' data:;connect-src 'self';base-uri 'none';form-action 'none';frame-ancestors 'none'",
      );
      expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
    }
  });

  it('answer only the paths that the page has', async () => {
    for (const path of ['/nothing', '/assets/nothing.js', '/assets/..%2findex.html', '/assets/%2e%2e/%2e%2e/package.json', '/sessions/a/b']) expect((await fetch(server.url + path)).status, path).toBe(404);
    for (const path of ['/', '/overview', '/sessions', '/conversations', '/conversations/c', '/agents', '/users', '/usage', '/settings']) expect((await fetch(server.url + path)).status, path).toBe(200);
  });
});

describe('in the browser', () => {
  browserTest('a key in the address is taken out of it and of its history, and is good after a reload', async () => {
    const tenant = await server.tenant();
    await tenant.session({ name: 'mine' });
    await visit(tenant, { path: '/sessions?q=mine' }, async (page) => {
      await page.getByText('mine', { exact: true }).waitFor();
      expect(page.url()).toBe(`${server.url}/sessions?q=mine`);
      expect(await page.evaluate(() => [document.cookie, JSON.stringify(localStorage), JSON.stringify(sessionStorage)].join())).not.toContain('sentrial_live_');
      await page.reload();
      await page.getByText('mine', { exact: true }).waitFor();
      expect(await page.evaluate(() => history.length)).toBeLessThanOrEqual(2);
    });
  });

  browserTest('a visitor without a key meets the login without a fault, on whatever page, and is told of a key that is not good', async () => {
    for (const path of ['/', '/sessions', '/overview', '/usage', '/settings']) {
      await visit({ url: server.url }, { path, expected: /401/ }, async (page) => {
        await page.getByLabel('API key').waitFor();
        expect(await page.getByRole('alert').allInnerTexts(), path).toEqual([]);
        await page.getByLabel('API key').fill('sentrial_live_wrong');
        await page.keyboard.press('Enter');
        await expect.poll(() => page.getByRole('alert').allInnerTexts()).toEqual(['Invalid or missing API key']);
      });
    }
  });

  browserTest('who logs in while the server is away is told, and can try again', async () => {
    const tenant = await server.tenant();
    await visit({ url: server.url }, { expected: /401|ERR_FAILED/ }, async (page) => {
      await page.getByLabel('API key').fill(tenant.key);
      // The key is taken, and then nothing answers.
      await page.route('**/graphql', (route) => route.abort());
      await page.keyboard.press('Enter');
      await page.getByRole('alert').filter({ hasText: 'The server does not answer' }).waitFor();
      await page.unroute('**/graphql');
      await page.getByRole('button', { name: 'Log in' }).click();
      await page.getByRole('heading', { name: 'Report your first run' }).waitFor();
    });
  });

  browserTest('one logs in with a key, after one that is not good, and logs out', async () => {
    const tenant = await server.tenant();
    await tenant.session({ name: 'mine' });
    await visit({ url: server.url }, { expected: /401/ }, async (page) => {
      await page.getByLabel('API key').fill('sentrial_live_wrong');
      await page.getByRole('button', { name: 'Log in' }).click();
      await page.getByRole('alert').filter({ hasText: 'Invalid' }).waitFor();
      await page.getByLabel('API key').fill(tenant.key);
      await page.keyboard.press('Enter');
      await page.getByText('mine', { exact: true }).waitFor();
      await page.getByRole('button', { name: 'Log out' }).click();
      await page.getByLabel('API key').waitFor();
      await page.reload();
      await page.getByLabel('API key').waitFor();
    });
  });

  browserTest('a key is made, shown once, works, and is revoked; whoever is logged in with it is logged out at once', async () => {
    const tenant = await server.tenant();
    await tenant.session({ name: 'mine' });
    await visit(tenant, { path: '/settings' }, async (page) => {
      await page.getByRole('button', { name: 'New key' }).click();
      await page.getByLabel('What it is for').fill('reader');
      await page.getByRole('checkbox', { name: 'read Query' }).check();
      await page.getByRole('button', { name: 'Make the key' }).click();
      const key = await page.getByTestId('new-key').innerText();
      expect(key).toMatch(/^sentrial_live_\w{43}$/);
      await page.keyboard.press('Escape');
      await page.getByRole('row', { name: /^reader/ }).waitFor();
      await page.getByRole('dialog').waitFor({ state: 'detached' });
      expect(await page.content()).not.toContain(key);

      await visit({ url: server.url, key }, {}, async (other) => {
        await whenLive(other);
        await expect.poll(() => namesInSight(other)).toEqual(['mine']);
        await page.getByRole('row', { name: /^reader/ }).getByRole('button', { name: 'Revoke' }).click();
        await page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click();
        await other.getByText('You are logged out').waitFor();
      });
      await page.getByRole('row', { name: /^reader/ }).getByText('revoked').waitFor();
    });
  });
});
