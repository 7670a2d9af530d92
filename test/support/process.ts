import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { end, guard, hasEnded, removeFolder, stopsOnce, temporaryFolder } from './child.ts';

/** A line that the server wrote: what pino logged, or `{ text }` where it is no JSON object. */
export type LogLine = Readonly<Record<string, unknown>>;

export type Exit = { code: number | null; signal: NodeJS.Signals | null };

/** The built server as a process of its own. */
export interface ServerProcess extends AsyncDisposable {
  readonly url: string;
  readonly pid: number;
  /** What it wrote on both streams, oldest first; the newest 5,000 lines. */
  readonly logs: readonly LogLine[];
  readonly exited: Promise<Exit>;
  /** Resolves with the first line, past or coming, that `accepts`; rejects when the server ends without one. */
  logged(accepts: (line: LogLine) => boolean): Promise<LogLine>;
  /** Sends the signal (SIGTERM by default) and resolves when the process has ended. */
  kill(signal?: NodeJS.Signals): Promise<Exit>;
  /** Kills it and removes its temporary home. */
  stop(): Promise<void>;
}

export type ServerOptions = {
  /** The whole environment besides PATH, HOME and PORT=0 (a free port; the ready line tells which). */
  env?: Readonly<Record<string, string>>;
  /** The folder it runs in; its temporary home otherwise, so that ./data is never the repository's. */
  cwd?: string;
  /** Arguments after `main.js`. */
  args?: readonly string[];
};

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
const KEPT_LINES = 5_000;
const READY_WITHIN = 30_000;

/** Resolves at the server's ready line; rejects with what it wrote when it ends before. */
export async function startServer({ env = {}, cwd, args = [] }: ServerOptions = {}): Promise<ServerProcess> {
  if (!existsSync(MAIN)) throw new Error('dist/main.js is missing: run `npm run build` first.');

  const home = await temporaryFolder('server');
  const child = spawn(process.execPath, [MAIN, ...args], {
    cwd: cwd ?? home,
    env: { PATH: process.env['PATH'] ?? '', HOME: home, PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  guard(child, { signal: 'KILL', folder: home });
  const exited = once(child, 'close').then(() => ({ code: child.exitCode, signal: child.signalCode }));

  const logs: LogLine[] = [];
  const readers = new Set<(line: LogLine) => void>();
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (text) => {
      const line = parse(text);
      if (logs.push(line) > KEPT_LINES) logs.shift();
      readers.forEach((read) => read(line));
    });
  }

  async function logged(accepts: (line: LogLine) => boolean): Promise<LogLine> {
    const past = logs.find(accepts);
    if (past) return past;
    const { promise, resolve, reject } = deferred<LogLine>();
    const read = (line: LogLine) => {
      if (accepts(line)) resolve(line);
    };
    readers.add(read);
    void exited.then((exit) => reject(new Error(`The server ended (${exit.signal ?? exit.code}) and had written:\n${show(logs)}`)));
    return promise.finally(() => readers.delete(read));
  }

  async function kill(signal: NodeJS.Signals = 'SIGTERM'): Promise<Exit> {
    if (!hasEnded(child)) await end(child, signal, 30_000);
    return exited;
  }

  const stop = stopsOnce(async () => {
    await kill('SIGKILL');
    await removeFolder(home);
  });

  try {
    const url = await urlWhenReady(logged, logs);
    return { url, pid: child.pid ?? 0, logs, exited, logged, kill, stop, [Symbol.asyncDispose]: stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function urlWhenReady(logged: ServerProcess['logged'], logs: readonly LogLine[]): Promise<string> {
  const late = deferred<never>();
  const timer = setTimeout(
    () => late.reject(new Error(`The server is not ready after ${READY_WITHIN} ms and has written:\n${show(logs)}`)),
    READY_WITHIN,
  );
  try {
    const ready = logged((line) => typeof line['msg'] === 'string' && line['msg'].startsWith('listening') && typeof line['url'] === 'string');
    return String((await Promise.race([ready, late.promise]))['url']);
  } finally {
    clearTimeout(timer);
  }
}

function parse(text: string): LogLine {
  try {
    const line: unknown = JSON.parse(text);
    if (typeof line === 'object' && line !== null && !Array.isArray(line)) return line as LogLine;
  } catch {
    // plain text
  }
  return { text };
}

const show = (logs: readonly LogLine[]) => logs.slice(-20).map((line) => ('text' in line ? String(line['text']) : JSON.stringify(line))).join('\n');

function deferred<T>() {
  let resolve!: (value: T) => void;
  let reject!: (error: Error) => void;
  const promise = new Promise<T>((onValue, onError) => {
    resolve = onValue;
    reject = onError;
  });
  return { promise, resolve, reject };
}
