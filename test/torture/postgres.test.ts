import { expect, it } from 'vitest';
import { findOnPath, findPostgres, unprivilegedAccount } from '../support/binaries.ts';
import { torture } from './run.ts';

const missing = findPostgres(unprivilegedAccount()) === undefined || findOnPath('redis-server') === undefined;
if (missing) process.stderr.write(`\n${'!'.repeat(80)}\nTwo servers on PostgreSQL and Redis are NOT tortured: one of the two is missing.\n${'!'.repeat(80)}\n\n`);

it.skipIf(missing)('two servers on one PostgreSQL keep every promise through a minute of faults', { timeout: 400_000 }, async () => {
  const told: string[] = [];
  const { breaches, figures } = await torture({ seed: 'ci', backend: 'postgres', seconds: 60, tell: (line) => told.push(line) });
  expect(breaches.evidence, told.join('\n')).toEqual([]);
  expect(figures['writes acknowledged']).toBeGreaterThan(50);
});
