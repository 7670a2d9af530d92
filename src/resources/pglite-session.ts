import { PGlite } from '@electric-sql/pglite';
import { pg_trgm } from '@electric-sql/pglite/contrib/pg_trgm';
import { DurableFS, durableStartParams } from './durable-fs.ts';
import { Interrupt, newState } from './pglite-interrupt.ts';
import { errorText, frames, simpleQuery, syncMessage, textColumns } from './wire-messages.ts';

const KEPT_LINES = 10;

/** What PGlite keeps of Emscripten's module and its types leave out. */
type Internals = { wasmMemory: WebAssembly.Memory; _QueryCancelPending: number; _InterruptPending: number };

/** PGlite's one backend session, asked in wire protocol. Every method but `close` is done when it returns. */
export class PgliteSession {
  readonly #db: PGlite;
  readonly #fs: DurableFS;

  private constructor(db: PGlite, fs: DurableFS) {
    this.#db = db;
    this.#fs = fs;
  }

  /** Creates the database when the folder is empty. `onFailure` must not return to PostgreSQL: see DurableFS. */
  static async open(folder: string, onFailure: (error: Error) => void): Promise<PgliteSession> {
    const said: string[] = [];
    const fs = new DurableFS(folder, (error) => onFailure(withReason(error, said)));
    try {
      const db = await PGlite.create({
        fs,
        startParams: durableStartParams,
        extensions: { pg_trgm },
        onStderr(line) {
          if (said.push(line) > KEPT_LINES) said.shift();
          return false;
        },
      });
      return new PgliteSession(db, fs);
    } catch (error) {
      throw withReason(error, said);
    }
  }

  get walBytes(): number {
    return this.#fs.walBytes;
  }

  get inTransaction(): boolean {
    return this.#db.isInTransaction();
  }

  /** What ends a statement of this session from another thread. Throws where its memory is not shared (shared-memory.ts). */
  interrupt(): Interrupt {
    const { wasmMemory, _QueryCancelPending, _InterruptPending } = this.#db.Module as unknown as Internals;
    if (!(wasmMemory.buffer instanceof SharedArrayBuffer)) throw new Error("PGlite's memory is not shared");
    return new Interrupt({
      state: newState(),
      memory: wasmMemory.buffer,
      queryCancelPending: _QueryCancelPending,
      interruptPending: _InterruptPending,
    });
  }

  /** The answer, by way of `keep`: in parts, while the statement runs. */
  ask(message: Uint8Array, keep: (part: Uint8Array<ArrayBuffer>) => void): void {
    // The stream form, because the plain one also parses every answer into a list that it never empties.
    // Without syncToFs it is over when it returns, only its errors come as a promise.
    void this.#db.execProtocolRawStream(message, { syncToFs: false, onRawData: (bytes) => keep(bytes.slice()) });
  }

  /** Runs a statement that is not a client's; must not come between two messages of one request. */
  run(sql: string): string[][] {
    const rows: string[][] = [];
    const parts: Uint8Array[] = [];
    this.ask(simpleQuery(sql), (part) => parts.push(part));
    for (const { type, body } of frames(Buffer.concat(parts))) {
      if (type === 'E') throw new Error(`${sql}: ${errorText(body)}`);
      if (type === 'D') rows.push(textColumns(body));
    }
    return rows;
  }

  /** Makes the session as good as new, so that a client finds nothing of the one before. */
  reset(): void {
    this.ask(syncMessage, () => undefined); // ends what was asked for by half
    if (this.inTransaction) this.run('ROLLBACK');
    this.run('DISCARD ALL');
  }

  checkpoint(): void {
    this.run('CHECKPOINT');
    this.#fs.walBytes = 0;
  }

  async close(): Promise<void> {
    this.reset();
    this.checkpoint();
    await this.#db.close();
  }
}

/** What the numbers of Emscripten's file system stand for, as far as an operator can do something about them. */
const ERRORS: { readonly [errno: number]: string } = { 2: 'EACCES', 29: 'EIO', 51: 'ENOSPC', 63: 'EPERM', 69: 'EROFS' };

function withReason(error: unknown, said: readonly string[]): Error {
  const errno = (error as { errno?: number }).errno ?? 0; // its errors are no Error, and say nothing else
  const message = error instanceof Error ? error.message : (ERRORS[errno] ?? `error ${errno} of the file system`);
  return new Error([message, ...said].join('\n  '), { cause: error });
}
