import fs from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { isMainThread } from 'node:worker_threads';

// Preloaded by test/embedded/power-cut.test.ts. Keeps, beside the folder a program works in, the disk as it
// would be after a power cut right now: only what the program asked to have synced.
//
// The model, no kinder than ext4, XFS or APFS in what it keeps:
// - fdatasync of a file keeps its bytes and size; fsync also keeps its name.
// - fsync of a folder keeps its list of names: created, renamed, removed. A name whose file was never synced
//   leads to an empty file. fdatasync of a folder keeps nothing.
// - Nothing else is ever kept: no write-back, no journal that takes earlier changes along.
// Real disks may keep more than was asked for, in any order; the most they can keep is the folder itself, which
// the test opens as well. Replacing one name is atomic, as with every journal.
//
// FORGETFUL_FOLDER is the live folder; what is in it at the start is on disk. FORGETFUL_DISK gets `files`, the
// folder after the power cut, and `inodes`. FORGETFUL_DROPS_SYNC=1 makes every sync a lie; once FORGETFUL_DISK
// has a file `broken` in it, every sync fails.

const FOLDER = resolve(required('FORGETFUL_FOLDER'));
const FILES = join(required('FORGETFUL_DISK'), 'files');
/** The synced contents by the live file's inode number; names in FILES are hard links to these. */
const INODES = join(required('FORGETFUL_DISK'), 'inodes');
const BROKEN = join(required('FORGETFUL_DISK'), 'broken');
const DROPS_SYNC = process.env['FORGETFUL_DROPS_SYNC'] === '1';

const real = { ...fs };
const realPromises = { ...fs.promises };

type Range = { from: number; to: number };
/** What has been written since the last sync, by inode; 'all' where it was not watched closely. */
const unsynced = new Map<number, Range[] | 'all'>();
const paths = new Map<number, string>();
/** Folders that were renamed since their parent was last synced: new path to old. */
const movedFolders = new Map<string, string>();

Object.assign(fs, {
  openSync(path: string, flags?: fs.OpenMode, mode?: fs.Mode): number {
    const isNew = isMine(path) && !real.existsSync(path);
    const fd = real.openSync(path, flags ?? 'r', mode);
    if (isMine(path)) opened(fd, path, isNew);
    return fd;
  },
  closeSync(fd: number): void {
    paths.delete(fd);
    real.closeSync(fd);
  },
  writeFileSync(path: string, ...rest: [string, fs.WriteFileOptions?]): void {
    const isNew = isMine(path) && !real.existsSync(path);
    real.writeFileSync(path, ...rest);
    if (isMine(path)) touched(inodeAt(path), isNew);
  },
  writeSync(fd: number, bytes: NodeJS.ArrayBufferView, offset?: number, length?: number, position?: number | null): number {
    const written = real.writeSync(fd, bytes, offset, length, position);
    if (paths.has(fd)) wrote(real.fstatSync(fd).ino, position, written);
    return written;
  },
  ftruncateSync(fd: number, size?: number): void {
    real.ftruncateSync(fd, size);
    if (paths.has(fd)) unsynced.set(real.fstatSync(fd).ino, 'all');
  },
  truncateSync(path: string, size?: number): void {
    real.truncateSync(path, size);
    if (isMine(path)) unsynced.set(inodeAt(path), 'all');
  },
  renameSync(from: string, to: string): void {
    real.renameSync(from, to);
    renamed(from, to);
  },
  fsyncSync(fd: number): void {
    synced(paths.get(fd), { name: true });
  },
  fdatasyncSync(fd: number): void {
    synced(paths.get(fd), { name: false });
  },
});

Object.assign(fs.promises, {
  async open(path: string, flags?: string, mode?: fs.Mode): Promise<FileHandle> {
    const handle = await realPromises.open(path, flags, mode);
    if (!isMine(path)) return handle;
    handle.sync = () => Promise.resolve().then(() => synced(path, { name: true }));
    handle.datasync = () => Promise.resolve().then(() => synced(path, { name: false }));
    return handle;
  },
  async rename(from: string, to: string): Promise<void> {
    await realPromises.rename(from, to);
    renamed(from, to);
  },
});

syncBuiltinESMExports();
if (isMainThread) keepAll();

