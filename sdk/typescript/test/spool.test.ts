import { EventEmitter, once } from 'node:events';
import { appendFileSync, mkdirSync, readFileSync, readdirSync, renameSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApp } from '../../../test/support/app.ts';
import type { TestApp } from '../../../test/support/app.ts';
import { FileSpool } from '../src/file-spool.ts';
import type { Spool } from '../src/types.ts';
import { clientFor, codesOf, fastClock, spoolFolder } from './support/client.ts';
import { startProgram } from './support/process.ts';
import { startProxy } from './support/proxy.ts';
import { eventsOf } from './support/read.ts';

async function replayed(spool: FileSpool): Promise<string[]> {
  const all: string[] = [];
  for await (const { lines, done } of spool.replay()) {
    all.push(...lines);
    await done();
  }
  return all;
}

const filesOf = (folder: string) => readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ndjson')).map((file) => join(folder, file));
const numbers = (count: number, from = 0) => Array.from({ length: count }, (_, n) => `{"n":${from + n}}`);

/** The spool, and how many lines it has taken. */
function countingSpool(spool: FileSpool): Spool & { took(count: number): Promise<void> } {
  let total = 0;
  const appends = new EventEmitter();
  return {
    async append(lines) {
      const taken = await spool.append(lines);
      total += taken;
      appends.emit('append');
      return taken;
    },
    replay: () => spool.replay(),
    close: () => spool.close(),
    async took(count) {
      while (total < count) await once(appends, 'append');
    },
  };
}

describe('a spool on disk', () => {
  it('gives back what it took, in order, over several files and from before a close', async () => {
    const folder = await spoolFolder();
    const first = new FileSpool('d', { folder });
    const padding = 'x'.repeat(300_000);
    expect(await first.append(Array.from({ length: 9 }, (_, n) => `${n}${padding}`))).toBe(9);
    first.appendSync(['9']);
    await first.close();
    expect(filesOf(folder).length).toBeGreaterThan(2);
    const second = new FileSpool('d', { folder });
    expect((await replayed(second)).map((line) => line[0])).toEqual([...'0123456789']);
    expect(filesOf(folder)).toEqual([]);
    await second.close();
  });

  it('keeps a batch that was not done, and goes on taking while one is replayed', async () => {
    const spool = new FileSpool('d', { folder: await spoolFolder() });
    await spool.append(numbers(2));
    for await (const { lines } of spool.replay()) {
      expect(lines).toEqual(numbers(2));
      await spool.append(numbers(1, 2));
      break;
    }
    expect(await replayed(spool)).toEqual(numbers(3));
    await spool.close();
  });

  it('takes what it has room for and says how much; room comes back with replay, and is known to the next process', async () => {
    const folder = await spoolFolder();
    const spool = new FileSpool('d', { folder, maxBytes: 100 });
    const line = 'x'.repeat(29);
    expect(await spool.append([line, line, line, line])).toBe(3);
    expect(await spool.append([line])).toBe(0);
    expect(spool.appendSync([line])).toBe(0);
    await spool.close();
    const next = new FileSpool('d', { folder, maxBytes: 100 });
    expect(await next.append([line])).toBe(0);
    expect(await replayed(next)).toHaveLength(3);
    expect(await next.append([line])).toBe(1);
    await next.close();
  });

  it('holds no more than its bound together with the other processes that use the folder', async () => {
    const folder = await spoolFolder();
    const [one, other] = [new FileSpool('d', { folder, maxBytes: 100 }), new FileSpool('d', { folder, maxBytes: 100 })];
    const line = 'x'.repeat(29);
    expect(await one.append([line, line])).toBe(2);
    expect(await other.append([line, line])).toBe(1);
    expect(await other.append([line])).toBe(0);
    expect(await replayed(one)).toHaveLength(2);
    expect(await other.append([line, line, line])).toBe(2);
    await Promise.all([one.close(), other.close()]);
  });

  it('writes what is left at the end of a process in files of the usual size, since a file is replayed as a whole', async () => {
    const folder = await spoolFolder();
    const spool = new FileSpool('d', { folder });
    expect(spool.appendSync(Array.from({ length: 12 }, (_, n) => `${n}${'x'.repeat(300_000)}`))).toBe(12);
    expect(filesOf(folder)).toHaveLength(3);
    expect((await replayed(spool)).map((line) => Number(/^\d+/.exec(line)![0]))).toEqual(Array.from({ length: 12 }, (_, n) => n));
    await spool.close();
  });

  it('gives what it can read, and then says what it cannot', async () => {
    const folder = await spoolFolder();
    const spool = new FileSpool('d', { folder });
    await spool.append(numbers(1));
    const [file] = filesOf(folder);
    mkdirSync(file!.replace(/[^/\\]+$/, (name) => `0-1.${name.split('.')[1]}.${process.pid}.gone.ndjson`));
    const seen: string[] = [];
    await expect(async () => {
      for await (const { lines, done } of spool.replay()) {
        seen.push(...lines);
        await done();
      }
    }).rejects.toThrow('EISDIR');
    expect(seen).toEqual(numbers(1));
    await spool.close();
  });

  it('is for its own server and key only, and for its own user only', async () => {
    const folder = await spoolFolder();
    const one = new FileSpool('one', { folder });
    const other = new FileSpool('other', { folder });
    await one.append(['secret']);
    await one.close();
    expect(await replayed(other)).toEqual([]);
    const [file] = filesOf(folder);
    expect(statSync(file!).mode & 0o777).toBe(0o600);
    expect(statSync(join(file!, '..')).mode & 0o777).toBe(0o700);
    expect(file).not.toContain('one');
    await other.close();
  });

  it('leaves the files of a running client alone, and takes those of a process that is gone', async () => {
    const folder = await spoolFolder();
    const [running, other] = [new FileSpool('d', { folder }), new FileSpool('d', { folder })];
    await running.append(['mine']);
    expect(await replayed(other)).toEqual([]);
    const [file] = filesOf(folder);
    const goneOf = (owner: string) => file!.replace(/\.[\w-]+\.\d+\.\w+\.ndjson$/, `${owner}.ndjson`);
    renameSync(file!, goneOf('.another-machine.1.abc'));
    expect(await replayed(other)).toEqual([]);
    const hourAgo = Date.now() / 1000 - 3_700;
    utimesSync(goneOf('.another-machine.1.abc'), hourAgo, hourAgo);
    expect(await replayed(other)).toEqual(['mine']);
    // Its file was taken away under it: it begins another one.
    expect(await running.append(['again'])).toBe(1);
    expect(await replayed(running)).toEqual(['again']);
    await Promise.all([running.close(), other.close()]);
  });

  it('takes over all that several processes have left, though they began their files at the same moment', async () => {
    const folder = await spoolFolder();
    const spool = new FileSpool('d', { folder });
    await spool.append(['0']);
    const [file] = filesOf(folder);
    for (const run of ['a', 'b', 'c']) writeFileSync(file!.replace(/[^/\\]+$/, (name) => `1-1.${name.split('.')[1]}.${process.pid}.${run}.ndjson`), `${run}\n`);
    expect((await replayed(spool)).sort()).toEqual(['0', 'a', 'b', 'c']);
    await spool.close();
  });

  it('has every line that it said it took when the process is killed while it writes', async () => {
    const folder = await spoolFolder();
    const program = await startProgram('spool', { FOLDER: folder });
    await program.said('safe 200');
    program.child.kill('SIGKILL');
    await program.exited;
    const safe = Number(program.lines.filter((line) => line.startsWith('safe ')).at(-1)!.slice(5));
    const spool = new FileSpool('destination', { folder });
    const ns = (await replayed(spool)).flatMap((line) => {
      try {
        return [(JSON.parse(line) as { input: { n: number } }).input.n];
      } catch {
        return [];
      }
    });
    expect(ns.slice(0, safe)).toEqual(Array.from({ length: safe }, (_, n) => n));
    await spool.close();
  });
});

