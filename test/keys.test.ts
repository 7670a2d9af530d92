import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, inject, it } from 'vitest';
import { removeFolder, temporaryFolder } from './support/child.ts';
import { emptyHome, migratedHome } from './support/home.ts';
import { eventually } from './support/live.ts';
import { startServer } from './support/process.ts';

// The built `npm run keys` as a process, as an operator uses it.

const KEYS = fileURLToPath(new URL('../dist/keys.js', import.meta.url));
const ADMIN = 'sentrial_live_operator00000000000000000000000000000000';
const KEY = /^sentrial_live_[0-9A-Za-z]{43}\n$/;
const embedded = inject('flavour') === 'embedded';

type Run = { code: number; out: string; err: string };

/** Runs it with `env` and PATH as its whole environment, away from the repository's ./data. */
async function keys(env: Record<string, string>, ...args: string[]): Promise<Run> {
  const cwd = await temporaryFolder('keys');
  try {
    return await new Promise<Run>((resolve) => {
      execFile(process.execPath, [KEYS, ...args], { cwd, env: { PATH: process.env['PATH'] ?? '', ...env }, timeout: 30_000 }, (error, out, err) =>
        resolve({ code: error ? Number(error.code ?? -1) : 0, out, err }),
      );
    });
  } finally {
    await removeFolder(cwd);
  }
}

const statusOf = async (url: string, key: string) => (await fetch(`${url}/api/sdk/sessions`, { headers: { authorization: `Bearer ${key}` } })).status;
const idOf = ({ err }: Run) => /key_\w+/.exec(err)?.[0] ?? 'no id';

describe('without a server', () => {
  it('makes, lists and revokes keys in an empty place, and a server then takes the one and refuses the other', { timeout: 120_000 }, async () => {
    await using home = await emptyHome();
    const kept = await keys(home.env, 'create', '--name', 'ci', '--scopes', 'read,sessions:write', '--expires', '2999-01-01');
    expect(kept).toMatchObject({ code: 0, out: expect.stringMatching(KEY) as string });
    expect(kept.err).not.toContain(kept.out.trim());
    // As scripts/start.js calls it.
    const revoked = await keys(home.env, 'keys', 'create', '--name', 'old \u001b[31mred', '--scopes', 'read');
    expect(revoked).toMatchObject({ code: 0, out: expect.stringMatching(KEY) as string });
    expect(await keys(home.env, 'revoke', idOf(revoked))).toMatchObject({ code: 0, out: `Revoked ${idOf(revoked)} (old ?[31mred).\n` });

    const list = await keys(home.env, 'list');
    expect(list).toMatchObject({ code: 0, err: '' });
    const lines = list.out.trim().split('\n').map((line) => line.split(/ {2,}/));
    expect(lines.map(([id, name, , scopes, , expires, state]) => [id, name, scopes, expires, state])).toEqual([
      ['ID', 'NAME', 'SCOPES', 'EXPIRES', 'STATE'],
      [idOf(revoked), 'old ?[31mred', 'read', '-', 'revoked'],
      [idOf(kept), 'ci', 'sessions:write,read', '2999-01-01 00:00', 'active'],
    ]);
    for (const { out } of [kept, revoked]) expect(list.out).not.toContain(out.trim());

    await using server = await startServer({ env: home.env });
    expect([await statusOf(server.url, kept.out.trim()), await statusOf(server.url, revoked.out.trim())]).toEqual([200, 401]);
  });

  it('keeps projects apart: create makes one, the others name what is missing', { timeout: 120_000 }, async () => {
    await using home = await migratedHome();
    const made = await keys(home.env, 'create', '--name', 'a', '--scopes', 'read', '--project', 'team-b');
    expect(made.code).toBe(0);
    expect((await keys(home.env, 'list')).out).not.toContain(idOf(made));
    expect((await keys(home.env, 'list', '--project', 'team-b')).out).toContain(idOf(made));
    expect(await keys(home.env, 'revoke', idOf(made))).toMatchObject({ code: 1, out: '', err: `API key not found: no key "${idOf(made)}" in this project\n` });
    expect(await keys(home.env, 'list', '--project', 'team-c')).toMatchObject({ code: 1, out: '', err: 'There is no project "team-c".\n' });
  });
});

