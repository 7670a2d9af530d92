import { describe, expect, it } from 'vitest';
import { spoolFolder } from './support/client.ts';
import { startProgram } from './support/process.ts';

const EVENTS = 60_000;

describe('with the server gone for a long run', () => {
  it.each(['on', 'off'])('memory stays within its bound, and every event is accounted for: spool %s', { timeout: 60_000 }, async (spool) => {
    const program = await startProgram('memory', { EVENTS: String(EVENTS), SPOOL: spool === 'on' ? await spoolFolder() : 'off' }, ['--expose-gc']);
    const result = JSON.parse(await program.said('{')) as { delivered: number; spooled: number; dropped: number; pending: number; most: number; told: number };
    await program.exited;
    // 4 MiB of text in memory, and what it takes to keep it; the events are 50 MiB.
    expect(result.most).toBeLessThan(16);
    expect(result.spooled + result.dropped + result.pending).toBeGreaterThanOrEqual(EVENTS);
    expect(result.dropped).toBeGreaterThan(0);
    expect(result.delivered).toBe(0);
    expect(result.told).toBeGreaterThan(0);
    expect(result.told).toBeLessThan(2_000);
  });
});
