import { afterAll } from 'vitest';
import { stopLeftovers } from './child.ts';

// Runs in every test file: what a test started and did not stop ends with its file.
afterAll(stopLeftovers);

// A vitest that is killed leaves its workers behind. SIGKILL, because vitest replaces process.exit in them.
process.once('disconnect', () => process.kill(process.pid, 'SIGKILL'));
