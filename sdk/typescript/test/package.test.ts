import { execFile } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createContext, runInContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import type * as Sdk from '@sentrial/sdk';
import { startApp } from '../../../test/support/app.ts';

// What is published: dist, as `npm run build -w sdk/typescript` made it.

const run = promisify(execFile);
const FOLDER = fileURLToPath(new URL('../', import.meta.url));
const bin = (name: string) => fileURLToPath(new URL(`../../../node_modules/.bin/${name}`, import.meta.url));
const manifest = JSON.parse(readFileSync(`${FOLDER}package.json`, 'utf8')) as { exports: Record<string, unknown>; dependencies: Record<string, string> };
const subpaths = Object.keys(manifest.exports).filter((path) => !path.endsWith('.json')).map((path) => path.slice(1));

/** dist in a realm of its own that has what the standards of the web give, and no process, Buffer or built-in module. */
function loadWithout(): unknown {
  const realm = createContext({ fetch, crypto, TextEncoder, AbortController, setTimeout, clearTimeout, setInterval, clearInterval, btoa, console });
  const loaded = new Map<string, { exports: unknown }>();
  function load(file: string): unknown {
    const known = loaded.get(file);
    if (known) return known.exports;
    const module = { exports: {} };
    loaded.set(file, module);
    const require = (name: string) => {
      if (!name.startsWith('./')) throw new Error(`${name} is not there`);
      return load(name.slice(2));
    };
    (runInContext(`(function (module, exports, require) {${readFileSync(`${FOLDER}dist/${file}`, 'utf8')}\n})`, realm) as (...args: unknown[]) => void)(module, module.exports, require);
    return module.exports;
  }
  return load('index.cjs');
}

describe('the package', () => {
  it('is clean by publint and by arethetypeswrong', { timeout: 120_000 }, async () => {
    await run(bin('publint'), ['--strict'], { cwd: FOLDER });
    await run(bin('attw'), ['--pack', '.'], { cwd: FOLDER });
  });

  it.each(subpaths)('gives the same names to import and to require: @sentrial/sdk%s', async (path) => {
    const required = createRequire(import.meta.url)(`@sentrial/sdk${path}`) as object;
    const imported = (await import(`@sentrial/sdk${path}`)) as object;
    expect(Object.keys(imported).sort()).toEqual(Object.keys(required).sort());
    expect(Object.keys(required)).not.toEqual([]);
  });

  it('depends on ws alone, which it loads only where it is needed', () => {
    expect(Object.keys(manifest.dependencies)).toEqual(['ws']);
    const modules = readdirSync(`${FOLDER}dist`).filter((file) => file.endsWith('.js'));
    const foreign = modules.flatMap((file) => [...readFileSync(`${FOLDER}dist/${file}`, 'utf8').matchAll(/^(?:import|export)\b[^;'"]*?from\s*["']([^."'][^"']*)["']|\bimport\(\s*["']([^."'][^"']*)["']\)/gm)].map((match) => ({ file: file.replace(/-.*/, ''), static: match[1], lazy: match[2] })));
    expect(foreign.filter((each) => each.file === 'index' || each.file === 'live')).toEqual([{ file: 'live', static: undefined, lazy: 'ws' }]);
  });

  it('works in a runtime that has fetch and nothing of Node', async () => {
    await using server = await startApp();
    const tenant = await server.tenant();
    const { SentrialClient } = loadWithout() as typeof Sdk;
    const errors: Error[] = [];
    const client = new SentrialClient({ apiKey: tenant.key, apiUrl: tenant.url, pii: true, onError: (error) => errors.push(error) });
    const interaction = client.begin({ userId: 'u', event: 'edge', input: 'mail me at a@b.example' });
    void interaction.trackToolCall({ toolName: 't', toolInput: { list: [1n] } });
    await interaction.finish();
    expect(await client.flush()).toEqual({ delivered: 3, spooled: 0, dropped: 0, pending: 0 });
    expect(await client.getSession(interaction.sessionId)).toMatchObject({ userInput: 'mail me at [EMAIL]', status: 'completed', eventCount: 1 });
    await client.close();
    expect(errors).toEqual([]);
  });

  it('has types and operations that are fresh from schema.graphql', async () => {
    await run(process.execPath, [`${FOLDER}scripts/codegen.js`, '--check']);
  });
});
