import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { ClosingLine } from './test/support/closing-line.ts';

// test/*.test.ts run twice, once in each flavour of the server; a test that makes sense in one flavour only
// stands in the folder of that name. Pure functions are tested in test/unit, the dashboard in web/test.
export default defineConfig({
  // As node finds it: Vite would take its "module" entry, another copy than the one that packages around it import.
  resolve: { alias: [{ find: /^graphql$/, replacement: fileURLToPath(import.meta.resolve('graphql')) }] },
  test: {
    pool: 'forks',
    // The server starts worker threads from its .ts files, which Vite does not transform.
    execArgv: ['--import', new URL('./test/support/tsx-in-workers.js', import.meta.url).href],
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    teardownTimeout: 30_000,
    setupFiles: ['test/support/setup.ts'],
    reporters: ['default', new ClosingLine()],
    projects: [
      { extends: true, test: { name: 'unit', include: ['test/unit/**/*.test.ts'] } },
      { extends: true, test: { name: 'simulation', include: ['test/simulation/**/*.test.ts'] } },
      {
        extends: true,
        test: {
          name: 'embedded',
          include: ['test/*.test.ts', 'test/embedded/**/*.test.ts'],
          provide: { flavour: 'embedded' },
          globalSetup: ['test/support/global-setup-embedded.ts'],
        },
      },
      {
        extends: true,
        test: {
          name: 'sdk-typescript',
          // Not the home folder of whoever runs the tests.
          env: { SENTRIAL_SPOOL_DIR: join(tmpdir(), `sentrial-test-spool-${process.pid}`) },
          include: ['sdk/typescript/test/**/*.test.ts'],
          typecheck: { enabled: true, include: ['sdk/typescript/test/**/*.test-d.ts'], tsconfig: 'sdk/typescript/test/tsconfig.types.json' },
          provide: { flavour: 'embedded' },
          globalSetup: ['test/support/global-setup-embedded.ts'],
        },
      },
      {
        extends: true,
        test: {
          name: 'production',
          include: ['test/*.test.ts', 'test/production/**/*.test.ts'],
          provide: { flavour: 'production' },
          globalSetup: ['test/support/global-setup.ts'],
          runner: './test/support/runner.ts',
        },
      },
      {
        extends: true,
        test: {
          name: 'torture',
          include: ['test/torture/**/*.test.ts'],
          sequence: { groupOrder: 1 }, // after all others: it leaves them no machine
        },
      },
      {
        extends: true,
        test: {
          name: 'web',
          include: ['web/test/**/*.test.ts'],
          // As long as the browser's own waits: a page on a busy machine takes its time.
          expect: { poll: { timeout: 15_000 } },
          provide: { flavour: 'embedded' },
          globalSetup: ['web/test/support/global-setup.ts'],
        },
      },
    ],
  },
});
