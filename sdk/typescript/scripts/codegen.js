// Makes src/generated/operations.ts of schema.graphql and src/operations.graphql: the types of every operation and of
// its variables, and the text that is sent. With --check: fails where the file is not what it should be.
import { readFileSync, writeFileSync } from 'node:fs';
import { codegen } from '@graphql-codegen/core';
import * as typescriptOperations from '@graphql-codegen/typescript-operations';
import { parse, print, stripIgnoredCharacters } from 'graphql';

const at = (path) => new URL(path, import.meta.url);
const target = at('../src/generated/operations.ts');
const schema = parse(readFileSync(at('../../../schema.graphql'), 'utf8'));
const document = parse(readFileSync(at('../src/operations.graphql'), 'utf8'));

const types = await codegen({
  filename: target.pathname,
  schema,
  documents: [{ location: 'operations.graphql', document }],
  config: {
    scalars: { Cursor: 'string', DateTime: 'string', ID: 'string', JSON: 'unknown' },
    enumType: 'string-literal',
    disableDescriptions: true,
    mergeFragmentTypes: true,
  },
  plugins: [{ typescriptOperations: {} }],
  pluginMap: { typescriptOperations },
});

const definitions = new Map(document.definitions.map((definition) => [definition.name.value, definition]));

/** An operation with the fragments that it spreads, on one line. */
function textOf(operation) {
  const text = print(operation);
  const fragments = [...text.matchAll(/\.\.\.(\w+)$/gm)].map(([, name]) => print(definitions.get(name)));
  return stripIgnoredCharacters([text, ...new Set(fragments)].join('\n'));
}

const constants = document.definitions
  .filter((definition) => definition.kind === 'OperationDefinition')
  .map((definition) => {
    const name = definition.name.value;
    const result = `${name}${definition.operation[0].toUpperCase()}${definition.operation.slice(1)}`;
    return `export const ${name} = ${JSON.stringify(textOf(definition))} as Operation<${result}, ${result}Variables>;\n`;
  });

const generated = `// Made by scripts/codegen.js; do not edit.
${types}
/** The text of an operation; its types are what it takes and gives. */
export type Operation<Result, Variables> = string & { readonly __types?: (variables: Variables) => Result };

${constants.join('\n')}`;

if (process.argv.includes('--check')) {
  if (readFileSync(target, 'utf8') !== generated) {
    process.stderr.write('src/generated/operations.ts is not fresh: run `npm run codegen -w sdk/typescript`.\n');
    process.exitCode = 1;
  }
} else writeFileSync(target, generated);
