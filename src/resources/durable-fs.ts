import { closeSync, constants, fdatasyncSync, fsyncSync, openSync } from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import { NodeFS } from '@electric-sql/pglite/nodefs';

type Init = NodeFS['init'];
type Node = { mode: number };
type OpenFile = { nfd?: number; node: Node; path?: string };
type WriteArguments = [file: OpenFile, bytes: Uint8Array, offset: number, length: number, position?: number];

/** The part of Emscripten's file system backend that is used here; its published types leave it out. */
type Backend = {
  isWindows: boolean;
  realPath(node: Node): string;
  stream_ops: { fsync?: (file: OpenFile) => number; write: (...args: WriteArguments) => number };
};

/** What fsync answers to PostgreSQL, which then panics: WASI's number for EIO. */
const EIO = 29;

const { S_IFMT, S_IFDIR } = constants;

/**
 * PGlite's folder on disk, with an fsync that syncs. As shipped, fsync answers "done" and does nothing, so a
 * power cut takes every recent commit with it.
 */
export class DurableFS extends NodeFS {
  /** Bytes of write-ahead log since `walBytes` was last set to 0. */
  walBytes = 0;
  readonly #onFailure: (error: Error) => void;

  /**
   * `onFailure` must end the backend. After a failed fsync nobody knows what is on disk, and PGlite swallows
   * the abort and would go on answering.
   */
  constructor(folder: string, onFailure: (error: Error) => void) {
    super(folder);
    this.#onFailure = onFailure;
  }

  override async init(...[pg, options]: Parameters<Init>): ReturnType<Init> {
    const { emscriptenOpts } = await super.init(pg, options);
    emscriptenOpts.onAbort = () => this.#onFailure(new Error('PostgreSQL panicked'));
    emscriptenOpts.preRun = [(mod) => this.#patch(mod.NODEFS as Backend), ...(emscriptenOpts.preRun ?? [])];
    return { emscriptenOpts };
  }

  #patch(backend: Backend): void {
    const { stream_ops: operations } = backend;
    operations.fsync = (file) => {
      try {
        sync(file, backend);
        return 0;
      } catch (cause) {
        this.#onFailure(new Error(`fsync failed: ${String(cause)}`, { cause }));
        return EIO;
      }
    };
    const write = operations.write;
    operations.write = (...args) => {
      if (isLog(args[0])) this.walBytes += args[3];
      return write(...args);
    };
  }
}

/** As PostgreSQL itself does: the log, in whose files only bytes change, may leave out the time of the change. */
function sync(file: OpenFile, backend: Backend): void {
  const isFolder = (file.node.mode & S_IFMT) === S_IFDIR;
  if (isFolder && backend.isWindows) return; // it can be neither opened nor synced there
  if (file.nfd === undefined) syncUnopened(backend.realPath(file.node));
  else if (!isFolder && isLog(file)) fdatasyncSync(file.nfd);
  else fsyncSync(file.nfd);
}

function syncUnopened(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

const isLog = (file: OpenFile) => file.path?.includes('/pg_wal/') ?? false;

const setting = (name: string, value: string) => ['-c', `${name}=${value}`];

/** Starts PostgreSQL with the promise that COMMIT is answered after the log is on disk. */
export const durableStartParams = [
  ...PGlite.defaultStartParams.filter((param) => param !== '-F'), // -F is "no fsync"
  ...setting('fsync', 'on'),
  ...setting('synchronous_commit', 'on'),
  ...setting('full_page_writes', 'on'),
  ...setting('wal_sync_method', 'fsync'), // the others end in a system call that PGlite leaves empty
  ...setting('wal_init_zero', 'off'), // else each new 16 MB segment is filled with zeros while everybody waits
  ...setting('min_wal_size', '32MB'),
  ...setting('max_wal_size', '128MB'), // how many old segments are kept for reuse
  ...setting('shared_buffers', '16MB'), // 120 MB less memory than the default and no slower: the kernel caches the files
];

/** Brings a whole folder to disk, its entries included. */
export async function syncFolder(folder: string): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true });
  // All at once: the kernel then merges the syncs of many small files.
  await Promise.all(
    entries.map((entry) => (entry.isDirectory() ? syncFolder(join(folder, entry.name)) : syncPath(join(folder, entry.name), 'r+'))),
  );
  await syncEntries(folder);
}

/** Brings the list of a folder's files to disk: what was created, renamed or removed in it. */
export async function syncEntries(folder: string): Promise<void> {
  if (process.platform !== 'win32') await syncPath(folder, 'r');
}

async function syncPath(path: string, flags: 'r' | 'r+'): Promise<void> {
  const handle = await open(path, flags);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
