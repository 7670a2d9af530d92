import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { Redis } from 'ioredis';
import { findOnPath } from './binaries.ts';
import type { Missing } from './binaries.ts';
import { end, guard, removeFolder, stopsOnce, temporaryFolder } from './child.ts';
import { Lines } from './lines.ts';
import { freePort } from './ports.ts';

/** A real Redis of the test's own, on 127.0.0.1, that keeps nothing on disk. */
export interface RedisServer extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  /** Another one after restart. */
  readonly pid: number;
  /** Resolves when the server has ended; SIGKILL by default. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Freezes it: connections stay open and nothing answers. */
  pause(): void;
  resume(): void;
  /** Starts it again, empty, on the same port, ended or not; resolves when it answers. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

export interface RedisCluster extends AsyncDisposable {
  /** One of each node, separated by commas. */
  readonly url: string;
  /** Three masters without replicas. */
  readonly nodes: readonly RedisServer[];
  /** Resolves when every node sees the whole cluster again, after a node was restarted. */
  settled(): Promise<void>;
  stop(): Promise<void>;
}

const MISSING = 'Redis is missing: `apt-get install redis-server`.';

export async function startRedis(): Promise<RedisServer | Missing> {
  const program = findOnPath('redis-server');
  return program === undefined ? { missing: MISSING } : start(program, []);
}

export async function startRedisCluster(): Promise<RedisCluster | Missing> {
  const program = findOnPath('redis-server');
  if (program === undefined) return { missing: MISSING };
  // A node that was away joins again after the shorter of this timeout and 5 s.
  const options = ['--cluster-enabled', 'yes', '--cluster-config-file', 'nodes.conf', '--cluster-node-timeout', '2000'];
  const nodes: Node[] = [];
  const stop = async () => void (await Promise.all(nodes.map((node) => node.stop())));
  const settled = async () => void (await Promise.all(nodes.map((node) => node.seesCluster())));
  try {
    for (let count = 0; count < 3; count += 1) nodes.push(await start(program, options));
    await form(nodes);
    await settled();
  } catch (error) {
    await stop();
    throw error;
  }
  return { url: nodes.map((node) => node.url).join(','), nodes, settled, stop, [Symbol.asyncDispose]: stop };
}

async function start(program: string, options: readonly string[]): Promise<Node> {
  const folder = await temporaryFolder('redis');
  try {
    for (let tries = 0; ; tries += 1) {
      const port = await freePort();
      try {
        return serve(program, { folder, port, options, server: await launch(program, { folder, port, options }) });
      } catch (error) {
        if (tries === 2) throw error; // another process may have taken the port in between
      }
    }
  } catch (error) {
    await removeFolder(folder);
    throw error;
  }
}

/** Resolves when it last said of its cluster that each slot is served. */
type Node = RedisServer & { seesCluster(): Promise<void> };
type Running = { child: ChildProcess; lines: Lines<string> };
type Home = { folder: string; port: number; options: readonly string[] };

async function launch(program: string, { folder, port, options }: Home): Promise<Running> {
  const fixed = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--logfile', ''];
  const child = spawn(program, [...fixed, ...options], { cwd: folder, env: { LC_ALL: 'C' }, stdio: ['ignore', 'pipe', 'ignore'] });
  guard(child, { signal: 'KILL', folder });
  const lines = new Lines(child, (text) => text);
  try {
    await lines.first((line) => /ready to accept connections/i.test(line));
  } catch (error) {
    await end(child, 'SIGKILL');
    throw error;
  }
  return { child, lines };
}

function serve(program: string, { server, ...home }: Home & { server: Running }): Node {
  let current = server;
  const stop = stopsOnce(async () => {
    await end(current.child, 'SIGKILL');
    await removeFolder(home.folder);
  });
  return {
    url: `redis://127.0.0.1:${home.port}`,
    port: home.port,
    get pid() {
      return current.child.pid ?? 0;
    },
    kill: (signal = 'SIGKILL') => end(current.child, signal),
    pause: () => void current.child.kill('SIGSTOP'),
    resume: () => void current.child.kill('SIGCONT'),
    async restart() {
      await end(current.child, 'SIGKILL');
      current = await launch(program, home);
    },
    seesCluster: () =>
      current.lines.when(() => {
        const state = current.lines.all.findLast((line) => line.includes('Cluster state changed: '));
        if (!state?.endsWith('ok')) throw new Error(`Node ${home.port} does not see its whole cluster:\n${current.lines.tail()}`);
      }),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** Gives each node a third of the 16,384 slots and makes them known to one another. */
async function form(nodes: readonly RedisServer[]): Promise<void> {
  for (const [index, node] of nodes.entries()) {
    const [from, to] = [index, index + 1].map((third) => Math.floor((16_384 * third) / nodes.length));
    await ask(node.port, async (redis) => {
      await redis.call('CLUSTER', 'ADDSLOTSRANGE', String(from), String((to ?? 0) - 1));
      await redis.call('CLUSTER', 'SET-CONFIG-EPOCH', String(index + 1));
      for (const earlier of nodes.slice(0, index)) await redis.call('CLUSTER', 'MEET', '127.0.0.1', String(earlier.port));
    });
  }
}

/** One connection, one try, closed afterwards. */
async function ask<T>(port: number, question: (redis: Redis) => Promise<T>): Promise<T> {
  const once = { lazyConnect: true, connectTimeout: 2_000, commandTimeout: 2_000, maxRetriesPerRequest: 0, retryStrategy: () => null };
  const redis = new Redis({ host: '127.0.0.1', port, ...once });
  redis.on('error', () => undefined); // the rejected call says it
  try {
    await redis.connect();
    return await question(redis);
  } finally {
    redis.disconnect();
  }
}
