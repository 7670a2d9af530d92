// The frames of PostgreSQL's wire protocol (version 3): a type byte, a length that counts itself, a body.
// A client's first message has no type byte.

export type Frame = { type: string; body: Buffer };

const PROTOCOL_3 = 3 << 16;

/** The messages after which a client waits for an answer. */
const ASKING = new Set(['Q', 'S', 'H', 'F', 'c', 'f']);
/** Those after which nothing of the session is left half done. */
const SETTLING = new Set(['Q', 'S', 'F']);

export type Request = { bytes: Buffer; settled: boolean };

/** Cuts what a client writes into requests that can be answered as they stand; keeps the rest for later. */
export class RequestReader {
  #rest: Buffer = Buffer.alloc(0);
  #scanned = 0;
  #started = false;

  /** Throws when the client asks for something other than a session (encryption, cancelling). */
  *read(chunk: Buffer): Generator<Request | 'terminate'> {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    for (;;) {
      const header = this.#started ? 1 : 0;
      if (this.#rest.length < this.#scanned + header + 4) return;
      const end = this.#scanned + header + this.#rest.readUInt32BE(this.#scanned + header);
      if (this.#rest.length < end) return;
      const type = this.#started ? String.fromCharCode(this.#rest[this.#scanned] ?? 0) : 'startup';
      if (type === 'startup' && this.#rest.readUInt32BE(4) !== PROTOCOL_3) throw new Error('The embedded database speaks protocol 3.0 only');
      this.#scanned = end;
      this.#started = true;
      if (type === 'X') {
        yield 'terminate';
        return;
      }
      if (type === 'startup' || ASKING.has(type)) yield this.#take(type === 'startup' || SETTLING.has(type));
    }
  }

  #take(settled: boolean): Request {
    const bytes = this.#rest.subarray(0, this.#scanned);
    this.#rest = this.#rest.subarray(this.#scanned);
    this.#scanned = 0;
    return { bytes, settled };
  }
}

/** A statement without parameters. */
export function simpleQuery(sql: string): Buffer {
  const text = Buffer.from(`${sql}\0`);
  const message = Buffer.alloc(5 + text.length);
  message.write('Q');
  message.writeUInt32BE(4 + text.length, 1);
  text.copy(message, 5);
  return message;
}

export const syncMessage = Buffer.from([0x53, 0, 0, 0, 4]);

/** The messages in an answer. */
export function* frames(answer: Buffer): Generator<Frame> {
  for (let at = 0; at + 5 <= answer.length; ) {
    const end = at + 1 + answer.readUInt32BE(at + 1);
    yield { type: String.fromCharCode(answer[at] ?? 0), body: answer.subarray(at + 5, end) };
    at = end;
  }
}

/** The columns of a row ('D') that came as text; null is an empty string. */
export function textColumns(body: Buffer): string[] {
  const columns: string[] = [];
  let at = 2;
  for (let left = body.readUInt16BE(0); left > 0; left--) {
    const length = Math.max(0, body.readInt32BE(at));
    columns.push(body.toString('utf8', at + 4, at + 4 + length));
    at += 4 + length;
  }
  return columns;
}

/** What an error or notice ('E', 'N') says. */
export function errorText(body: Buffer): string {
  const fields = body.toString('utf8').split('\0');
  const field = (code: string) => fields.find((text) => text.startsWith(code))?.slice(1);
  return `${field('S') ?? 'ERROR'}: ${field('M') ?? 'unknown'}`;
}
