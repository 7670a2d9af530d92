import { spawnSync } from 'node:child_process';
import { findOnPath } from '../../../test/support/binaries.ts';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'];

/** Chromium on the PATH, one that runs. */
export const findChromium = () => NAMES.map(findOnPath).find((file) => file !== undefined && spawnSync(file, ['--version']).status === 0);

/** Without a sandbox, which containers do not give, and without asking anybody for anything. */
export const CHROMIUM_ARGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage'];
