import { execFile, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Missing } from './binaries.ts';
import { end, guard, removeFolder, stopsOnce, temporaryFolder } from './child.ts';
import { Lines } from './lines.ts';

/** A disk of a few MB of the test's own: memory, mounted where only the processes see it that are started `through`. */
export interface SmallDisk extends AsyncDisposable {
  /** Where it is for those processes. */
  readonly folder: string;
  /** Where it is for this one. */
  readonly path: string;
  /** The command before theirs. */
  readonly through: readonly string[];
  /** Changes its options, such as `size=100m` or `ro`. */
  remount(options: string): Promise<void>;
  /** Takes what room is left; call what it gives to free it. */
  fill(): Promise<() => Promise<void>>;
}

/** Needs no rights but those of a user namespace; says so where the machine gives none. */
export async function smallDisk(options: string): Promise<SmallDisk | Missing> {
  const folder = await temporaryFolder('disk');
  const script = 'mount -t tmpfs -o "$1" tmpfs "$2" && echo mounted && read -r _';
  const holder = spawn('unshare', ['--user', '--map-root-user', '--mount', 'sh', '-c', script, 'sh', options, folder], { stdio: ['pipe', 'pipe', 'pipe'] });
  const failed = once(holder, 'error').then(([error]) => String(error));
  guard(holder, { signal: 'KILL', folder });
  const dispose = stopsOnce(async () => {
    await end(holder, 'SIGKILL');
    await removeFolder(folder);
  });
  const mounted = new Lines(holder, (text) => text).first((line) => line === 'mounted').then(() => undefined, String);
  const fault = await Promise.race([mounted, failed]);
  if (fault !== undefined) {
    await dispose();
    return { missing: `No small disk can be mounted here (unshare, mount): ${fault}` };
  }

  const through = ['nsenter', '--target', String(holder.pid), '--user', '--preserve-credentials', '--mount', '--'];
  const path = `/proc/${holder.pid}/root${folder}`;
  const run = promisify(execFile);
  return {
    folder,
    path,
    through,
    async remount(changed) {
      await run('nsenter', [...through.slice(1), 'mount', '-o', `remount,${changed}`, folder]);
    },
    async fill() {
      const file = join(path, `filler-${randomUUID()}`);
      await expectFull(writeFile(file, Buffer.alloc(512 * 1024 * 1024)));
      return () => rm(file);
    },
    [Symbol.asyncDispose]: dispose,
  };
}

async function expectFull(writing: Promise<void>): Promise<void> {
  const fault: unknown = await writing.catch((error: unknown) => error);
  if ((fault as NodeJS.ErrnoException | undefined)?.code !== 'ENOSPC') throw new Error(`Expected the disk to be full, got ${String(fault)}`);
}
