import type { FileHandle } from 'node:fs/promises';
import { sha256 } from '@noble/hashes/sha2';
import { bytesToHex } from '@noble/hashes/utils';
import { asError } from './errors.ts';
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

/** `first` is what sorts it: `<time>-<serial>`, and whose serial that is, where the file was taken over. */
type Owned = { name: string; first: string; host: string; pid: number; run: string };

/**
 * A folder of files of lines, one folder for each server and key, so that nothing is replayed to another project. A
 * file is named `<time>-<serial>.<host>.<pid>.<run>.ndjson`; the process that it names owns it. What a process that is
 * gone has left is taken over by renaming, which only one can do. The bound on bytes is that of the folder; each
 * process looks when it begins a file. Files are synced before `append` resolves; a last line
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
  #file: { path: string; bytes: number; handle: FileHandle } | undefined;
  #last: Promise<unknown> = Promise.resolve();
  /** In the folder, as of the last look and what this process has added since. */
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
    const node = await this.#open();
    let taken = 0;
    while (taken < lines.length) {
      if (!this.#file) this.#measure(node);
      const { text, count, bytes } = this.#fitting(lines, taken);
      if (count === 0) {
        if (!this.#file) break;
        await this.#closeFile();
        continue;
      }
      const file = await this.#current(node.fs);
      try {
        await file.handle.appendFile(text);
        await file.handle.datasync();
      } catch (error) {
        // Half a line may be there, to which nothing must be added.
        await file.handle.truncate(file.bytes).catch(() => undefined);
        await this.#closeFile();
        throw error;
      }
      this.#bytes += bytes;
      file.bytes += bytes;
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
    this.#measure(this.#node);
    let taken = 0;
    while (taken < lines.length) {
      const { text, count, bytes } = this.#fitting(lines, taken);
      if (count === 0) break;
      const descriptor = fs.openSync(this.#newPath(), 'ax', 0o600);
      try {
        fs.writeFileSync(descriptor, text);
        fs.fdatasyncSync(descriptor);
      } finally {
        fs.closeSync(descriptor);
      }
      this.#bytes += bytes;
      taken += count;
    }
    return taken;
  }

  async *replay(): AsyncGenerator<{ lines: readonly string[]; done: () => Promise<void> }> {
    const { fs, path } = await this.#open();
    const files = await this.#alone(async () => {
      await this.#closeFile();
      return this.#claim();
    });
    let fault: Error | undefined;
    for (const file of files) {
      const whole = path.join(this.#folder!, file);
      let text: string;
      try {
        text = await fs.promises.readFile(whole, 'utf8');
      } catch (error) {
        // Another process has taken it over, or it cannot be read: that must not hold up the others.
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') fault ??= asError(error);
        continue;
      }
      yield { lines: text.split('\n').filter((line) => line !== ''), done: () => fs.promises.rm(whole, { force: true }) };
    }
    if (fault) throw fault;
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
    this.#folder = folder;
  }

  /** What the folder holds: other processes add to it too, and take from it. */
  #measure({ fs, path }: NodeModules): void {
    const folder = this.#folder!;
    const files = fs.existsSync(folder) ? fs.readdirSync(folder) : [];
    this.#bytes = files.reduce((bytes, file) => bytes + (fs.statSync(path.join(folder, file), { throwIfNoEntry: false })?.size ?? 0), 0);
  }

  /** As many lines as there is room for, and about as many as go into one file. */
  #fitting(lines: readonly string[], from: number): { text: string; count: number; bytes: number } {
    const room = (this.#config.maxBytes ?? SPOOL_BYTES) - this.#bytes;
    let text = '';
    let bytes = 0;
    let count = 0;
    for (let index = from; index < lines.length && bytes < FILE_BYTES; index += 1) {
      const line = `${lines[index]!}\n`;
      const more = Buffer.byteLength(line);
      if (bytes + more > room) break;
      text += line;
      bytes += more;
      count += 1;
    }
    return { text, count, bytes };
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

  async #closeFile(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.handle.close();
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
        // Two processes may have begun a file within the same millisecond, and a rename would replace one by the other.
        const taken = `${/-.*-/.test(owned.first) ? owned.first : `${owned.first}-${owned.run}`}.${mine}`;
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
  const match = /^(\d+-\d+(?:-\w+)?)\.([\w-]+)\.(\d+)\.(\w+)\.ndjson$/.exec(name);
  return match ? { name, first: match[1]!, host: match[2]!, pid: Number(match[3]), run: match[4]! } : undefined;
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
