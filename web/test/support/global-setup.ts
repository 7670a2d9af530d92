import { existsSync } from 'node:fs';
import type { TestProject } from 'vitest/node';
import { setup as setUpEmbedded } from '../../../test/support/global-setup-embedded.ts';
import { findChromium } from './chromium.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Where Chromium is; undefined: the browser's tests are skipped. */
    chromium: string | undefined;
  }
}

export async function setup(project: TestProject): Promise<() => Promise<void>> {
  if (!existsSync(new URL('../../dist/index.html', import.meta.url))) throw new Error('web/dist is missing: run `npm run build` first.');
  const chromium = findChromium();
  if (!chromium) process.stderr.write('\nThe tests of the dashboard are SKIPPED: there is no Chromium here. Install it (Debian: apt-get install chromium).\n\n');
  project.provide('chromium', chromium);
  return setUpEmbedded(project);
}
