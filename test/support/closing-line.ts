import type { Reporter, TestModule } from 'vitest/node';

/**
 * Prints "N passed, M failed, K skipped" as the very last line of a run, which is what CI counts. A file or
 * a suite that breaks outside its tests counts as one failure. In CI a skipped test fails the run.
 */
export class ClosingLine implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly unknown[]): void {
    const count = { passed: 0, failed: unhandled.length, skipped: 0 };
    for (const module of modules) {
      const suites = [...module.children.allSuites()];
      count.failed += [module, ...suites].filter((each) => each.errors().length > 0).length;
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        count[state === 'pending' ? 'skipped' : state] += 1;
      }
    }
    const line = `${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`;
    const refused = process.env['CI'] === 'true' && count.skipped > 0;
    process.once('exit', () => {
      if (refused) {
        process.stderr.write('In CI no test may be skipped.\n');
        process.exitCode = 1;
      }
      process.stdout.write(`${line}\n`);
    });
  }
}
