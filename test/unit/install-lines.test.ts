import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { CHECKOUT, LANGUAGES, snippet } from '../../web/src/pages/start/snippets.ts';

// Our packages are in no registry yet, where their names are another product or nothing. So whatever we tell people to
// install is a folder of this repository, or a package of others that is named here.

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const PUBLISHED = ['httpx', 'langchain', 'langchain-core', 'langchain-openai'];
/** The hosted product's client, which the README tells from ours. */
const OTHER_PRODUCT = 'sentrial==0.6.0';

const read = (file: string) => readFileSync(ROOT + file, 'utf8');
const TOLD_IN = ['*.md', 'docs', 'examples', 'sdk/python/README.md', 'sdk/python/src', 'sdk/typescript/README.md', 'sdk/typescript/src', 'src', 'web/src'];
const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '--', ...TOLD_IN], { cwd: ROOT, encoding: 'utf8' }).split('\n').filter((file) => /\.(md|tsx?|py)$/.test(file) && existsSync(ROOT + file));
const texts = [...files.map((file) => [file, read(file)] as const), ...LANGUAGES.map((language) => [`the snippet in ${language}`, snippet(language, 'http://localhost', 'key').install] as const)];

/** Commands as they stand in code, text and prose: with options, and names or folders with or without quotes. */
const COMMAND = /\b(?:pip3?|npm|pnpm|yarn) (?:install|i|add)((?: +(?:'[^']+'|[\w@./=[\]-]+))+)/g;
const installed = texts.flatMap(([where, text]) =>
  Array.from(text.matchAll(COMMAND), ([, words]) => words!.trim().split(/ +/).map((word) => word.replaceAll("'", '').replace(/\.$/, '')).filter((word) => !word.startsWith('-'))).flatMap((what) => what.map((name) => ({ where, name }))),
);

/** Whether it is a folder with a package of ours, and an extra that this has. */
function isOurs(name: string): boolean {
  const [, folder, extra] = /^(.*\/sdk\/\w+)(?:\[(\w+)\])?$/.exec(name) ?? [];
  if (folder === undefined || !(folder.startsWith('./') || folder.startsWith(`${CHECKOUT}/`))) return false;
  const path = folder.replace(CHECKOUT, '.');
  const manifest = ['package.json', 'pyproject.toml'].map((file) => `${path}/${file}`).find((file) => existsSync(ROOT + file));
  return manifest !== undefined && (extra === undefined || read(manifest).includes(`\n${extra} = [`));
}

it('every line that installs something names a package of this repository, or one that others publish', () => {
  expect(installed.filter(({ where, name }) => !isOurs(name) && !PUBLISHED.includes(name) && !(name === OTHER_PRODUCT && where === 'README.md'))).toEqual([]);
  // That is: there is something to judge, in each place.
  for (const where of ['README.md', 'sdk/python/README.md', 'sdk/typescript/README.md', 'sdk/python/src/sentrial/async_courier.py', 'examples/python/claude_agent.py', 'the snippet in TypeScript', 'the snippet in Python']) expect(installed.map((each) => each.where)).toContain(where);
});

it('no extra is named of the package that others publish', () => {
  expect(texts.filter(([, text]) => /\bsentrial\[/.test(text)).map(([where]) => where)).toEqual([]);
});
