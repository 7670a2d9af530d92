import { afterAll } from 'vitest';
import { stopLeftovers } from './child.ts';

// Runs in every test file: what a test started and did not stop ends with its file.
afterAll(stopLeftovers);
