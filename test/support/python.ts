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
  try {
    return { python: await make(given ?? kept()) };
  } catch (error) {
    const missing = `The published Python SDK is NOT tested: ${error instanceof Error ? error.message.trim().split('\n').at(-1) : String(error)}`;
    if (process.env['CI'] === 'true') throw new Error(missing, { cause: error });
    process.stderr.write(`\n${'!'.repeat(80)}\n${missing}\n${'!'.repeat(80)}\n\n`);
    return { missing };
  }
}

const kept = () => join(tmpdir(), `sentrial-test-venv-${createHash('sha256').update(readFileSync(REQUIREMENTS)).digest('hex').slice(0, 12)}`);

/** Made aside and moved, so that another test that makes it too never sees half of one. */
async function make(folder: string): Promise<string> {
  const aside = `${folder}.${process.pid}`;
  try {
    await run('python3', ['-m', 'venv', aside]);
    await run(join(aside, 'bin/python'), ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', REQUIREMENTS], { timeout: 240_000 });
    await rename(aside, folder).catch((error: unknown) => {
      if (!existsSync(join(folder, 'bin/python'))) throw error;
    });
  } finally {
    await rm(aside, { recursive: true, force: true });
  }
  return join(folder, 'bin/python');
}
