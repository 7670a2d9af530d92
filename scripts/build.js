// Generates and compiles into dist/ and the dashboard into web/dist/. A file `.built` in each remembers when, so that
// `npm start` builds only what is stale.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { generate } from './generate.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const server = { folder: 'dist', sources: ['src', 'prisma', 'scripts', 'package-lock.json', 'tsconfig.json', 'tsconfig.build.json'] };
const dashboard = { folder: 'web/dist', sources: ['web/src', 'web/index.html', 'web/package.json', 'web/tsconfig.json', 'web/vite.config.ts', 'schema.graphql', 'package-lock.json'] };
const stampOf = ({ folder }) => join(root, folder, '.built');

function newest(path) {
  if (path.endsWith('generated') || !existsSync(path)) return 0;
  const stat = statSync(path);
  if (!stat.isDirectory()) return stat.mtimeMs;
  return Math.max(0, ...readdirSync(path).map((name) => newest(join(path, name))));
}

/** Whether a part is missing or older than what it is made from. */
function isStale(part) {
  const stamp = stampOf(part);
  return !existsSync(stamp) || part.sources.some((source) => newest(join(root, source)) > Date.parse(readFileSync(stamp, 'utf8')));
}

function run(what, args, cwd) {
  const done = spawnSync(process.execPath, args, { cwd, encoding: 'utf8' });
  if (done.status === 0) return;
  process.stderr.write(`${done.stdout}${done.stderr}`);
  throw new Error(`${what} failed`);
}

function buildServer() {
  generate();
  rmSync(join(root, 'dist'), { recursive: true, force: true });
  run('tsc', ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json'], root);
}

function buildDashboard() {
  const web = join(root, 'web');
  run('gql.tada', [join(root, 'node_modules/gql.tada/bin/cli.js'), 'generate-output'], web);
  run('vite', [join(root, 'node_modules/vite/bin/vite.js'), 'build', '--logLevel', 'warn'], web);
  compress(join(web, 'dist', 'assets'));
}

/** Puts a compressed copy beside each file, which the server sends to whoever takes it. */
function compress(folder) {
  for (const name of readdirSync(folder)) {
    const file = readFileSync(join(folder, name));
    writeFileSync(join(folder, `${name}.br`), brotliCompressSync(file));
    writeFileSync(join(folder, `${name}.gz`), gzipSync(file, { level: 9 }));
  }
}

/** Builds what is stale; everything with `force`. */
export function build({ force = false } = {}) {
  for (const [part, make] of [[server, buildServer], [dashboard, buildDashboard]]) {
    if (!force && !isStale(part)) continue;
    const began = new Date(); // what is edited from now on may not be in it
    make();
    writeFileSync(stampOf(part), began.toISOString());
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) build({ force: process.argv.includes('--force') });
