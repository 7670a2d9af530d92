import { Duplex } from 'node:stream';
import { RequestReader } from './wire-messages.ts';

/** One client's line to the backend. */
export type Line = { send(bytes: Uint8Array<ArrayBuffer>, settled: boolean): void; hangUp(): void };

/** Where a stream's messages go; `connect` throws when the backend is gone. */
export type Exchange = { connect(stream: PgliteStream): Line };

/** What `pg` takes for a socket: carries the wire protocol to the worker and back. */
export class PgliteStream extends Duplex {
  readonly #exchange: Exchange;
  readonly #reader = new RequestReader();
  #line: Line | undefined;

  constructor(exchange: Exchange) {
    super({ decodeStrings: true });
    this.#exchange = exchange;
  }

  connect(): this {
    queueMicrotask(() => {
      if (this.destroyed) return;
      try {
        this.#line = this.#exchange.connect(this);
        this.emit('connect');
      } catch (error) {
        this.destroy(asError(error));
      }
    });
    return this;
  }

  // What pg asks of a socket and a thread has no use for.
  setNoDelay(): this {
    return this;
  }
  setKeepAlive(): this {
    return this;
  }
  ref(): this {
    return this;
  }
  unref(): this {
    return this;
  }

  receive(bytes: Uint8Array<ArrayBuffer>): void {
    if (!this.destroyed && !this.readableEnded) this.push(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  }

  override _read(): void {
    // An answer is pushed whole when it arrives; the backend sends nothing that was not asked for.
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    try {
      for (const request of this.#reader.read(chunk)) {
        if (request === 'terminate') this.#hangUp();
        else this.#line?.send(new Uint8Array(request.bytes), request.settled); // a copy: it is given away
      }
      done();
    } catch (error) {
      done(asError(error));
    }
  }

  override _writev(chunks: { chunk: Buffer; encoding: BufferEncoding }[], done: (error?: Error | null) => void): void {
    this._write(Buffer.concat(chunks.map(({ chunk }) => chunk)), 'utf8', done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#hangUp();
    this.push(null);
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#hangUp();
    done(error);
  }

  #hangUp(): void {
    this.#line?.hangUp();
    this.#line = undefined;
  }
}

const asError = (error: unknown) => (error instanceof Error ? error : new Error(String(error)));
