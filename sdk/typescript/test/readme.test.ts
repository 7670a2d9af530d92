import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import ts from 'typescript';
import { expect, it } from 'vitest';
import { startApp } from '../../../test/support/app.ts';
import { spoolFolder } from './support/client.ts';

// Every snippet of this README and of the server's, with the built package and the real libraries: all are type-checked, and those that need
// no model are run. What the wrappers' snippets do is run in examples.test.ts.

const TESTS = fileURLToPath(new URL('.', import.meta.url));
const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const snippets = ['../README.md', '../../../README.md'].flatMap((path) => Array.from(readFileSync(new URL(path, import.meta.url), 'utf8').matchAll(/```ts\n(.*?)```/gs), ([, code]) => code!));

/** What the text around a snippet says is there. */
const GIVEN: { readonly [name: string]: string } = {
  sessionId: 'string',
  client: `import('@sentrial/sdk').SentrialClient`,
  SentrialClient: `typeof import('@sentrial/sdk').SentrialClient`,
  wrapOpenAI: `typeof import('@sentrial/sdk/openai').wrapOpenAI`,
  OpenAI: `typeof import('openai').default`,
  agent: `ReturnType<typeof import('langchain').createAgent>`,
  input: `Parameters<ReturnType<typeof import('langchain').createAgent>['invoke']>[0]`,
  prompt: 'string',
  response: 'string',
  question: 'string',
  lastCursor: 'string | undefined',
};

/** The snippet as a module, with what it does not say itself. */
function moduleOf(snippet: string): string {
  const missing = Object.entries(GIVEN).filter(([name]) => !new RegExp(`\\bconst ${name}\\b|\\bimport [^;]*\\b${name}\\b[^;]* from`).test(snippet));
  return `${missing.map(([name, type]) => `declare const ${name}: ${type};\n`).join('')}${snippet}\nexport {};\n`;
}

it('has only snippets whose types are right', { timeout: 120_000 }, () => {
  const files = new Map(snippets.map((snippet, n) => [`${TESTS}readme-${n + 1}.ts`, moduleOf(snippet)]));
  expect(files.size).toBeGreaterThan(8);
  const options: ts.CompilerOptions = {
    target: ts.ScriptTarget.ES2023, lib: ['lib.es2024.d.ts', 'lib.esnext.disposable.d.ts', 'lib.dom.d.ts', 'lib.dom.iterable.d.ts', 'lib.dom.asynciterable.d.ts'],
    module: ts.ModuleKind.NodeNext, moduleResolution: ts.ModuleResolutionKind.NodeNext, types: ['node'], strict: true, noEmit: true, skipLibCheck: true,
  };
  const disk = ts.createCompilerHost(options);
  const host: ts.CompilerHost = {
    ...disk,
    getSourceFile(name, languageVersion) {
      const text = files.get(name);
      return text === undefined ? disk.getSourceFile(name, languageVersion) : ts.createSourceFile(name, text, languageVersion);
    },
    fileExists: (name) => files.has(name) || disk.fileExists(name),
    readFile: (name) => files.get(name) ?? disk.readFile(name),
  };
  const program = ts.createProgram([...files.keys()], options, host);
  const faults = ts.getPreEmitDiagnostics(program).map(({ file, messageText }) => `${file?.fileName.slice(TESTS.length)}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}\n${file?.text ?? ''}`);
  expect(faults.join('\n')).toBe('');
});

it('begins with a tracked run, and with sessions by hand', async () => {
  await using server = await startApp();
  const tenant = await server.tenant();
  const [first, sessions] = [snippets[0]!, snippets.find((snippet) => snippet.includes('createSession'))!];
  const given = `import { SentrialClient } from '@sentrial/sdk';\nconst client = new SentrialClient();\nconst prompt = 'p', response = 'r';\n`;
  for (const program of [first.replace('sentrial_live_…', tenant.key), given + sessions]) {
    const { outputText } = ts.transpileModule(program, { compilerOptions: { target: ts.ScriptTarget.ES2023, module: ts.ModuleKind.ESNext } });
    const env = { PATH: process.env['PATH'], HOME: await spoolFolder(), SENTRIAL_API_KEY: tenant.key, SENTRIAL_API_URL: tenant.url };
    const { stderr } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', outputText], { cwd: ROOT, env });
    expect(stderr).toBe('');
  }
  const { sessions: found } = await tenant.run<{ sessions: { edges: { node: unknown }[] } }>('{ sessions(first: 5, orderBy: { field: CREATED_AT, direction: ASC }) { edges { node { agentName status assistantOutput eventCount } } } }');
  expect(found.edges.map((edge) => edge.node)).toEqual([
    { agentName: 'support-agent', status: 'COMPLETED', assistantOutput: 'It is on its way.', eventCount: 1 },
    { agentName: 'reporter', status: 'COMPLETED', assistantOutput: 'sent', eventCount: 3 },
  ]);
});
