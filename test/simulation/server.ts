import type { Pool } from 'pg';
import type { Limits } from '../../src/config.ts';
import { createLogReader } from '../../src/event/access.ts';
import type { Bus } from '../../src/live/bus.ts';
import { createHub } from '../../src/live/hub.ts';
import type { Hub, LogReader } from '../../src/live/hub.ts';
import { createMemoryBus } from '../../src/live/memory.ts';
import { createRedisBus } from '../../src/live/redis.ts';
import { createLogger } from '../../src/log.ts';
import type { Metrics } from '../../src/metrics.ts';
import type { Scope } from '../../src/scope.ts';
import { createWriter } from '../../src/store/writer.ts';
import type { Writer } from '../../src/store/writer.ts';
import type { SimulatedPostgres } from './postgres.ts';
import type { SimulatedRedis } from './redis.ts';
import { Process } from './world.ts';
import type { World } from './world.ts';

/** Puts something faulty in the place of a part, to see whether that is found (mutants.test.ts). */
export type Mutations = {
  writerPool?: (pool: Pool) => Pool;
  writer?: (writer: Writer) => Writer;
  bus?: (bus: Bus) => Bus;
  reader?: (reader: LogReader) => LogReader;
};

export type Surroundings = {
  world: World;
  postgres: SimulatedPostgres;
  /** Without it each server has a bus of its own. */
  redis: SimulatedRedis | undefined;
  maxQueueBytes: number;
  limits: Limits;
  metrics: Metrics;
  mutations: Mutations;
};

/** What a client holds of a server: a request, or a subscription. `lost` is called when the server goes. */
export type Connection = { lost: () => void };

/** A server that is told to stop ends after this time at the latest (src/main.ts). */
const STOPS_WITHIN_MS = 9_500;

/** The writer, the hub and the bus of one server, put together as src/app.ts does; it may crash, stop and start again. */
export class Server {
  readonly name: string;
  process = DEAD;
  writer: Writer | undefined;
  hub: Hub | undefined;
  stopping = false;
  #pool: Pool | undefined;
  readonly #connections = new Set<Connection>();
  readonly #in: Surroundings;

  constructor(name: string, surroundings: Surroundings) {
    this.name = name;
    this.#in = surroundings;
    this.start();
  }

  /** Whether it takes requests. */
  get serves(): boolean {
    return this.writer !== undefined && !this.stopping;
  }

  start(): void {
    if (this.process.alive) return;
    const { world, postgres, redis, maxQueueBytes, limits, metrics, mutations } = this.#in;
    this.process = new Process(this.name, { runsCode: true });
    world.after(0, this.process, () => {
      world.tell(this.process, () => 'starts');
      const log = world.account ? createLogger('warn', { write: (line) => world.tell(this.process, () => `logs ${messageOf(line)}`) }) : SILENT;
      this.#pool = postgres.pool(this.process, { writes: false });
      const writerPool = postgres.pool(this.process, { writes: true });
      const bus = (mutations.bus ?? same)(redis ? createRedisBus({ connections: redis.connections(this.process), log, metrics }) : createMemoryBus());
      const onCommit: Parameters<typeof createWriter>[0]['onCommit'] = (range) => {
        world.tell(this.process, () => `announces ${range.projectId} ${range.from} to ${range.to}`);
        bus.publish({ topic: 'log', ...range });
      };
      this.writer = (mutations.writer ?? same)(createWriter({ pool: (mutations.writerPool ?? same)(writerPool), maxQueueBytes, limits, log, metrics, onCommit }));
      this.hub = createHub({ bus, reader: (mutations.reader ?? same)(createLogReader(this.#pool, limits)), log, metrics });
    });
  }

  /** kill -9. */
  crash(): void {
    if (!this.process.alive) return;
    this.#in.world.tell(this.process, () => 'is killed');
    this.#gone();
  }

  /** SIGTERM: finishes what it has accepted, tells live readers to go elsewhere, and ends; then `stopped` is called. */
  stop(stopped: () => void): void {
    if (!this.serves) return;
    const { world } = this.#in;
    const { process } = this;
    world.tell(process, () => 'is told to stop');
    this.stopping = true;
    this.hub!.close();
    const end = (how: string) => {
      if (!process.alive) return;
      world.tell(process, () => how);
      this.#gone();
      stopped();
    };
    void this.writer!.close().then(() => end('has stopped'));
    world.after(STOPS_WITHIN_MS, process, () => end('could not stop in time'), 'timer');
  }

  #gone() {
    const { postgres, redis } = this.#in;
    this.process.alive = false;
    this.writer = this.hub = undefined;
    this.stopping = false;
    postgres.forget(this.process);
    redis?.forget(this.process);
    for (const connection of this.#connections) connection.lost();
    this.#connections.clear();
  }

  /** Takes part in what becomes of the server until `disconnect`. */
  connect(connection: Connection): void {
    this.#connections.add(connection);
  }

  disconnect(connection: Connection): void {
    this.#connections.delete(connection);
  }

  /** What a request of a project's key may use, as far as reading live goes. */
  scope(projectId: string): Scope {
    return {
      caller: { kind: 'key', projectId, keyId: 'key', keyName: 'key', keyHash: 'hash', scopes: new Set(['read'] as const), expiresAt: null },
      services: { hub: this.hub!, pool: this.#pool!, limits: this.#in.limits },
      requestId: 'request',
    } as unknown as Scope;
  }
}

const DEAD = new Process('dead');
DEAD.alive = false;

/** Says nothing; making a logger costs more than a schedule may. */
const SILENT = createLogger('silent');

const same = <T>(part: T): T => part;

function messageOf(line: string): string {
  const { msg, err } = JSON.parse(line) as { msg: string; err?: { message: string } };
  return err ? `${msg} (${err.message})` : msg;
}
