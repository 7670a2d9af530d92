import { expect, it } from 'vitest';
import { torture } from './run.ts';

it('the embedded server keeps every promise through a minute of faults', { timeout: 400_000 }, async () => {
  const told: string[] = [];
  const { breaches, figures } = await torture({ seed: 'ci', backend: 'embedded', seconds: 60, tell: (line) => told.push(line) });
  expect(breaches.evidence, told.join('\n')).toEqual([]);
  expect(figures['writes acknowledged']).toBeGreaterThan(50);
});
