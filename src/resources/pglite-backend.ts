import { createRequire } from 'node:module';
import { extname } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { UnreadableAnswerError } from '../store/database-error.ts';
import { explained } from './data-folder.ts';
import { Interrupt } from './pglite-interrupt.ts';
import type { FromWorker, Job, ToWorker } from './pglite-messages.ts';
import type { Exchange, Line, PgliteStream } from './pglite-stream.ts';

const WORKER = new URL(`./pglite-worker${extname(import.meta.filename)}`, import.meta.url);

/** In development this is .ts, and `--import tsx` does nothing in the threads of Node 20: it is registered by hand. */
function execArgv(): string[] {
  if (extname(WORKER.pathname) !== '.ts') return process.execArgv;
  const tsx = new URL('index.mjs', pathToFileURL(createRequire(import.meta.url).resolve('tsx/esm/api')));
  return ['--import', `data:text/javascript,import { register } from '${tsx.href}'; register()`, ...process.execArgv];
}

/** Makes a database in a thread of its own, because that takes 600 MB which end with the thread. */
export async function createDatabase(folder: string): Promise<void> {
  const backend = new PgliteBackend({ task: 'create', folder });
  await backend.ready;
  await backend.terminate();
}

/** This side of the worker thread. Once it has failed, every stream gets the reason, the open and the new ones. */
export class PgliteBackend implements Exchange {
  readonly ready: Promise<void>;
  /** Resolves with the reason when it has failed. */
  readonly failed: Promise<Error>;
  readonly #worker: Worker;
  readonly #folder: string;
  readonly #streams = new Map<number, PgliteStream>();
  #interrupt: Interrupt | undefined;
  #connections = 0;
  #failure: Error | undefined;
  #closed!: () => void;
  #failed!: (reason: Error) => void;
  readonly #whenClosed = new Promise<void>((resolve) => (this.#closed = resolve));

  constructor(job: Job, onTrouble: (trouble: string) => void = () => undefined) {
    this.failed = new Promise((resolve) => (this.#failed = resolve));
    this.#folder = job.folder;
    this.#worker = new Worker(WORKER, { workerData: job, name: 'pglite', execArgv: execArgv() });
    this.ready = new Promise((resolve, reject) => {
      this.#worker.on('message', (message: FromWorker) => {
        switch (message.kind) {
          case 'answer':
            this.#streams.get(message.connection)?.receive(message.bytes);
            break;
          case 'too large':
            this.#streams.get(message.connection)?.destroy(UnreadableAnswerError.largerThan(message.mostBytes));
            break;
          case 'ready':
            this.#interrupt = message.interrupt && new Interrupt(message.interrupt);
            resolve();
            break;
          case 'closed':
            this.#closed();
            break;
          case 'trouble':
            onTrouble(message.message);
            break;
          case 'failed':
            reject(this.#fail(message.message));
            break;
        }
      });
      this.#worker.on('error', (error) => reject(this.#fail(error.message)));
      this.#worker.on('exit', () => reject(this.#fail('its thread ended')));
    });
    this.ready.catch(() => undefined); // the failure is also kept, and told to whoever connects
  }

  connect(stream: PgliteStream): Line {
    if (this.#failure) throw this.#failure;
    const connection = this.#connections++;
    this.#streams.set(connection, stream);
    return {
      send: (bytes, settled) => this.#post({ kind: 'request', connection, bytes, settled }, [bytes.buffer]),
      hangUp: () => {
        this.#streams.delete(connection);
        this.#interrupt?.giveUp(connection); // nobody waits for the answer any more
        this.#post({ kind: 'hang up', connection });
      },
    };
  }

  /** Ends the statement that runs, if any: it fails with SQLSTATE 57014. */
  interrupt(): void {
    this.#interrupt?.raise();
  }

  /** Finishes what was sent, brings everything to disk and ends the thread. */
  async close(): Promise<void> {
    if (!this.#failure) {
      this.#post({ kind: 'close' });
      await this.#whenClosed;
    }
    await this.terminate();
  }

  async terminate(): Promise<void> {
    this.#worker.removeAllListeners('exit');
    await this.#worker.terminate();
  }

  #post(message: ToWorker, transfer: ArrayBuffer[] = []): void {
    if (!this.#failure) this.#worker.postMessage(message, transfer);
  }

  #fail(reason: string): Error {
    if (!this.#failure) {
      const failure = explained(new Error(reason), this.#folder, { running: this.#interrupt !== undefined }) ?? new Error(`The embedded database has stopped: ${reason}`);
      this.#failure = failure;
      this.#streams.forEach((stream) => stream.destroy(failure));
      this.#closed();
      this.#failed(failure);
    }
    return this.#failure;
  }
}