function required(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set`);
  return value;
}

function isMine(path: unknown): path is string {
  return typeof path === 'string' && (path === FOLDER || path.startsWith(FOLDER + sep));
}

function inodeAt(path: string): number {
  return real.statSync(path).ino;
}

function onDisk(path: string): string {
  return join(FILES, relative(FOLDER, path));
}

function contents(inode: number): string {
  return join(INODES, String(inode));
}

function opened(fd: number, path: string, isNew: boolean): void {
  paths.set(fd, path);
  if (isNew) touched(real.fstatSync(fd).ino, true);
}

/** A new file may have the inode number of a removed one, whose contents are not its own. */
function touched(inode: number, isNew: boolean): void {
  if (isNew) real.rmSync(contents(inode), { force: true });
  unsynced.set(inode, 'all');
}

function wrote(inode: number, position: number | null | undefined, length: number): void {
  const ranges = unsynced.get(inode);
  if (ranges === 'all') return;
  if (typeof position !== 'number') unsynced.set(inode, 'all');
  else if (ranges) ranges.push({ from: position, to: position + length });
  else unsynced.set(inode, [{ from: position, to: position + length }]);
}

function renamed(from: string, to: string): void {
  if (isMine(to) && real.statSync(to).isDirectory()) movedFolders.set(to, from);
}

function synced(path: string | undefined, { name }: { name: boolean }): void {
  if (path === undefined || DROPS_SYNC) return;
  if (real.existsSync(BROKEN)) throw Object.assign(new Error('EIO: the disk is broken'), { code: 'EIO' });
  if (!real.statSync(path).isDirectory()) {
    keepContents(path);
    if (name) keepName(path);
  } else if (name) {
    keepNames(path);
  }
}

function keepContents(path: string): void {
  const { ino: inode, size } = real.statSync(path);
  const kept = contents(inode);
  const ranges = unsynced.get(inode) ?? [];
  unsynced.delete(inode);
  if (ranges === 'all' || !real.existsSync(kept)) {
    real.writeFileSync(kept, real.readFileSync(path)); // in place: its names are links to it
    return;
  }
  const source = real.openSync(path, 'r');
  const target = real.openSync(kept, 'r+');
  for (const { from, to } of ranges) {
    const bytes = Buffer.alloc(to - from);
    const length = real.readSync(source, bytes, 0, bytes.length, from);
    real.writeSync(target, bytes, 0, length, from);
  }
  real.ftruncateSync(target, size);
  real.closeSync(source);
  real.closeSync(target);
}

function keepName(path: string): void {
  const inode = inodeAt(path);
  const kept = contents(inode);
  const target = onDisk(path);
  real.mkdirSync(dirname(target), { recursive: true });
  if (!real.existsSync(kept)) real.writeFileSync(kept, '');
  if (real.existsSync(target) && real.statSync(target).ino === real.statSync(kept).ino) return;
  const beside = join(INODES, 'link');
  real.rmSync(beside, { force: true });
  real.linkSync(kept, beside);
  real.renameSync(beside, target);
}

function keepNames(folder: string): void {
  const target = onDisk(folder);
  real.mkdirSync(target, { recursive: true });
  for (const [to, from] of movedFolders) {
    if (dirname(to) !== folder) continue;
    if (real.existsSync(onDisk(from))) real.renameSync(onDisk(from), onDisk(to));
    movedFolders.delete(to);
  }
  const living = real.readdirSync(folder, { withFileTypes: true });
  for (const entry of living) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) real.mkdirSync(onDisk(path), { recursive: true });
    else if (entry.isFile()) keepName(path);
  }
  const names = new Set(living.map((entry) => entry.name));
  for (const name of real.readdirSync(target)) {
    if (!names.has(name)) real.rmSync(join(target, name), { recursive: true, force: true });
  }
}

function keepAll(): void {
  real.mkdirSync(INODES, { recursive: true });
  real.mkdirSync(FILES, { recursive: true });
  for (const entry of real.readdirSync(FOLDER, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isDirectory()) real.mkdirSync(onDisk(path), { recursive: true });
    if (!entry.isFile()) continue;
    keepContents(path);
    keepName(path);
  }
}
