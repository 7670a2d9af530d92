import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApp } from './support/app.ts';
import type { TestApp } from './support/app.ts';
import type { GraphqlAnswer, Tenant } from './support/tenant.ts';

// What is true of HTTP, whichever API a request goes to.

let server: TestApp;
let tenant: Tenant;
beforeAll(async () => {
  server = await startApp();
  tenant = await server.tenant();
});
afterAll(() => server.close());

/** Writes bytes as they are and reads until the server has ended the connection, or `enough` says so. */
async function exchange(text: string, enough = (answer: string) => answer.includes('\r\n\r\n')): Promise<string> {
  const connection = connect(Number(new URL(server.url).port), '127.0.0.1');
  connection.write(text);
  return answerOn(connection, enough).finally(() => connection.destroy());
}

async function answerOn(connection: Socket, enough: (answer: string) => boolean): Promise<string> {
  let answer = '';
  for await (const data of connection) {
    answer += (data as Buffer).toString();
    if (enough(answer)) break;
  }
  return answer;
}

describe('405', () => {
  it.each([
    ['/api/sdk/sessions', 'GET, HEAD, POST'],
    ['/api/sdk/sessions/sess_1', 'GET, HEAD, PATCH'],
    ['/api/sdk/sessions/sess_1/events', 'GET, HEAD'],
    ['/api/sdk/events', 'POST'],
    ['/api/sdk/events/batch', 'POST'],
    ['/api/sdk/policies', 'GET, HEAD'],
    ['/v1/sessions', 'GET, HEAD, POST'],
    ['/graphql', 'GET, HEAD, POST'],
    ['/login', 'POST'],
    ['/healthz', 'GET, HEAD'],
    ['/openapi.json', 'GET, HEAD'],
    ['/', 'GET, HEAD'],
    ['/sessions/sess_1', 'GET, HEAD'],
    ['/assets/x.js', 'GET, HEAD'],
  ])('answers a method that %s does not have, and names those that it has', async (path, allowed) => {
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'].filter((each) => !allowed.includes(each))) {
      const response = await fetch(server.url + path, { method, headers: { authorization: `Bearer ${tenant.key}` } });
      expect([method, response.status, response.headers.get('allow')]).toEqual([method, 405, allowed]);
      expect(JSON.stringify(await response.json())).toContain(`${method} is not allowed here. Send one of ${allowed}`);
    }
  });

  it('has the form of its API', async () => {
    const body = async (path: string) => (await fetch(server.url + path, { method: 'PUT', headers: { authorization: `Bearer ${tenant.key}` } })).json() as Promise<unknown>;
    expect(await body('/api/sdk/events')).toEqual({ error: 'Method Not Allowed', message: expect.any(String) as string });
    expect(await body('/v1/sessions')).toEqual({ error: { code: 'method_not_allowed', message: expect.any(String) as string } });
    expect(await body('/graphql')).toEqual({ errors: [{ message: expect.any(String) as string, extensions: { code: 'BAD_USER_INPUT' } }] });
  });
});

