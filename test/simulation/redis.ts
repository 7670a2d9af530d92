import { EventEmitter } from 'node:events';
import type { RedisConnections } from '../../src/live/redis.ts';
import type { Random } from './random.ts';
import { Process } from './world.ts';
import type { World } from './world.ts';

/** As src/live/redis.ts sets them. */
const PUBLISHER_PATIENCE_MS = 500;
const SUBSCRIBER_PATIENCE_MS = 5_000;

/** One Redis, with publish and subscribe: what is said while somebody is away is lost to them. */
export class SimulatedRedis {
  readonly process = new Process('redis');
  up = true;
  readonly #world: World;
  readonly #random: Random;
  readonly #connections = new Set<Connection>();
  readonly #subscribers = new Map<string, Set<Connection>>();

  constructor(world: World, random: Random) {
    this.#world = world;
    this.#random = random;
  }

  /** What ioredis would give a server. */
  connections(client: Process): RedisConnections {
    const make = (patience: number) => {
      const connection = new Connection(this, client, patience, this.#world, this.#random);
      this.#connections.add(connection);
      return connection;
    };
    return { publisher: make(PUBLISHER_PATIENCE_MS), subscriber: make(SUBSCRIBER_PATIENCE_MS) } as unknown as RedisConnections;
  }

  kill(): void {
    this.#world.tell(this.process, () => 'is killed');
    this.up = false;
    for (const connection of this.#connections) connection.breaks();
  }

  start(): void {
    this.#world.tell(this.process, () => 'is up again');
    this.up = true;
  }

  /** One connection breaks, perhaps without its server's noticing for a while. */
  cut(): void {
    if (this.#connections.size > 0) this.#random.pick([...this.#connections]).breaks();
  }

  /** The server is gone. */
  forget(client: Process): void {
    for (const connection of this.#connections) if (connection.client === client) this.leave(connection);
  }

  leave(connection: Connection): void {
    this.#connections.delete(connection);
    this.unsubscribed(connection);
  }

  subscribed(connection: Connection, channel: string): void {
    const subscribers = this.#subscribers.get(channel);
    if (subscribers) subscribers.add(connection);
    else this.#subscribers.set(channel, new Set([connection]));
  }

  /** From one channel, or from all. */
  unsubscribed(connection: Connection, channel?: string): void {
    if (channel !== undefined) this.#subscribers.get(channel)?.delete(connection);
    else for (const subscribers of this.#subscribers.values()) subscribers.delete(connection);
  }

  publish(channel: string, text: string): void {
    for (const connection of this.#subscribers.get(channel) ?? []) connection.deliver(channel, text);
  }
}

type Command = { name: 'publish' | 'subscribe' | 'unsubscribe'; channel: string; text: string; done: (error?: Error) => void };

/** A connection as ioredis shows it: it reconnects by itself, and in between refuses commands. */
class Connection extends EventEmitter {
  status: 'wait' | 'connecting' | 'ready' | 'reconnecting' | 'end' = 'wait';
  readonly client: Process;
  readonly #redis: SimulatedRedis;
  readonly #patience: number;
  readonly #world: World;
  readonly #random: Random;
  /** Raised when it breaks: what is on its way then does not arrive. */
  #generation = 0;
  #broken = false;
  /** Each direction is in order: when the last that was sent arrives. */
  #up = 0;
  #down = 0;
  readonly #pending = new Set<Command>();

  constructor(redis: SimulatedRedis, client: Process, patience: number, world: World, random: Random) {
    super();
    this.#redis = redis;
    this.client = client;
    this.#patience = patience;
    this.#world = world;
    this.#random = random;
  }

  connect(): Promise<void> {
    this.status = 'connecting';
    this.#dial(1);
    return Promise.resolve();
  }

  #dial(attempt: number) {
    const generation = ++this.#generation;
    this.#world.after(this.#random.skewed(0.2, 20), this.#redis.process, () => {
      const accepted = this.#redis.up;
      this.#world.after(this.#random.skewed(0.2, 20), this.client, () => {
        if (this.status === 'end') return;
        if (accepted && this.#redis.up && generation === this.#generation) return this.#ready();
        this.emit('error', new Error('connect ECONNREFUSED'));
        this.#world.after(Math.min(attempt * 50, 1_000), this.client, () => this.#dial(attempt + 1), 'timer');
      });
    });
  }

  #ready() {
    this.status = 'ready';
    this.#broken = false;
    for (const command of this.#pending) this.#transmit(command);
    this.emit('ready');
  }

  /** Redis, or the network, ends the connection. The server sees that at once, or only when it misses something. */
  breaks(): void {
    if (this.status !== 'ready' || this.#broken) return;
    this.#broken = true;
    const generation = ++this.#generation;
    this.#redis.unsubscribed(this);
    this.#world.after(this.#random.skewed(0.1, 4_000), this.client, () => {
      if (generation !== this.#generation) return;
      this.#world.tell(this.client, () => 'lost a connection to Redis');
      this.status = 'reconnecting';
      // ioredis sends again what was not answered, up to a point.
      for (const command of [...this.#pending]) if (this.#random.chance(0.5)) command.done(new Error('Connection is closed.'));
      this.#world.after(50, this.client, () => this.#dial(1), 'timer');
    });
  }

  deliver(channel: string, text: string): void {
    this.#toClient(() => this.emit('message', channel, text));
  }

  publish(channel: string, text: string): Promise<void> {
    return this.#command('publish', channel, text);
  }

  subscribe(channel: string): Promise<void> {
    return this.#command('subscribe', channel, '');
  }

  unsubscribe(channel: string): Promise<void> {
    return this.#command('unsubscribe', channel, '');
  }

  #command(name: Command['name'], channel: string, text: string): Promise<void> {
    if (this.status !== 'ready') return Promise.reject(new Error("Stream isn't writeable and enableOfflineQueue options is false"));
    return new Promise((resolve, reject) => {
      const command: Command = {
        name,
        channel,
        text,
        done: (error) => {
          if (!this.#pending.delete(command)) return;
          if (error) reject(error);
          else resolve();
        },
      };
      this.#pending.add(command);
      this.#transmit(command);
      this.#world.after(this.#patience, this.client, () => command.done(new Error('Command timed out')), 'timer');
    });
  }

  #transmit(command: Command) {
    if (this.#broken) return;
    const generation = this.#generation;
    this.#up = Math.max(this.#up, this.#world.now + this.#random.skewed(0.1, 50));
    this.#world.after(this.#up - this.#world.now, this.#redis.process, () => {
      if (generation !== this.#generation) return;
      const { name, channel, text, done } = command;
      if (name === 'publish') this.#redis.publish(channel, text);
      else if (name === 'subscribe') this.#redis.subscribed(this, channel);
      else this.#redis.unsubscribed(this, channel);
      this.#toClient(() => done());
    });
  }

  #toClient(run: () => void) {
    const generation = this.#generation;
    this.#down = Math.max(this.#down, this.#world.now + this.#random.skewed(0.1, 50));
    this.#world.after(this.#down - this.#world.now, this.client, () => {
      if (generation === this.#generation) run();
    });
  }

  quit(): Promise<void> {
    return Promise.resolve();
  }

  disconnect(): void {
    this.status = 'end';
    this.#generation++;
    this.#redis.leave(this);
  }
}
