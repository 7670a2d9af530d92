import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { startApp } from './support/app.ts';
import { removeFolder, temporaryFolder } from './support/child.ts';
import { publishedPython } from './support/python.ts';

// Schemathesis (PyPI) makes requests out of what the two APIs say of themselves, valid and not, and checks each answer
// against the same description. A fixed seed and number of cases: it finds the same thing twice.

const WIRE = fileURLToPath(new URL('wire', import.meta.url));
const SCHEMA = fileURLToPath(new URL('../schema.graphql', import.meta.url));
/** Where the check of GraphQL's answers is. */
const CHECK = { PYTHONPATH: WIRE, PYTHONDONTWRITEBYTECODE: '1', SCHEMATHESIS_HOOKS: 'graphql_contract' };
const WITHIN_MS = 240_000;

const found = await publishedPython();
const program = 'missing' in found ? '' : join(dirname(found.python), 'st');
if (!existsSync(program)) {
  if (process.env['CI'] === 'true') throw new Error('CI tests the contract too: schemathesis of test/wire/requirements.txt is missing.');
  process.stderr.write(`\n${'!'.repeat(80)}\nThe APIs are NOT compared with their descriptions: schemathesis is missing (test/wire/requirements.txt).\n${'!'.repeat(80)}\n\n`);
}

const OPTIONS = ['--generation-deterministic', '--continue-on-failure', '--suppress-health-check=all', '--no-shrink', '--request-timeout=60', '--no-color'];

/**
 * What a JSON Schema cannot say is not checked here but in rest.test.ts and tolerance.test.ts: that a cursor has to be one of
 * ours and a time between 1970 and 9999; that an empty query parameter counts as none; that a bad item of a batch is
 * refused alone, in an answer of status 200.
 */
const NOT_IN_A_SCHEMA = '--exclude-checks=positive_data_acceptance,negative_data_rejection';

/** Its exit code, and what it said. Its environment is made from nothing: it is not ours. */
async function schemathesis(args: readonly string[], more: Readonly<Record<string, string>> = {}): Promise<{ code: number; said: string }> {
  const home = await temporaryFolder('schemathesis');
  try {
    const env = { PATH: '/usr/local/bin:/usr/bin:/bin', HOME: home, LC_ALL: 'C.UTF-8', ...more };
    const child = spawn(program, ['run', ...OPTIONS, ...args], { cwd: home, env, stdio: ['ignore', 'pipe', 'pipe'], timeout: WITHIN_MS });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (said += text));
    const [code] = (await once(child, 'close')) as [number];
    return { code, said };
  } finally {
    await removeFolder(home);
  }
}

it.skipIf(!existsSync(program))('REST answers whatever it is sent as /openapi.json says', { timeout: WITHIN_MS + 30_000 }, async () => {
  await using server = await startApp();
  const { key } = await server.tenant();
  const { code, said } = await schemathesis([`${server.url}/openapi.json`, '-H', `Authorization: Bearer ${key}`, NOT_IN_A_SCHEMA, '--phases=examples,coverage,fuzzing', '--max-examples=25']);
  expect(code, said).toBe(0);
});

it.skipIf(!existsSync(program))('GraphQL answers whatever fits its schema with data, or with an error of the catalogue', { timeout: WITHIN_MS + 30_000 }, async () => {
  await using server = await startApp();
  const { key } = await server.tenant();
  const { code, said } = await schemathesis([SCHEMA, `--url=${server.url}/graphql`, '-H', `Authorization: Bearer ${key}`, '--checks=graphql_contract', '--max-examples=10'], CHECK);
  expect(code, said).toBe(0);
});
