import { execFile, spawn } from 'node:child_process';
import { rmdir, statfs } from 'node:fs/promises';
import { promisify } from 'node:util';
import { temporaryFolder } from '../support/child.ts';

const run = promisify(execFile);
const ROOMY = '16g';

/** A disk of its own for a database, in memory, that can be made full and given room again. */
export interface Disk extends AsyncDisposable {
  readonly folder: string;
  /** No more than `slack` bytes can be added. */
  fill(slack: number): Promise<void>;
  free(): Promise<void>;
}

/** Unmounts when this process has gone, however it ended. */
const GUARD = 'read -r line; umount -l "$1"; rmdir "$1"';

/** Undefined where we may not mount: then no disk is ever full. */
export async function mountDisk(): Promise<Disk | undefined> {
  const folder = await temporaryFolder('disk');
  try {
    await run('mount', ['-t', 'tmpfs', '-o', `size=${ROOMY},mode=755`, 'tmpfs', folder]);
  } catch {
    await rmdir(folder);
    return undefined;
  }
  const guard = spawn('sh', ['-c', GUARD, 'guard', folder], { detached: true, stdio: ['pipe', 'ignore', 'ignore'], cwd: '/' });
  const gone = new Promise((resolve) => guard.once('exit', resolve));
  const resize = (size: string) => run('mount', ['-o', `remount,size=${size}`, folder]);
  return {
    folder,
    async fill(slack) {
      const { blocks, bfree, bsize } = await statfs(folder);
      await resize(String((blocks - bfree) * bsize + slack));
    },
    free: async () => void (await resize(ROOMY)),
    async [Symbol.asyncDispose]() {
      guard.stdin.end('done\n');
      await gone;
    },
  };
}
