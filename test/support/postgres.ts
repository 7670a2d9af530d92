import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chown, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { findPostgres, unprivilegedAccount } from './binaries.ts';
import type { Account, Missing } from './binaries.ts';
import { end, guard, hasEnded, removeFolder, stopsOnce, temporaryFolder } from './child.ts';
import { Lines } from './lines.ts';
import { freePort } from './ports.ts';

/** A real PostgreSQL of the test's own, on 127.0.0.1, durable (fsync on), with user `postgres` and no password. */
export interface Postgres extends AsyncDisposable {
  /** Of the database `postgres`; see createDatabase for one that is empty. */
  readonly url: string;
  /** The postmaster's; another one after restart. */
  readonly pid: number;
  /** Resolves when it has ended. SIGKILL (the default) hits every process of it, as a power cut would; SIGINT ends it in good order. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Freezes every process of the server (Linux): connections stay open and nothing answers. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** Starts it again, ended or not, on the same port and folder; resolves when it accepts connections. */
  restart(): Promise<void>;
  /** Ends it and removes its folder. */
  stop(): Promise<void>;
}

const MISSING = 'PostgreSQL is missing: `apt-get install postgresql`, or `npm ci` without --omit=optional for the one from npm.';

/** In a temporary folder, or in the one given, which has to be empty. */
export async function startPostgres(given?: string): Promise<Postgres | Missing> {
  const account = unprivilegedAccount();
  const programs = findPostgres(account);
  if (programs === undefined) return { missing: MISSING };

  const folder = given ?? (await temporaryFolder('postgres'));
  try {
    if (account) await chown(folder, account.uid, account.gid);
    await initialize(programs, { folder, account });
    for (let tries = 0; ; tries += 1) {
      const port = await freePort();
      try {
        return serve(programs, { folder, account, port, postmaster: await launch(programs, { folder, account, port }) });
      } catch (error) {
        if (tries === 2) throw error; // another process may have taken the port in between
      }
    }
  } catch (error) {
    await removeFolder(folder);
    throw error;
  }
}

/** Creates an empty database on the server of `url` and returns its URL. */
export async function createDatabase(url: string, name: string): Promise<string> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(`CREATE DATABASE ${pg.escapeIdentifier(name)}`);
  } finally {
    await client.end();
  }
  const created = new URL(url);
  created.pathname = `/${encodeURIComponent(name)}`;
  return created.href;
}

const INITDB = ['-D', 'data', '-U', 'postgres', '--auth=trust', '--encoding=UTF8', '--locale=C', '--no-sync', '--no-instructions'];
const settings = (port: number) => ({
  port: String(port),
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '200',
  fsync: 'on',
  synchronous_commit: 'on',
});

const environment = { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' };
const addressOf = (port: number) => `postgres://postgres@127.0.0.1:${port}/postgres`;

type Home = { folder: string; account: Account };
/** `gone` resolves when its last process has let go of the log: only then does another server take the folder. */
type Postmaster = { child: ChildProcess; gone: Promise<unknown> };

async function initialize(programs: string, { folder, account }: Home): Promise<void> {
  const running = promisify(execFile)(join(programs, 'initdb'), INITDB, { ...account, cwd: folder, env: environment });
  guard(running.child, { signal: 'KILL', folder });
  await running;
}

async function launch(programs: string, { folder, account, port }: Home & { port: number }): Promise<Postmaster> {
  const options = Object.entries(settings(port)).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const child = spawn(join(programs, 'postgres'), ['-D', 'data', ...options], {
    ...account,
    cwd: folder,
    env: environment,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  guard(child, { signal: 'QUIT', folder });
  const gone = once(child, 'close');
  try {
    await new Lines(child, (text) => text).first((line) => line.endsWith('database system is ready to accept connections'));
  } catch (error) {
    await end(child, 'SIGQUIT');
    throw error;
  }
  return { child, gone };
}

function serve(programs: string, { postmaster, ...home }: Home & { port: number; postmaster: Postmaster }): Postgres {
  let current = postmaster;
  const pid = () => current.child.pid ?? 0;

  async function kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    if (hasEnded(current.child)) return;
    if (signal === 'SIGKILL') {
      const processes = await freeze(pid()); // frozen first, so that it starts no further process meanwhile
      processes.forEach((each) => send(each, 'SIGKILL'));
    } else {
      await resume(); // a stopped process takes no other signal
    }
    await end(current.child, signal);
    await current.gone;
  }
  async function resume(): Promise<void> {
    [pid(), ...(await childrenOf(pid()))].forEach((each) => send(each, 'SIGCONT'));
  }
  const stop = stopsOnce(async () => {
    await kill('SIGQUIT');
    await removeFolder(home.folder);
  });

  return {
    url: addressOf(home.port),
    get pid() {
      return pid();
    },
    kill,
    pause: async () => void (await freeze(pid())),
    resume,
    async restart() {
      await kill('SIGQUIT');
      current = await launch(programs, home);
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** Stops the postmaster, then its processes; returns all of them. */
async function freeze(postmaster: number): Promise<number[]> {
  send(postmaster, 'SIGSTOP');
  const processes = [postmaster, ...(await childrenOf(postmaster))];
  processes.forEach((each) => send(each, 'SIGSTOP'));
  return processes;
}

/** Linux only; elsewhere none, and the server's processes notice by themselves that their postmaster is gone. */
async function childrenOf(pid: number): Promise<number[]> {
  const list = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  return list.split(' ').filter(Boolean).map(Number);
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // it has ended in between
  }
}