describe('a client with a spool', () => {
  let server: TestApp;
  beforeAll(async () => {
    server = await startApp();
  });
  afterAll(() => server.close());

  it('spools while the server is away, and the next client delivers it first, in order, each event once', async () => {
    const tenant = await server.tenant();
    await using proxy = await startProxy(tenant.url, () => 'reset');
    const access = { url: proxy.url, key: tenant.key };
    const { client, folder } = await clientFor(access, { maxRetries: 0 });
    const sessionId = (await client.createSession({ name: 'n', agentName: 'a', userId: 'u' }))!;
    for (let n = 0; n < 30; n += 1) void client.trackToolCall({ sessionId, toolName: `t${n}` });
    expect(await client.close()).toEqual({ delivered: 0, spooled: 31, dropped: 0, pending: 0 });
    proxy.fault = () => 'pass';
    const { client: next } = await clientFor(access, { spool: { folder } });
    void next.trackToolCall({ sessionId, toolName: 't30' });
    expect(await next.flush()).toEqual({ delivered: 32, spooled: 0, dropped: 0, pending: 0 });
    expect((await eventsOf(tenant, sessionId)).map((event) => event['toolName'])).toEqual(Array.from({ length: 31 }, (_, n) => `t${n}`));
    expect(filesOf(folder)).toEqual([]);
  });

  it('goes on by itself once the server is back: what was spooled comes before what came later', async () => {
    const tenant = await server.tenant();
    const sessionId = await tenant.session();
    await using proxy = await startProxy(tenant.url, () => 'reset');
    const { client, folder } = await clientFor({ url: proxy.url, key: tenant.key }, { maxRetries: 0, clock: fastClock(20) });
    for (let n = 0; n < 60; n += 1) {
      void client.trackToolCall({ sessionId, toolName: `t${n}` });
      if (n % 10 === 9) await client.flush();
      if (n === 40) proxy.fault = () => 'pass';
    }
    await client.flush();
    expect((await eventsOf(tenant, sessionId)).map((event) => event['toolName'])).toEqual(Array.from({ length: 60 }, (_, n) => `t${n}`));
    expect(filesOf(folder)).toEqual([]);
  });

  it.each([['is tried again', 3], ['has failed', 0]])('relieves memory when the server is slower than what is tracked: nothing is dropped, and the order stays when what was under way %s', async (_name, maxRetries) => {
    const tenant = await server.tenant();
    await using proxy = await startProxy(tenant.url, (n) => (n === 0 ? 'hang' : 'pass'));
    const folder = await spoolFolder();
    const spool = countingSpool(new FileSpool('d', { folder }));
    const { client, errors } = await clientFor({ url: proxy.url, key: tenant.key }, { maxRetries, spool, batching: { maxEvents: 20, maxQueueBytes: 120_000 } });
    // The first request: 20 items, the session among them, of which the server has nothing until the connection is cut.
    const sessionId = client.recorder.createSession({ name: 'n', agentName: 'a', userId: 'u' });
    const track = (n: number) => client.recorder.trackToolCall({ sessionId, toolName: `t${n}`, toolInput: 'x'.repeat(500) });
    for (let n = 0; n < 19; n += 1) track(n);
    await proxy.received(1);
    for (let n = 19; n < 600; n += 1) {
      track(n);
      // Half of the memory is some 90 items, beside the 20 that are under way.
      if (n % 20 === 19) await spool.took(n - 120);
    }
    proxy.cut();
    const report = await client.flush(20_000);
    const rest = await client.flush(20_000);
    expect(report.dropped + rest.dropped).toBe(0);
    expect(rest.pending).toBe(0);
    expect(report.spooled).toBeGreaterThan(470);
    expect(report.delivered + rest.delivered).toBe(601);
    expect((await eventsOf(tenant, sessionId)).map((event) => event['toolName'])).toEqual(Array.from({ length: 600 }, (_, n) => `t${n}`));
    expect(errors.filter((error) => !error.message.includes('cannot be reached'))).toEqual([]);
    expect(filesOf(folder)).toEqual([]);
  });

  it('leaves out a torn last line and delivers the rest', async () => {
    const tenant = await server.tenant();
    const sessionId = await tenant.session();
    await using proxy = await startProxy(tenant.url, () => 'reset');
    const access = { url: proxy.url, key: tenant.key };
    const { client, folder } = await clientFor(access, { maxRetries: 0 });
    for (let n = 0; n < 3; n += 1) void client.trackToolCall({ sessionId, toolName: `t${n}` });
    await client.close();
    const [file] = filesOf(folder);
    appendFileSync(file!, readFileSync(file!, 'utf8').slice(0, 50));
    proxy.fault = () => 'pass';
    const { client: next, errors } = await clientFor(access, { spool: { folder } });
    expect(await next.flush()).toEqual({ delivered: 3, spooled: 0, dropped: 1, pending: 0 });
    expect(codesOf(errors)).toEqual(['SPOOL']);
    expect(await eventsOf(tenant, sessionId)).toHaveLength(3);
  });

  it('keeps what the spool has no room for in memory, and then counts what it drops', async () => {
    const tenant = await server.tenant();
    const sessionId = await tenant.session();
    await using proxy = await startProxy(tenant.url, () => 'reset');
    const folder = await spoolFolder();
    const { client } = await clientFor({ url: proxy.url, key: tenant.key }, { maxRetries: 0, spool: { folder, maxBytes: 5_000 }, batching: { maxQueueBytes: 5_000 } });
    const total = { spooled: 0, dropped: 0 };
    let pending = 0;
    for (let round = 0; round < 10; round += 1) {
      for (let n = 0; n < 10; n += 1) void client.trackToolCall({ sessionId, toolName: `t${round}.${n}` });
      const report = await client.flush();
      total.spooled += report.spooled;
      total.dropped += report.dropped;
      pending = report.pending;
    }
    expect(total.spooled + total.dropped + pending).toBe(100);
    expect(Math.min(total.spooled, total.dropped, pending)).toBeGreaterThan(0);
    expect(filesOf(folder).reduce((bytes, file) => bytes + statSync(file).size, 0)).toBeLessThanOrEqual(5_000);
    proxy.fault = () => 'pass';
    expect(await client.flush()).toMatchObject({ delivered: total.spooled + pending, pending: 0 });
    expect(await eventsOf(tenant, sessionId)).toHaveLength(total.spooled + pending);
  });

  it('does without when the folder cannot be used, and says so', async () => {
    const tenant = await server.tenant();
    const sessionId = await tenant.session();
    const folder = join(await spoolFolder(), 'blocked');
    mkdirSync(folder);
    appendFileSync(join(folder, 'file'), '');
    await using proxy = await startProxy(tenant.url, () => 'reset');
    const { client, errors } = await clientFor({ url: proxy.url, key: tenant.key }, { maxRetries: 0, spool: { folder: join(folder, 'file') } });
    void client.trackToolCall({ sessionId, toolName: 't' });
    expect(await client.flush()).toMatchObject({ spooled: 0, pending: 1 });
    expect(codesOf(errors)).toContain('SPOOL');
    proxy.fault = () => 'pass';
    expect(await client.flush()).toMatchObject({ delivered: 1 });
  });
});
