import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Missing } from './binaries.ts';

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const REQUIREMENTS = join(ROOT, 'test/wire/requirements.txt');

/** The Python of a virtual environment with the published SDK: SENTRIAL_TEST_VENV, .venv, or one made here and kept. */
export async function publishedPython(): Promise<{ python: string } | Missing> {
  const given = process.env['SENTRIAL_TEST_VENV'];
  for (const folder of given ? [given] : [join(ROOT, '.venv'), kept()]) {
    const python = join(folder, 'bin/python');
    if (existsSync(python)) return { python };
  }
  const folder = given ?? kept();
  const made = await make('The published Python SDK', folder, 'bin/python', async (aside) => {
    await run('python3', ['-m', 'venv', aside]);
    await install(join(aside, 'bin/python'), '-r', REQUIREMENTS);
  });
  return made ?? { python: join(folder, 'bin/python') };
}

/** Another version of the published SDK, in a folder for PYTHONPATH; made once and kept. */
export async function publishedVersion(python: string, version: string): Promise<{ folder: string } | Missing> {
  const folder = join(tmpdir(), `sentrial-test-sdk-${version}`);
  return (await make(`Version ${version} of the published Python SDK`, folder, 'sentrial', (aside) => install(python, '--no-deps', '--target', aside, `sentrial==${version}`))) ?? { folder };
}

const kept = () => join(tmpdir(), `sentrial-test-venv-${createHash('sha256').update(readFileSync(REQUIREMENTS)).digest('hex').slice(0, 12)}`);

const install = (python: string, ...what: string[]) => run(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...what], { timeout: 240_000 });

/** Makes a folder if what it is for is not in it; aside and then moved, so that another test that makes it too never sees half of one. */
async function make(what: string, folder: string, contains: string, fill: (aside: string) => Promise<unknown>): Promise<Missing | undefined> {
  const isThere = () => existsSync(join(folder, contains));
  if (isThere()) return undefined;
  const aside = `${folder}.${process.pid}`;
  try {
    await fill(aside);
    await rename(aside, folder).catch((error: unknown) => {
      if (!isThere()) throw error;
    });
    return undefined;
  } catch (error) {
    const missing = `${what} is NOT tested: ${error instanceof Error ? error.message.trim().split('\n').at(-1) : String(error)}`;
    if (process.env['CI'] === 'true') throw new Error(missing, { cause: error });
    process.stderr.write(`\n${'!'.repeat(80)}\n${missing}\n${'!'.repeat(80)}\n\n`);
    return { missing };
  } finally {
    await rm(aside, { recursive: true, force: true });
  }
}
