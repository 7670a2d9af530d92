// Makes the Python SDK's virtual environment, and runs its linter, type checker and tests: `npm run test:python`.
// What follows `--` goes to pytest: `npm run test:python -- -k retry`. PYTHON names the interpreter (default: python3).
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from './build.js';

const sdk = fileURLToPath(new URL('../sdk/python', import.meta.url));
const venv = join(sdk, '.venv');
const python = join(venv, 'bin', 'python');

function run(command, args) {
  const { status, error } = spawnSync(command, args, { cwd: sdk, stdio: 'inherit' });
  if (error) throw error;
  if (status !== 0) process.exit(status ?? 1);
}

/** Installs what requirements-dev.txt pins, and this package in place, unless that was done with the same files. */
function installPackages() {
  const stamp = join(venv, '.installed');
  const files = ['requirements-dev.txt', 'pyproject.toml'].map((name) => readFileSync(join(sdk, name)));
  const wanted = createHash('sha256').update(Buffer.concat(files)).digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  if (!existsSync(python)) run(process.env.PYTHON ?? 'python3', ['-m', 'venv', venv]);
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check'];
  run(python, [...pip, '-r', 'requirements-dev.txt']);
  run(python, [...pip, '--no-deps', '--no-build-isolation', '--editable', '.']);
  writeFileSync(stamp, wanted);
}

build();
installPackages();
run(python, ['-m', 'ruff', 'check', '.']);
run(python, ['-m', 'ruff', 'format', '--check', '.']);
run(python, ['-m', 'mypy']);
run(python, ['-m', 'pytest', ...process.argv.slice(2)]);
