import type { Duplex } from 'node:stream';
import type { Pool, PoolClient } from 'pg';
import type { Config } from '../config.ts';
import { UnreadableAnswerError } from '../store/database-error.ts';

/** What pg keeps to itself: the socket of a client, behind TLS where there is any. */
type Wired = PoolClient & { connection: { stream: Duplex } };

/** The longest answer to one statement, in bytes: more than any page or row holds, less than a process can bear. */
export const MOST_ANSWER_BYTES = 64 * 1024 * 1024;

/** The same where single rows may be larger than usual, because requests may. */
export const mostAnswerBytes = ({ maxBodyBytes }: Pick<Config, 'maxBodyBytes'>) => Math.max(MOST_ANSWER_BYTES, 4 * maxBodyBytes);

const READY_FOR_QUERY = 'Z'.charCodeAt(0);
const HEADER = 5;

/**
 * Bounds what one answer may hold in memory, and keeps a fault of the driver to the connection that has it. The driver
 * reads an answer inside the socket's own 'data' event, where nobody catches what it throws (a value longer than the
 * longest string, say): that would end the process. Here it ends the connection, and with it the query.
 */
export function boundAnswers(pool: Pool, mostBytes: number): void {
  pool.on('connect', (client) => {
    const { stream } = (client as Wired).connection;
    const meter = new AnswerMeter();
    for (const read of stream.listeners('data') as ((chunk: Buffer) => void)[]) {
      stream.removeListener('data', read);
      stream.on('data', (chunk: Buffer) => {
        try {
          if (meter.count(chunk) > mostBytes) throw UnreadableAnswerError.largerThan(mostBytes);
          read(chunk);
        } catch (error) {
          stream.destroy(error instanceof UnreadableAnswerError ? error : new UnreadableAnswerError(String(error), { cause: error }));
        }
      });
    }
  });
}

/** Follows the frames of PostgreSQL's protocol: a type, a length that counts itself, a body. */
class AnswerMeter {
  readonly #header = Buffer.alloc(HEADER);
  #inHeader = 0;
  /** Bytes of the current frame's body that are still to come. */
  #body = 0;
  #bytes = 0;

  /** The size of the current answer as far as it is known: up to the end of the frame that `chunk` ends in. */
  count(chunk: Buffer): number {
    let most = this.#bytes;
    for (let at = 0; at < chunk.length; ) {
      if (this.#body > 0) {
        const passed = Math.min(this.#body, chunk.length - at);
        this.#body -= passed;
        at += passed;
        continue;
      }
      const copied = chunk.copy(this.#header, this.#inHeader, at, at + HEADER - this.#inHeader);
      at += copied;
      this.#inHeader += copied;
      if (this.#inHeader < HEADER) break;
      this.#inHeader = 0;
      this.#body = this.#header.readUInt32BE(1) - 4;
      this.#bytes = this.#header[0] === READY_FOR_QUERY ? 0 : this.#bytes + HEADER + this.#body;
      most = Math.max(most, this.#bytes);
    }
    return most;
  }
}
