// Tracks with the ESM and with the CJS copy of the package, as a program and a library of it may, and stays.
import { createRequire } from 'node:module';
import * as esm from '@sentrial/sdk';
import type * as Sdk from '@sentrial/sdk';

const cjs = createRequire(import.meta.url)('@sentrial/sdk') as typeof Sdk;
const sessionId = process.env['SESSION'] ?? '';
for (const [n, { SentrialClient }] of [esm, cjs].entries()) void new SentrialClient().trackToolCall({ sessionId, toolName: `t${n}` });
setInterval(() => undefined, 60_000);
process.stdout.write('tracked\n');
