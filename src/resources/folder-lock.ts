import { createHash, randomUUID } from 'node:crypto';
import { linkSync, realpathSync, renameSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import type { Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Held until `release`, or until the process ends, however it ends. */
export type FolderLock = { release(): Promise<void> };

type Holder = { pid: number; token: string };

/** sockaddr_un has room for 104 bytes on macOS and 108 on Linux, and longer paths are cut off silently. */
const LONGEST_SOCKET_PATH = 100;
const ANSWER_WITHIN_MS = 2_000;
const ATTEMPTS = 5;

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
  const address = addressOf(folder);
  const self: Holder = { pid: process.pid, token: randomUUID() };
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const server = await listen(address, self);
    const holder = await ask(address);
    if (server && holder !== 'nobody' && holder?.token === self.token) return { release: () => close(server) };
    if (server) await close(server);
    if (holder !== 'nobody') throw new FolderLockedError(folder, holder?.pid);
    if (!server) await removeStale(address, folder);
  }
  throw new FolderLockedError(folder, undefined);
}

function addressOf(folder: string): string {
  const hash = createHash('sha256').update(folder).digest('hex').slice(0, 32);
  if (process.platform === 'win32') return `\\\\.\\pipe\\sentrial-${hash}`;
  const inside = join(folder, 'lock.sock');
  return Buffer.byteLength(inside) <= LONGEST_SOCKET_PATH ? inside : join(tmpdir(), `sentrial-${hash}.sock`);
}

/** Undefined when there is a socket of that name already. */
function listen(address: string, self: Holder): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.unref();
      socket.end(`${JSON.stringify(self)}\n`);
    });
    server.unref();
    server.once('error', (error: NodeJS.ErrnoException) => (error.code === 'EADDRINUSE' ? resolve(undefined) : reject(error)));
    server.listen(address, () => resolve(server));
  });
}

const close = (server: Server) => new Promise<void>((resolve) => server.close(() => resolve()));

/**
 * Who listens there. 'nobody' when nobody does; undefined when somebody does who does not say who: a stopped
 * process, or one of another user.
 */
function ask(address: string): Promise<Holder | 'nobody' | undefined> {
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect(address);
    socket.setTimeout(ANSWER_WITHIN_MS, () => socket.destroy());
    socket.on('data', (bytes) => (answer += bytes.toString()));
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED' || error.code === 'ENOENT') resolve('nobody');
    });
    socket.on('close', () => resolve(parse(answer)));
  });
}

function parse(answer: string): Holder | undefined {
  try {
    return JSON.parse(answer) as Holder;
  } catch {
    return undefined;
  }
}

/**
 * Removes the socket of a process that is gone. It is moved aside first and asked again: between the question
 * and now, somebody else may have taken over, and then this is a living socket that has to go back.
 */
async function removeStale(address: string, folder: string): Promise<void> {
  const aside = `${address}.${process.pid}`;
  try {
    renameSync(address, aside);
  } catch {
    return; // somebody else was quicker
  }
  const holder = await ask(aside);
  try {
    if (holder === 'nobody') return;
    linkSync(aside, address);
  } finally {
    rmSync(aside, { force: true });
  }
  throw new FolderLockedError(folder, holder?.pid);
}