describe('a body that is too large', () => {
  const LARGE = 17 * 1024 * 1024;
  const head = (framing: string) => `POST /api/sdk/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${tenant.key}\r\nContent-Type: application/json\r\n${framing}\r\n\r\n`;

  it('is answered with a 413 that a client can read which writes all of it first', async () => {
    for (let i = 0; i < 3; i += 1) {
      const { status, body } = await tenant.rest('POST', '/events', 'x'.repeat(LARGE));
      expect([status, body['error']]).toEqual([413, 'Payload Too Large']);
    }
  });

  it.each([
    ['with its length', `Content-Length: ${LARGE}`, (chunk: string) => chunk],
    ['in chunks', 'Transfer-Encoding: chunked', (chunk: string) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`],
  ])('is read to its end when it comes %s, and the connection serves the next request', async (_how, framing, framed) => {
    const connection = connect(Number(new URL(server.url).port), '127.0.0.1');
    const chunk = framed('x'.repeat(LARGE / 17));
    connection.write(head(framing));
    for (let i = 0; i < 17; i += 1) if (!connection.write(chunk)) await once(connection, 'drain');
    connection.write(framing.startsWith('Transfer') ? '0\r\n\r\n' : '');
    connection.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n');
    const answer = await answerOn(connection, (text) => text.includes('{"status":"alive"}'));
    expect(answer).toMatch(/^HTTP\/1\.1 413 [\s\S]*HTTP\/1\.1 200 /);
    connection.destroy();
  });
});

describe('a request that two servers could read differently', () => {
  it.each([['two Host headers', 'Host: a\r\nHost: b'], ['two of the same', 'Host: a\r\nhost: a']])('is refused for %s', async (_what, hosts) => {
    const answer = await exchange(`GET /healthz HTTP/1.1\r\n${hosts}\r\n\r\n`, (text) => text.includes('several'));
    expect(answer).toMatch(/^HTTP\/1\.1 400 [\s\S]*\{"error":"Bad Request","message":"Host: expected one, got several"\}/);
  });
});

describe('an upgrade', () => {
  const upgrade = (path: string, { to = 'websocket', version = 13 } = {}) =>
    exchange(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: ${to}\r\nSec-WebSocket-Version: ${version}\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n`);

  it('makes a WebSocket at /graphql, by version 13', async () => {
    expect(await upgrade('/graphql')).toMatch(/^HTTP\/1\.1 101 /);
    const old = await upgrade('/graphql', { version: 8 });
    expect(old).toMatch(/^HTTP\/1\.1 426 /);
    expect(old.toLowerCase()).toContain('\r\nsec-websocket-version: 13\r\n');
  });

  it.each(['/healthz', '/', '/openapi.json', '/nowhere'])('makes none at %s', async (path) => {
    expect(await upgrade(path)).toMatch(/^HTTP\/1\.1 404 /);
  });

  it('makes nothing else', async () => {
    expect(await upgrade('/graphql', { to: 'h2c' })).toMatch(/^HTTP\/1\.1 400 /);
  });
});

describe('the headers of an answer', () => {
  it.each(['/api/sdk/sessions', '/api/sdk/nowhere', '/v1/sessions', '/graphql?query=%7B__typename%7D', '/healthz', '/openapi.json'])('say at %s that its type is its type, and that nobody keeps it', async (path) => {
    const { headers } = await fetch(server.url + path, { headers: { authorization: `Bearer ${tenant.key}` } });
    expect([headers.get('x-content-type-options'), headers.get('cache-control')]).toEqual(['nosniff', 'no-store']);
  });

  it('let the files of the dashboard be kept', async () => {
    const page = await (await fetch(server.url)).text();
    const { headers } = await fetch(server.url + /\/assets\/[\w.-]+\.js/.exec(page)![0]);
    expect([headers.get('x-content-type-options'), headers.get('cache-control')]).toEqual(['nosniff', 'public, max-age=31536000, immutable']);
  });

  it('keep GraphiQL to itself', async () => {
    await using open = await startApp({ GRAPHQL_INTROSPECTION: 'true' });
    const { headers } = await fetch(`${open.url}/graphql`, { headers: { accept: 'text/html' } });
    expect(headers.get('content-security-policy')).toMatch(/^default-src 'none'; script-src 'sha256-[\w+/=]+'; .*frame-ancestors 'none'$/);
    expect([headers.get('x-frame-options'), headers.get('x-content-type-options'), headers.get('cache-control')]).toEqual(['DENY', 'nosniff', 'no-store']);
  });
});

describe('what a page of another site could send with the cookie', () => {
  const MUTATION = 'mutation { createSession(input: { name: "n", agentName: "a", userId: "u" }) { id } }';
  const post = (type: string, body: string, headers: Record<string, string> = {}) => fetch(`${server.url}/graphql`, { method: 'POST', headers: { cookie: `sentrial_api_key=${tenant.key}`, 'content-type': type, ...headers }, body });

  it.each([
    ['application/x-www-form-urlencoded', `query=${encodeURIComponent(MUTATION)}`],
    ['application/graphql', MUTATION],
    ['text/plain', JSON.stringify({ query: MUTATION })],
    ['multipart/form-data; boundary=x', `--x\r\nContent-Disposition: form-data; name="operations"\r\n\r\n${JSON.stringify({ query: MUTATION })}\r\n--x--`],
  ])('is refused as %s', async (type, body) => {
    const response = await post(type, body);
    expect([response.status, ((await response.json()) as GraphqlAnswer).errors?.[0]?.extensions.code]).toEqual([415, 'BAD_USER_INPUT']);
  });

  it('has no key where the browser says that it comes from another site', async () => {
    const ask = (site?: string) => post('application/json', '{"query":"{ viewer { keyId } }"}', site === undefined ? {} : { 'sec-fetch-site': site }).then(({ status }) => status);
    expect(await Promise.all([undefined, 'same-origin', 'none', 'cross-site', 'same-site'].map(ask))).toEqual([200, 200, 200, 401, 401]);
  });
});
