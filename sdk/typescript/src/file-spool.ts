import type { FileHandle } from 'node:fs/promises';
import { sha256 } from '@noble/hashes/sha2';
import { bytesToHex } from '@noble/hashes/utils';
import { importNodeModules, nodeModules, nodeProcess } from './node.ts';
import type { NodeModules } from './node.ts';
import type { Spool, SpoolConfig } from './types.ts';

export const SPOOL_BYTES = 64 * 1024 * 1024;

/** A file is closed, and the next one begun, at this size; a file is what is replayed at once. */
const FILE_BYTES = 1024 * 1024;

/** After so long a file of another machine, or of a process whose id may be another's now, is taken over. */
const STALE_MS = 3_600_000;

/** The spools that are open in this process, of whatever copy of this package. */
const OPEN = ((globalThis as { [key: symbol]: unknown })[Symbol.for('sentrial.spools')] ??= new Set()) as Set<string>;

type Owned = { name: string; host: string; pid: number; run: string };

/**
 * A folder of files of lines, one folder for each server and key, so that nothing is replayed to another project. A
 * file is named `<time>-<serial>.<host>.<pid>.<run>.ndjson`; the process that it names owns it. What a process that is
 * gone has left is taken over by renaming, which only one can do. Files are synced before `append` resolves; a last line
 * that a crash has torn is given as it is.
 */
export class FileSpool implements Spool {
  readonly #destination: string;
  readonly #config: SpoolConfig;
  /** Tells it from another one of this process, and from an earlier process with the same id, such as 1 in a container. */
  readonly #run = randomName();
  #node: NodeModules | undefined = nodeModules();
  #folder: string | undefined;
  #host = '';
  #file: { path: string; bytes: number; handle: FileHandle | undefined } | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #bytes = 0;
  #serial = 0;

  /** `destination` is hashed: what is spooled for one is replayed to that one only. */
  constructor(destination: string, config: SpoolConfig = {}) {
    this.#destination = destination;
    this.#config = config;
    // Before Node 20.16 they cannot be had at once: they are fetched now, so that appendSync() has them.
    if (!this.#node) void importNodeModules().then((modules) => (this.#node = modules), () => undefined);
  }

  append = (lines: readonly string[]): Promise<number> => this.#alone(() => this.#append(lines));

  async #append(lines: readonly string[]): Promise<number> {
    const { fs } = await this.#open();
    let taken = 0;
    while (taken < lines.length) {
      const { text, count } = this.#fitting(lines, taken);
      if (count === 0) break;
      const file = await this.#current(fs);
      await file.handle!.appendFile(text);
      await file.handle!.datasync();
      this.#grew(Buffer.byteLength(text));
      taken += count;
      if (file.bytes >= FILE_BYTES) await this.#closeFile();
    }
    return taken;
  }

  appendSync(lines: readonly string[]): number {
    this.#node ??= nodeModules();
    if (!this.#node) return 0;
    const { fs } = this.#node;
    this.#openFolder(this.#node);
    const { text, count } = this.#fitting(lines, 0, Infinity);
    if (count === 0) return 0;
    const descriptor = fs.openSync(this.#newPath(), 'ax', 0o600);
    try {
      fs.writeFileSync(descriptor, text);
      fs.fdatasyncSync(descriptor);
    } finally {
      fs.closeSync(descriptor);
    }
    this.#bytes += Buffer.byteLength(text);
    return count;
  }

  async *replay(): AsyncGenerator<{ lines: readonly string[]; done: () => Promise<void> }> {
    const { fs, path } = await this.#open();
    const files = await this.#alone(async () => {
      await this.#closeFile();
      return this.#claim();
    });
    for (const file of files) {
      const whole = path.join(this.#folder!, file);
      const text = await fs.promises.readFile(whole, 'utf8');
      const lines = text.split('\n').filter((line) => line !== '');
      const done = async () => {
        await fs.promises.rm(whole, { force: true });
        this.#bytes = Math.max(0, this.#bytes - Buffer.byteLength(text));
      };
      yield { lines, done };
    }
  }

  async close(): Promise<void> {
    await this.#alone(() => this.#closeFile());
    OPEN.delete(this.#run);
  }

  /** One after the other: a file is not closed under a write. */
  #alone<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => undefined);
    return done;
  }

  async #open(): Promise<NodeModules> {
    this.#node ??= await importNodeModules();
    this.#openFolder(this.#node);
    return this.#node;
  }

