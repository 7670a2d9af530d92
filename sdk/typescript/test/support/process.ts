import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { guard } from '../../../../test/support/child.ts';
import { spoolFolder } from './client.ts';

export type Program = {
  child: ChildProcess;
  /** What it wrote, line by line. */
  lines: string[];
  /** Resolves with the first line, past or coming, that starts so. */
  said(start: string): Promise<string>;
  exited: Promise<{ code: number | null; signal: NodeJS.Signals | null; ms: number }>;
};

const PROGRAMS = fileURLToPath(new URL('../programs/', import.meta.url));

/** Runs test/programs/<name>.ts in a process of its own, with an environment of nothing else. */
export async function startProgram(name: string, env: Record<string, string>, nodeArguments: readonly string[] = []): Promise<Program> {
  const start = performance.now();
  const child = spawn(process.execPath, [...nodeArguments, '--import', import.meta.resolve('tsx'), `${PROGRAMS}${name}.ts`], {
    env: { PATH: process.env['PATH'] ?? '', HOME: await spoolFolder(), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  guard(child, { signal: 'KILL', folder: '' });
  const lines: string[] = [];
  const waiting = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      lines.push(line);
      waiting.forEach((check) => check());
    });
  }
  const exited = once(child, 'close').then(() => ({ code: child.exitCode, signal: child.signalCode, ms: performance.now() - start }));
  const said = (text: string) =>
    new Promise<string>((resolve, reject) => {
      const check = () => {
        const line = lines.find((each) => each.startsWith(text));
        if (line === undefined) return;
        waiting.delete(check);
        resolve(line);
      };
      waiting.add(check);
      check();
      void exited.then(() => reject(new Error(`It ended without "${text}" and wrote:\n${lines.join('\n')}`)));
    });
  return { child, lines, said, exited };
}
