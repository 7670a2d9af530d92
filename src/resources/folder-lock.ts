import { createHash, randomBytes } from 'node:crypto';
import { readdirSync, realpathSync, renameSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import type { Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** Held until `release`, or until the process ends, however it ends. */
export type FolderLock = { release(): Promise<void> };

/** What a claim answers to whoever connects. */
type Claim = { pid: number; token: string; held: boolean };
/** 'gone' when nobody listens; 'silent' when somebody does who does not say who: a stopped process, say. */
type Peer = Claim | 'gone' | 'silent';

/** sockaddr_un has room for 104 bytes on macOS and 108 on Linux. */
const LONGEST_SOCKET_PATH = 100;
const ANSWER_WITHIN_MS = 2_000;
const ATTEMPTS = 50;
const PAUSE_MS = 20;

export class FolderLockedError extends Error {
  override readonly name = 'FolderLockedError';
  readonly folder: string;
  readonly pid: number | undefined;

  constructor(folder: string, pid: number | undefined) {
    const holder = pid === undefined ? 'another process' : `process ${pid}`;
    super(
      `The data folder ${folder} is in use by ${holder}, and the embedded database serves one process only. ` +
        `Stop ${holder}, or set SENTRIAL_DATA_DIR to another folder, or set DATABASE_URL to a PostgreSQL that several processes can share.`,
    );
    this.folder = folder;
    this.pid = pid;
  }
}

/**
 * Takes the folder for this process. The lock is a listening socket, because the kernel closes it with the
 * process: a file with a process id in it would survive kill -9 and later name somebody else. It does not see
 * processes on other machines that share the folder over a network.
 */
export async function lockFolder(path: string): Promise<FolderLock> {
  const folder = realpathSync(path);
  return process.platform === 'win32' ? lockByPipe(folder) : lockBySocket(folder);
}

/**
 * Each contender first shows a socket under a name of its own and then looks for others; it holds the folder
 * once it finds itself alone. Of two contenders the later one sees the earlier, so they never both hold it; and
 * as no name is used twice, the one removed for being dead is never somebody's living one.
 */
async function lockBySocket(folder: string): Promise<FolderLock> {
  const place = placeOf(folder);
  let rival: Claim | undefined;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const claim: Claim = { pid: process.pid, token: randomBytes(6).toString('hex'), held: false };
    const withdraw = await show(claim, place);
    for (;;) {
      const others = await othersThan(claim, place);
      const holder = others.find((other) => other === 'silent' || other.held);
      if (holder) {
        await withdraw();
        throw new FolderLockedError(folder, holder === 'silent' ? undefined : holder.pid);
      }
      rival = others.find((other) => other !== 'silent');
      if (!rival) {
        claim.held = true;
        return { release: withdraw };
      }
      if (others.some((other) => other !== 'silent' && other.token < claim.token)) break;
      await delay(PAUSE_MS); // the others withdraw
    }
    await withdraw();
    await delay(PAUSE_MS);
  }
  throw new FolderLockedError(folder, rival?.pid);
}

/** Where the sockets of this folder's contenders are, and how their names begin. */
type Place = { directory: string; prefix: string };

function placeOf(folder: string): Place {
  const inside = { directory: folder, prefix: 'lock-' };
  return Buffer.byteLength(socketOf('x'.repeat(12), inside)) <= LONGEST_SOCKET_PATH ? inside : { directory: tmpdir(), prefix: `sentrial-${hash(folder)}-` };
}

const socketOf = (token: string, { directory, prefix }: Place) => join(directory, `${prefix}${token}.sock`);
const hash = (folder: string) => createHash('sha256').update(folder).digest('hex').slice(0, 16);

async function show(claim: Claim, place: Place): Promise<() => Promise<void>> {
  const path = socketOf(claim.token, place);
  const hidden = path.replace(/sock$/, 'new');
  const server = await listen(claim, hidden);
  renameSync(hidden, path); // so that whoever sees the name finds it answered
  return () => {
    rmSync(path, { force: true });
    return new Promise((resolve) => server.close(() => resolve()));
  };
}

async function othersThan(claim: Claim, place: Place): Promise<(Claim | 'silent')[]> {
  const own = socketOf(claim.token, place);
  const found = readdirSync(place.directory)
    .filter((name) => name.startsWith(place.prefix) && name.endsWith('.sock'))
    .map((name) => join(place.directory, name))
    .filter((path) => path !== own);
  const peers = await Promise.all(
    found.map(async (path) => {
      const peer = await ask(path);
      if (peer === 'gone') rmSync(path, { force: true });
      return peer;
    }),
  );
  return peers.filter((peer) => peer !== 'gone');
}

/** Windows: a pipe's name is nobody else's while it is open, and leaves nothing behind. */
async function lockByPipe(folder: string): Promise<FolderLock> {
  const pipe = `\\\\.\\pipe\\sentrial-${hash(folder)}`;
  try {
    const server = await listen({ pid: process.pid, token: '', held: true }, pipe);
    return { release: () => new Promise((resolve) => server.close(() => resolve())) };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    const peer = await ask(pipe);
    throw new FolderLockedError(folder, typeof peer === 'string' ? undefined : peer.pid);
  }
}

function listen(claim: Claim, path: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.unref();
      socket.end(`${JSON.stringify(claim)}\n`);
    });
    server.unref();
    server.once('error', reject);
    server.listen(path, () => resolve(server));
  });
}

/** Nobody listens there, or stopped to before it had answered. */
const GONE = new Set(['ECONNREFUSED', 'ENOENT', 'ECONNRESET']);

function ask(path: string): Promise<Peer> {
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect(path);
    socket.setTimeout(ANSWER_WITHIN_MS, () => socket.destroy());
    socket.on('data', (bytes) => (answer += bytes.toString()));
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (GONE.has(error.code ?? '')) resolve('gone');
    });
    socket.on('close', () => resolve(parse(answer)));
  });
}

function parse(answer: string): Peer {
  try {
    return JSON.parse(answer) as Claim;
  } catch {
    return 'silent';
  }
}
