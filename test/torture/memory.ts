import { readFile } from 'node:fs/promises';
import type { Breaches } from './breaches.ts';
import type { Server } from './server.ts';

const EVERY_MS = 500;

/** Watches the resident memory of the servers (Linux): the most that each had, and whether that was beyond the bound. */
export function watchMemory(servers: readonly Server[], { boundMb, breaches }: { boundMb: number; breaches: Breaches }): { peakMb(): number; stop(): void } {
  let peak = 0;
  const beyond = new Set<number>();

  async function look(server: Server) {
    const { pid } = server;
    if (pid === undefined) return;
    const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
    const mb = Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024;
    peak = Math.max(peak, mb);
    if (mb <= boundMb || beyond.has(pid)) return;
    beyond.add(pid); // once for each process
    breaches.add('memory', `${server.name} (pid ${pid}) has ${Math.round(mb)} MB, more than ${boundMb}`);
  }

  const timer = setInterval(() => void Promise.all(servers.map(look)), EVERY_MS);
  return { peakMb: () => Math.round(peak), stop: () => clearInterval(timer) };
}