describe('beside a running server', () => {
  it('makes a key that works and revokes it at once, through the server where that has the folder', { timeout: 120_000 }, async () => {
    await using home = await migratedHome();
    await using server = await startServer({ env: { ...home.env, SENTRIAL_BOOTSTRAP_API_KEY: ADMIN } });
    const env = { ...home.env, SENTRIAL_API_URL: `${server.url}/`, SENTRIAL_API_KEY: ADMIN };
    const made = await keys(env, 'create', '--name', 'ci', '--scopes', 'events:write,read', '--expires', '2999-01-01T00:00:00Z');
    expect(made).toMatchObject({ code: 0, out: expect.stringMatching(KEY) as string });
    const key = made.out.trim();
    expect(await statusOf(server.url, key)).toBe(200); // the server knows it from now on

    const list = await keys(env, 'list', '--project', 'default');
    expect(list).toMatchObject({ code: 0, err: '' });
    expect(list.out).toMatch(new RegExp(`${idOf(made)} +ci .* events:write,read .* 2999-01-01 00:00 +active`));
    for (const secret of [key, ADMIN]) expect(list.out).not.toContain(secret);

    expect(await keys(env, 'revoke', idOf(made))).toMatchObject({ code: 0, err: '', out: `Revoked ${idOf(made)} (ci).\n` });
    await eventually(async () => expect(await statusOf(server.url, key)).toBe(401), 3_000);
    expect(await keys(env, 'revoke', 'key_none')).toMatchObject({ code: 1, err: expect.stringContaining('no key "key_none"') as string });
  });

  if (embedded) it('says in one sentence what is missing to go through the server', { timeout: 120_000 }, async () => {
    await using home = await migratedHome();
    await using server = await startServer({ env: { ...home.env, SENTRIAL_BOOTSTRAP_API_KEY: ADMIN } });
    const list = async (env: Record<string, string>, ...more: string[]) => {
      const { code, out, err } = await keys({ ...home.env, ...env }, 'list', ...more);
      expect({ code, out, lines: err.trim().split('\n').length }).toEqual({ code: 1, out: '', lines: 1 });
      return err;
    };
    const inUse = `is in use by process ${server.pid}`;
    const noKey = await list({});
    for (const part of [inUse, 'set SENTRIAL_API_KEY', 'http://127.0.0.1:3001']) expect(noKey).toContain(part);
    const noServer = await list({ SENTRIAL_API_KEY: ADMIN, HOST: '0.0.0.0', PORT: '1' });
    for (const part of [inUse, 'no server answers at http://127.0.0.1:1:']) expect(noServer).toContain(part);
    const access = { SENTRIAL_API_URL: server.url, SENTRIAL_API_KEY: ADMIN };
    expect(await list({ ...access, SENTRIAL_API_KEY: `${ADMIN}x` })).toContain('refused: Invalid or missing API key.');
    expect(await list(access, '--project', 'other')).toContain('belongs to project "default", not to "other"');
    expect(await list({ ...access, SENTRIAL_API_URL: `${server.url}/docs` })).toContain('is not a Sentrial server');
  });

  if (!embedded) it('revokes also where Redis or PostgreSQL is away, or says so', { timeout: 120_000 }, async () => {
    await using home = await migratedHome();
    const made = await keys(home.env, 'create', '--name', 'ci', '--scopes', 'read');
    const away = await keys({ ...home.env, REDIS_URL: 'redis://127.0.0.1:1' }, 'revoke', idOf(made));
    expect(away).toMatchObject({ code: 0, err: 'Redis did not answer: running servers notice by themselves, within 30 seconds.\n' });
    expect((await keys(home.env, 'list')).out).toMatch(/ci .* revoked/);
    const gone = await keys({ DATABASE_URL: 'postgres://127.0.0.1:1/x' }, 'list');
    expect(gone).toMatchObject({ code: 1, out: '', err: expect.stringMatching(/^The database does not answer: .*\n$/) as string });
  });
});

describe('bad usage', () => {
  it.each<[args: string[], sentence: RegExp]>([
    [[], /^What to do is missing/],
    [['destroy'], /^"destroy" is none of create, list and revoke/],
    [['create', '--scopes', 'read'], /^create needs --name/],
    [['create', '--name', 'x'], /^create needs --scopes/],
    [['create', '--name', 'x', '--scopes', 'read,everything'], /^--scopes: "everything" is none of/],
    [['create', '--name', 'x', '--scopes', 'read', '--expires', '2027-02-30'], /^--expires: "2027-02-30" is not a date/],
    [['create', '--name', 'x', '--scopes', 'read', '--expires', '2999-01-01T00:00:00'], /^--expires: "2999-01-01T00:00:00" is not a date/],
    [['create', '--name', 'x', '--scopes', 'read', '--expires', '2001-01-01'], /^--expires: 2001-01-01 is in the past/],
    [['create', '--name', 'x', '--scopes', 'read', '--colour', 'red'], /--colour/],
    [['list', 'all'], /^"all" is one argument too many/],
    [['list', '--name', 'x'], /^list takes no option but --project/],
    [['revoke'], /^revoke needs the id/],
    [['revoke', 'key_1', 'key_2'], /^"key_2" is one argument too many/],
  ])('%j', async (args, sentence) => {
    const { code, out, err } = await keys({}, ...args);
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toMatch(sentence);
    expect(err).toMatch(/\n\nUsage:\n/);
    expect(err).not.toContain('    at ');
  });

  it('and a bad configuration; --help is neither', async () => {
    expect(await keys({ SENTRIAL_API_URL: 'nowhere' }, 'list')).toMatchObject({ code: 1, err: expect.stringContaining('  - SENTRIAL_API_URL: ') as string });
    expect(await keys({}, '--help')).toMatchObject({ code: 0, err: '', out: expect.stringMatching(/^Usage:/) as string });
  });
});
