import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApp } from '../../../test/support/app.ts';
import type { TestApp } from '../../../test/support/app.ts';
import { clientFor, spoolFolder } from './support/client.ts';
import { startProgram } from './support/process.ts';
import { startProxy } from './support/proxy.ts';
import type { Fault } from './support/proxy.ts';
import { eventsOf } from './support/read.ts';

let server: TestApp;
beforeAll(async () => {
  server = await startApp();
});
afterAll(() => server.close());

const EVENTS = 25;
const names = Array.from({ length: EVENTS }, (_, n) => `t${n}`);

/** The program that tracks, against the real server behind a proxy that does this to every request. */
async function start(way: string, fault: Fault) {
  const tenant = await server.tenant();
  const sessionId = await tenant.session();
  const proxy = await startProxy(tenant.url, () => fault);
  const folder = await spoolFolder();
  const program = await startProgram('track', { EVENTS: String(EVENTS), WAY: way, SESSION: sessionId, SENTRIAL_API_KEY: tenant.key, SENTRIAL_API_URL: proxy.url, SENTRIAL_SPOOL_DIR: folder });
  await program.said('tracked');
  return {
    program,
    proxy,
    /** The names of the events on the server, after a next client has delivered what the program left. */
    arrived: async () => {
      proxy.fault = () => 'pass';
      const { client } = await clientFor({ url: proxy.url, key: tenant.key }, { spool: { folder } });
      await client.flush();
      await proxy.close();
      return (await eventsOf(tenant, sessionId)).map((event) => event['toolName']);
    },
    delivered: async () => (await eventsOf(tenant, sessionId)).map((event) => event['toolName']),
  };
}

const FAULTS: [string, Fault][] = [
  ['is there', 'pass'],
  ['is gone', 'reset'],
  ['never answers', 'hang'],
];

describe.each(FAULTS)('when the server %s', (_name, fault) => {
  it('a program that just ends leaves no event behind, and is not held up', async () => {
    const { program, delivered, arrived } = await start('end', fault);
    const { code, ms } = await program.exited;
    expect(code).toBe(0);
    expect(ms).toBeLessThan(fault === 'hang' ? 12_000 : 9_000);
    if (fault === 'pass') expect(await delivered()).toEqual(names);
    expect(await arrived()).toEqual(names);
  });

  it('a program that calls process.exit() leaves every event on the disk', async () => {
    const { program, arrived } = await start('exit', fault);
    expect(await program.exited).toMatchObject({ code: 3 });
    expect(await arrived()).toEqual(names);
  });

  it('SIGTERM ends the program as it would have, once all is delivered or spooled', async () => {
    const { program, delivered, arrived } = await start('stay', fault);
    program.child.kill('SIGTERM');
    expect(await program.exited).toMatchObject({ code: null, signal: 'SIGTERM' });
    if (fault === 'pass') expect(await delivered()).toEqual(names);
    expect(await arrived()).toEqual(names);
  });
});

it('an uncaught error ends the program as it would have, and loses nothing', async () => {
  const { program, arrived } = await start('throw', 'pass');
  expect(await program.exited).toMatchObject({ code: 1 });
  expect(program.lines.join('\n')).toContain('a bug of the program');
  expect(await arrived()).toEqual(names);
});

it('a second signal ends the program at once', async () => {
  const { program, proxy, arrived } = await start('stay', 'hang');
  program.child.kill('SIGINT');
  await proxy.received(1);
  program.child.kill('SIGINT');
  expect(await program.exited).toMatchObject({ signal: 'SIGINT' });
  expect(await arrived()).toEqual(names);
});

it('with a handler of its own, the program decides when it ends', async () => {
  const { program, delivered, arrived } = await start('handle signals', 'pass');
  program.child.kill('SIGTERM');
  expect(await program.exited).toMatchObject({ code: 7 });
  expect(await delivered()).toEqual(names);
  await arrived();
});

it('two copies of the package, ESM and CJS, do not take each other for handlers of the program', async () => {
  const tenant = await server.tenant();
  const sessionId = await tenant.session();
  const program = await startProgram('two-copies', { SESSION: sessionId, SENTRIAL_API_KEY: tenant.key, SENTRIAL_API_URL: tenant.url, SENTRIAL_SPOOL_DIR: await spoolFolder() });
  await program.said('tracked');
  program.child.kill('SIGTERM');
  expect(await program.exited).toMatchObject({ code: null, signal: 'SIGTERM' });
  expect((await eventsOf(tenant, sessionId)).map((event) => event['toolName']).sort()).toEqual(['t0', 't1']);
});

it('awaiting close() at the end of a program is answered, though nothing else keeps it alive', async () => {
  const { program, arrived } = await start('await', 'reset');
  expect(await program.exited).toMatchObject({ code: 0 });
  expect(program.lines).toContain('closed');
  expect(await arrived()).toEqual(names);
});
