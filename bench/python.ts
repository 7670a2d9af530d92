// The Python SDK: `npm run build && npm run bench -- python`. `npm run test:python` makes its virtual environment.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const python = fileURLToPath(new URL('../sdk/python/.venv/bin/python', import.meta.url));
const { status, error } = spawnSync(python, [fileURLToPath(new URL('python_sdk.py', import.meta.url))], { stdio: 'inherit' });
if (error) throw error;
process.exitCode = status ?? 1;
