import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

export const KEY = 'sentrial_live_benchmark_key_0000000000';
export const ROUNDS = 3;
const run = promisify(execFile);

export type Server = { url: string; child: ChildProcess; stop(): Promise<void> };

/** bench/server.ts in a process of its own; `env` decides the flavour. */
export async function startBenchServer(mode: 'full' | 'naive' | 'nodb', env: Record<string, string>): Promise<Server> {
  const folder = await mkdtemp(join(tmpdir(), 'sentrial-bench-'));
  const child = spawn(process.execPath, ['--import', 'tsx', fileURLToPath(new URL('server.ts', import.meta.url)), mode], {
    env: { PATH: process.env['PATH'], PORT: '0', LOG_LEVEL: 'warn', SENTRIAL_DATA_DIR: join(folder, 'data'), SENTRIAL_BOOTSTRAP_API_KEY: KEY, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  process.once('exit', () => child.kill('SIGKILL')); // where the bench fails
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  return {
    url: line.toString().trim(),
    child,
    async stop() {
      child.kill('SIGTERM');
      await once(child, 'exit');
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export async function post(url: string, path: string, body: unknown): Promise<void> {
  const response = await fetch(url + path, { method: 'POST', headers: { 'content-type': 'application/json', authorization: `Bearer ${KEY}` }, body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  await response.arrayBuffer();
}

/** 256 sessions for the events to go to. */
export async function createSessions(url: string, count = 256): Promise<void> {
  for (let i = 0; i < count; i++) await post(url, '/api/sdk/sessions', { id: `sess_${i}`, name: 'bench', agentName: 'agent', userId: 'user' });
}

const TEXT = 'KB article about resetting passwords. '.repeat(18);

/** About 1 KB of JSON. */
export const event = (n: number) => ({
  sessionId: `sess_${n % 256}`,
  eventType: 'tool_call',
  toolName: 'search_kb',
  toolInput: { query: 'password reset', n },
  toolOutput: { results: ['KB-001', 'KB-002'], text: TEXT },
  reasoning: 'User needs password help',
  estimatedCost: 0.001,
});

const text = (session: string, n: string) =>
  `'{"sessionId":"sess_' .. ${session} .. '","eventType":"tool_call","toolName":"search_kb","toolInput":{"query":"password reset","n":' .. ${n} .. '},"toolOutput":{"results":["KB-001","KB-002"],"text":"${TEXT}"},"reasoning":"User needs password help","estimatedCost":0.001}'`;

const HEADERS = `wrk.method = "POST"
wrk.headers["content-type"] = "application/json"
wrk.headers["authorization"] = "Bearer ${KEY}"
`;

/** wrk's scripts: single events over 256 sessions; batches of 100, each of one session. */
const LUA = {
  single: `${HEADERS}
local n = 0
request = function()
  n = n + 1
  return wrk.format(nil, "/api/sdk/events", nil, ${text('(n % 256)', 'n')})
end
`,
  batches: `${HEADERS}
local bodies, n = {}, 0
local function body(session)
  local events = {}
  for i = 1, 100 do events[i] = ${text('session', 'i')} end
  return wrk.format(nil, "/api/sdk/events/batch", nil, '{"events":[' .. table.concat(events, ",") .. ']}')
end
request = function()
  n = (n + 1) % 256
  bodies[n] = bodies[n] or body(n)
  return bodies[n]
end
`,
};

export type Load = { rate: number; p50: string; p99: string; failed: number };

/** wrk, one thread: requests at full speed for some seconds, after a second to warm up. */
export async function load(url: string, connections: number, what: keyof typeof LUA = 'single', seconds = 4): Promise<Load> {
  const script = join(tmpdir(), `sentrial-bench-${process.pid}.lua`);
  await writeFile(script, LUA[what]);
  const wrk = (time: number) => run('wrk', ['-t1', `-c${connections}`, `-d${time}s`, '--latency', '-s', script, url]);
  await wrk(1);
  const { stdout } = await wrk(seconds);
  await rm(script);
  const find = (pattern: RegExp) => pattern.exec(stdout)?.[1] ?? '';
  return { rate: Number(find(/Requests\/sec:\s+([\d.]+)/)), p50: find(/^\s+50%\s+(\S+)/m), p99: find(/^\s+99%\s+(\S+)/m), failed: Number(find(/Non-2xx or 3xx responses: (\d+)/) || 0) };
}

export const median = (values: readonly number[]) => [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;

/** A row of a table in Markdown. */
export const row = (...cells: (string | number)[]) => process.stdout.write(`| ${cells.map((cell) => (typeof cell === 'number' ? cell.toLocaleString('en', { maximumFractionDigits: cell < 10 ? 2 : 0 }) : cell)).join(' | ')} |\n`);
export const percent = (part: number, whole: number) => `${Math.round((part / whole) * 100)} %`;
