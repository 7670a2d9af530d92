import { PGlite } from '@electric-sql/pglite';
import { pg_trgm } from '@electric-sql/pglite/contrib/pg_trgm';
import { DurableFS, durableStartParams } from './durable-fs.ts';
import { errorText, frames, simpleQuery, syncMessage, textColumns } from './wire-messages.ts';

const KEPT_LINES = 10;

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

  ask(message: Uint8Array): Buffer<ArrayBuffer> {
    const chunks: Uint8Array[] = [];
    // The stream form, because the plain one also parses every answer into a list that it never empties.
    // Without syncToFs it is over when it returns, only its errors come as a promise.
    void this.#db.execProtocolRawStream(message, { syncToFs: false, onRawData: (bytes) => chunks.push(bytes.slice()) });
    return Buffer.concat(chunks);
  }

  /** Runs a statement that is not a client's; must not come between two messages of one request. */
  run(sql: string): string[][] {
    const rows: string[][] = [];
    for (const { type, body } of frames(this.ask(simpleQuery(sql)))) {
      if (type === 'E') throw new Error(`${sql}: ${errorText(body)}`);
      if (type === 'D') rows.push(textColumns(body));
    }
    return rows;
  }

  /** Makes the session as good as new, so that a client finds nothing of the one before. */
  reset(): void {
    this.ask(syncMessage); // ends what was asked for by half
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

function withReason(error: unknown, said: readonly string[]): Error {
  const message = error instanceof Error ? error.message : String(error);
  return new Error([message, ...said].join('\n  '), { cause: error });
}
