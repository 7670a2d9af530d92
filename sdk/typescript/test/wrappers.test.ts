import { readFileSync, readdirSync } from 'node:fs';
import { expect, it } from 'vitest';

const source = new URL('../src/', import.meta.url);

// Who uses one wrapper need not have what the others are for; and none of them may run a second copy of a library.
it.each(['claude', 'langchain', 'openai', 'anthropic', 'ai', 'tracking'])('%s imports no library, not even a type', (folder) => {
  const files = readdirSync(new URL(folder, source));
  expect(files.length).toBeGreaterThan(0);
  const imported = files.flatMap((file) => [...readFileSync(new URL(`${folder}/${file}`, source), 'utf8').matchAll(/^(?:import|export)\b[^;]*?\bfrom '([^']+)'|\bimport\('([^']+)'\)/gm)].map(([, name, lazy]) => (name ?? lazy)!));
  expect(imported).not.toEqual([]);
  expect(imported.filter((name) => !name.startsWith('.'))).toEqual([]);
});
