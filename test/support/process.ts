import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { end, guard, hasEnded, removeFolder, stopsOnce, temporaryFolder } from './child.ts';
import { Lines } from './lines.ts';

/** A line that the server wrote: what pino logged, or `{ text }` where it is no JSON object. */
type LogLine = Readonly<Record<string, unknown>>;

type Exit = { code: number | null; signal: NodeJS.Signals | null };

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

type ServerOptions = {
  /** The whole environment besides PATH, HOME and PORT=0 (a free port; the ready line tells which). */
  env?: Readonly<Record<string, string>>;
  /** The folder it runs in; its temporary home otherwise, so that ./data is never the repository's. */
  cwd?: string;
  /** Arguments after `main.js`. */
  args?: readonly string[];
  /** Kills it, ready or not. */
  signal?: AbortSignal;
  /** A command that becomes another one, put before the server's. */
  through?: readonly string[];
};

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

/** Resolves at the server's ready line; rejects with what it wrote when it ends before. */
export async function startServer({ env = {}, cwd, args = [], signal, through = [] }: ServerOptions = {}): Promise<ServerProcess> {
  if (!existsSync(MAIN)) throw new Error('dist/main.js is missing: run `npm run build` first.');

  const home = await temporaryFolder('server');
  const [command, ...rest] = [...through, process.execPath, MAIN, ...args];
  const child = spawn(command!, rest, {
    cwd: cwd ?? home,
    env: { PATH: process.env['PATH'] ?? '', HOME: home, PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  signal?.addEventListener('abort', () => child.kill('SIGKILL'));
  guard(child, { signal: 'KILL', folder: home });
  const exited = once(child, 'close').then(() => ({ code: child.exitCode, signal: child.signalCode }));

  const lines = new Lines(child, parse);

  async function kill(signal: NodeJS.Signals = 'SIGTERM'): Promise<Exit> {
    if (!hasEnded(child)) await end(child, signal, 30_000);
    return exited;
  }

  const stop = stopsOnce(async () => {
    await kill('SIGKILL');
    await removeFolder(home);
  });

  try {
    const ready = await lines.first((line) => typeof line['msg'] === 'string' && line['msg'].startsWith('listening') && typeof line['url'] === 'string');
    return {
      url: String(ready['url']),
      pid: child.pid ?? 0,
      logs: lines.all,
      exited,
      logged: (accepts) => lines.first(accepts),
      kill,
      stop,
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    await stop();
    throw error;
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
