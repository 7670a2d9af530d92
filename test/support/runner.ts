import { inject, TestRunner } from 'vitest';
import type { RunnerTask, RunnerTestFile } from 'vitest';

/** Vitest's own runner, but it skips every test where PostgreSQL or Redis is missing. */
export default class ProductionRunner extends TestRunner {
  onCollected(files: RunnerTestFile[]): void {
    if ('missing' in inject('production')) files.forEach(skip);
  }
}

function skip(task: RunnerTask): void {
  task.mode = 'skip';
  if (task.type === 'suite') task.tasks.forEach(skip);
}