  #openFolder({ fs, os, path }: NodeModules): void {
    if (this.#folder !== undefined) return;
    OPEN.add(this.#run);
    const root = this.#config.folder ?? path.join(os.homedir(), '.sentrial', 'spool');
    const folder = path.join(root, fingerprint(this.#destination));
    fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
    this.#host = os.hostname().replace(/[^\w-]/g, '_');
    this.#bytes = fs.readdirSync(folder).reduce((bytes, file) => bytes + (fs.statSync(path.join(folder, file), { throwIfNoEntry: false })?.size ?? 0), 0);
    this.#folder = folder;
  }

  /** As many lines as there is room for, and about as many as go into one file. */
  #fitting(lines: readonly string[], from: number, most = FILE_BYTES): { text: string; count: number } {
    const room = (this.#config.maxBytes ?? SPOOL_BYTES) - this.#bytes;
    let text = '';
    let bytes = 0;
    let count = 0;
    for (let index = from; index < lines.length && bytes < most; index += 1) {
      const line = `${lines[index]!}\n`;
      bytes += Buffer.byteLength(line);
      if (bytes > room) break;
      text += line;
      count += 1;
    }
    return { text, count };
  }

  #newPath(): string {
    const time = Date.now().toString().padStart(14, '0');
    const name = `${time}-${String((this.#serial += 1)).padStart(8, '0')}.${this.#host}.${nodeProcess!.pid}.${this.#run}.ndjson`;
    return this.#node!.path.join(this.#folder!, name);
  }

  /** Another process may have taken the file over, or someone removed it: then a new one is begun. */
  async #current(fs: NodeModules['fs']) {
    if (this.#file && !fs.existsSync(this.#file.path)) await this.#closeFile();
    if (!this.#file) {
      const path = this.#newPath();
      fs.mkdirSync(this.#folder!, { recursive: true, mode: 0o700 });
      this.#file = { path, bytes: 0, handle: await fs.promises.open(path, 'ax', 0o600) };
      await syncFolder(fs, this.#folder!);
    }
    return this.#file;
  }

  #grew(bytes: number): void {
    this.#bytes += bytes;
    if (this.#file) this.#file.bytes += bytes;
  }

  async #closeFile(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.handle?.close();
  }

  /** This process's files and those of processes that are gone, oldest first. */
  async #claim(): Promise<string[]> {
    const { fs, path } = this.#node!;
    const mine = `${this.#host}.${nodeProcess!.pid}.${this.#run}.ndjson`;
    const claimed: string[] = [];
    for (const name of (await fs.promises.readdir(this.#folder!)).sort()) {
      const owned = parseName(name);
      if (!owned) continue;
      if (name.endsWith(`.${mine}`)) claimed.push(name);
      else if (await this.#isOrphan(owned)) {
        const taken = `${name.slice(0, name.indexOf('.'))}.${mine}`;
        const isMine = await fs.promises.rename(path.join(this.#folder!, name), path.join(this.#folder!, taken)).then(
          () => true,
          () => false,
        );
        if (isMine) claimed.push(taken);
      }
    }
    return claimed;
  }

  async #isOrphan({ name, host, pid, run }: Owned): Promise<boolean> {
    if (host === this.#host) {
      if (pid === nodeProcess!.pid) return !OPEN.has(run);
      if (!isRunning(pid)) return true;
    }
    const { fs, path } = this.#node!;
    const stat = await fs.promises.stat(path.join(this.#folder!, name)).catch(() => undefined);
    return stat !== undefined && Date.now() - stat.mtimeMs > STALE_MS;
  }
}

function parseName(name: string): Owned | undefined {
  const match = /^\d+-\d+\.([\w-]+)\.(\d+)\.(\w+)\.ndjson$/.exec(name);
  return match ? { name, host: match[1]!, pid: Number(match[2]), run: match[3]! } : undefined;
}

const fingerprint = (text: string) => bytesToHex(sha256(text)).slice(0, 16);
const randomName = () => Math.random().toString(36).slice(2, 12);

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** So that the new file itself outlives a power cut; not every system can. */
async function syncFolder(fs: NodeModules['fs'], folder: string): Promise<void> {
  try {
    const handle = await fs.promises.open(folder);
    await handle.sync();
    await handle.close();
  } catch {
    // Windows does not open folders.
  }
}
