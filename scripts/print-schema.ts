// Writes schema.graphql, or with --check says whether it is stale: `npm run schema`, `npm run schema -- --check`.
import { readFileSync, writeFileSync } from 'node:fs';
import { lexicographicSortSchema, printSchema } from 'graphql';
import { schema } from '../src/graphql/schema.ts';

const FILE = new URL('../schema.graphql', import.meta.url);

/** The schema in one order, whatever the order of the files that make it. */
export const printed = () => `${printSchema(lexicographicSortSchema(schema))}\n`;

function written(): string {
  try {
    return readFileSync(FILE, 'utf8');
  } catch {
    return '';
  }
}

if (import.meta.url === `file://${process.argv[1]}`) {
  if (!process.argv.includes('--check')) writeFileSync(FILE, printed());
  else if (written() !== printed()) {
    process.stderr.write('schema.graphql is stale: run `npm run schema`\n');
    process.exitCode = 1;
  }
}
