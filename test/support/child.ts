import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

// What every process started by a test has in common: it ends with the test, whatever becomes of the test.

/** Waits on standard input for "done"; end of file means that the process which started us is gone. */
const GUARD = `
read -r line; [ "$line" = done ] && exit 0
kill -s "$2" "$1"; kill -s CONT "$1"
i=0; while kill -0 "$1" && [ $i -lt 60 ]; do sleep 0.1; i=$((i + 1)); done
kill -s KILL "$1"; rm -rf -- "$3"`;

/**
 * Sends `signal` to the child and removes its folder as soon as this process is gone, however it ended: an
 * 'exit' handler would not run after SIGKILL or SIGTERM, which is how a test runner ends a stuck worker.
 */
export function guard(child: ChildProcess, { signal, folder }: { signal: 'QUIT' | 'KILL'; folder: string }): void {
  if (child.pid === undefined || hasEnded(child)) return;
  const watcher = spawn('sh', ['-c', GUARD, 'guard', String(child.pid), signal, folder], {
    detached: true, // Ctrl-C reaches the whole process group; the guard has to outlive it
    stdio: ['pipe', 'ignore', 'ignore'],
    cwd: '/',
  });
  watcher.unref();
  watcher.on('error', () => undefined);
  watcher.stdin.on('error', () => undefined);
  child.once('exit', () => watcher.stdin.end('done\n'));
}

export const hasEnded = (child: ChildProcess) => child.exitCode !== null || child.signalCode !== null;

/** Sends the signal and waits until the child has ended; it is killed when that takes longer than `patience`. */
export async function end(child: ChildProcess, signal: NodeJS.Signals, patience = 15_000): Promise<void> {
  if (child.pid === undefined || hasEnded(child)) return;
  const exited = once(child, 'exit');
  const timer = setTimeout(() => child.kill('SIGKILL'), patience);
  child.kill(signal);
  child.kill('SIGCONT'); // a stopped process takes no signal but SIGKILL
  await exited;
  clearTimeout(timer);
}

export const temporaryFolder = (name: string) => mkdtemp(join(tmpdir(), `sentrial-${name}-`));
export const removeFolder = (folder: string) => rm(folder, { recursive: true, force: true, maxRetries: 5 });

const leftovers = new Set<() => Promise<void>>();

/** Wraps a stop function: it runs once, and at the end of the test file at the latest (test/support/setup.ts). */
export function stopsOnce(stop: () => Promise<void>): () => Promise<void> {
  let stopping: Promise<void> | undefined;
  const first = () => {
    leftovers.delete(first);
    return (stopping ??= stop());
  };
  leftovers.add(first);
  return first;
}

export async function stopLeftovers(): Promise<void> {
  await Promise.all([...leftovers].map((stop) => stop()));
}
