import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { removeFolder, temporaryFolder } from '../support/child.ts';
import { startServer } from '../support/process.ts';
import type { ServerProcess } from '../support/process.ts';
import type { Breaches } from './breaches.ts';
import { startProxy } from './proxy.ts';
import type { Proxy } from './proxy.ts';
import type { Troubles } from './troubles.ts';

const CLOCK = new URL('clock.js', import.meta.url).href;

/** A server is back within this time once nothing stands in its way, in milliseconds. */
const BACK_WITHIN_MS = 120_000;
/** What it says itself (docs: a stop takes at most 10 s), with room for a busy machine. */
const STOPS_WITHIN_MS = 12_000;
const BETWEEN_TRIES_MS = 250;
/** A fault may take so long to end a process. */
const AFTERMATH_MS = 3_000;

/** A place where a server runs: started again whenever it ends by itself, as a supervisor would. */
export class Server implements AsyncDisposable {
  readonly name: string;
  /** Where clients find it, whether it runs or not. */
  readonly url: string;
  /** Between it and its clients, PostgreSQL and Redis. */
  readonly links: Readonly<Record<string, Proxy>>;
  /** Lines logged at error or fatal, the newest of all its processes. */
  readonly errors: string[] = [];
  starts = 0;
  readonly #env: Readonly<Record<string, string>>;
  readonly #folder: string;
  readonly #port: { current: number | undefined };
  readonly #troubles: Troubles;
  readonly #breaches: Breaches;
  #running: ServerProcess | undefined;
  #starting: { done: Promise<void>; abort: AbortController } | undefined;
  #busy: Promise<unknown> = Promise.resolve();

  static async create(name: string, using: { env: Readonly<Record<string, string>>; links: Readonly<Record<string, Proxy>>; troubles: Troubles; breaches: Breaches }): Promise<Server> {
    const port = { current: undefined };
    const server = new Server(name, { ...using, port, folder: await temporaryFolder('torture'), clients: await startProxy(() => port.current) });
    await server.setClock(0);
    return server;
  }

  private constructor(
    name: string,
    using: { env: Readonly<Record<string, string>>; links: Readonly<Record<string, Proxy>>; troubles: Troubles; breaches: Breaches; folder: string; port: { current: number | undefined }; clients: Proxy },
  ) {
    this.name = name;
    this.url = `http://127.0.0.1:${using.clients.port}`;
    this.links = { clients: using.clients, ...using.links };
    this.#port = using.port;
    this.#folder = using.folder;
    this.#env = { ...using.env, NODE_OPTIONS: `--import ${CLOCK}`, TORTURE_CLOCK: this.#clock };
    this.#troubles = using.troubles;
    this.#breaches = using.breaches;
  }

  get #clock() {
    return join(this.#folder, 'clock');
  }

  /** Of the process, where one runs. */
  get pid(): number | undefined {
    return this.#running?.pid;
  }

  /** Resolves when it listens; until then it is started again and again. */
  start(): Promise<void> {
    if (this.#running) return Promise.resolve();
    if (!this.#starting) {
      const abort = new AbortController();
      const done = this.#start(abort.signal).finally(() => (this.#starting = undefined));
      done.catch(() => undefined);
      this.#starting = { done, abort };
    }
    return this.#starting.done;
  }

  async #start(signal: AbortSignal): Promise<void> {
    for (const began = Date.now(); !signal.aborted; await pause(BETWEEN_TRIES_MS)) {
      const since = Date.now();
      this.starts += 1;
      try {
        const process = await startServer({ env: this.#env, signal });
        this.#running = process;
        this.#port.current = Number(new URL(process.url).port);
        void process.exited.then((exit) => this.#ended(process, `${exit.signal ?? exit.code}`));
        return;
      } catch (error) {
        if (signal.aborted) return;
        const slow = !String(error).includes('The server ended');
        if (!slow && !this.#troubles.explain('start', since)) this.#breaches.add('unexplained exit', `${this.name} did not start: ${String(error).slice(-1_200)}`);
        if (Date.now() - began > BACK_WITHIN_MS) throw new Error(`${this.name} did not start within ${BACK_WITHIN_MS} ms`, { cause: error });
      }
    }
  }

  #ended(process: ServerProcess, how: string): void {
    this.errors.push(...process.logs.filter(isError).map(shown));
    this.errors.splice(0, this.errors.length - 50);
    if (this.#running !== process) return; // by us
    this.#release();
    if (!this.#troubles.explain('exit', Date.now() - AFTERMATH_MS)) this.#breaches.add('unexplained exit', `${this.name} ended with ${how}: ${lastWords(process)}`);
    void this.start();
  }

  /** From now on its end is ours. */
  #release(): ServerProcess | undefined {
    const process = this.#running;
    this.#running = undefined;
    this.#port.current = undefined;
    return process;
  }

  /** SIGKILL, also in the middle of its start. */
  async kill(): Promise<void> {
    this.#starting?.abort.abort();
    await this.#starting?.done;
    await this.#release()?.stop();
  }

  /** SIGTERM; it has to end by itself, in time, with exit code 0. Returns how long that took, in milliseconds. */
  async stop(): Promise<number> {
    await this.#starting?.done;
    const process = this.#release();
    if (!process) return 0;
    const began = Date.now();
    const { code, signal } = await process.kill('SIGTERM');
    const ms = Date.now() - began;
    if ((code !== 0 || ms > STOPS_WITHIN_MS) && !this.#troubles.explain('stop', began)) {
      this.#breaches.add('unexplained exit', `${this.name} was asked to stop and ended with ${signal ?? code} after ${ms} ms: ${lastWords(process)}`);
    }
    await process.stop();
    return ms;
  }

  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    if (this.pid !== undefined) process.kill(this.pid, signal);
  }

  /** Its wall clock is off by so many milliseconds from now on. */
  setClock(offset: number): Promise<void> {
    return writeFile(this.#clock, String(offset));
  }

  /** Resolves with whether it says within so many milliseconds that it can serve. */
  async ready(within: number): Promise<boolean> {
    for (const until = Date.now() + within; Date.now() < until; await pause(BETWEEN_TRIES_MS)) {
      const answer = await fetch(`${this.url}/readyz`, { signal: AbortSignal.timeout(5_000) }).catch(() => undefined);
      await answer?.body?.cancel();
      if (answer?.ok) return true;
    }
    return false;
  }

  /** One fault at a time. */
  alone<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#busy.then(work);
    this.#busy = turn.catch(() => undefined);
    return turn;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    for (const link of Object.values(this.links)) await link[Symbol.asyncDispose]();
    await removeFolder(this.#folder);
  }
}

type Line = Readonly<Record<string, unknown>>;
const shown = (line: Line) => JSON.stringify(line).slice(0, 500);
const isError = (line: Line) => ['error', 'fatal'].includes(String(line['level'])) || 'text' in line;
const lastWords = ({ logs }: ServerProcess) => logs.slice(-3).map(shown).join(' | ');
