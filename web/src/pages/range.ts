/** The time that a page is about, as the address says it. */
export type RangeName = '1h' | '24h' | '7d' | '30d' | '90d';
export type RangeSearch = { range?: RangeName };

export const RANGES: Readonly<Record<RangeName, { name: string; ms: number; interval: 'MINUTE' | 'HOUR' | 'DAY' }>> = {
  '1h': { name: 'Last hour', ms: 3_600_000, interval: 'MINUTE' },
  '24h': { name: 'Last 24 hours', ms: 86_400_000, interval: 'HOUR' },
  '7d': { name: 'Last 7 days', ms: 7 * 86_400_000, interval: 'HOUR' },
  '30d': { name: 'Last 30 days', ms: 30 * 86_400_000, interval: 'DAY' },
  '90d': { name: 'Last 90 days', ms: 90 * 86_400_000, interval: 'DAY' },
};

export const isRange = (value: unknown): value is RangeName => typeof value === 'string' && value in RANGES;

export const parseRange = (search: Record<string, unknown>): RangeSearch => (isRange(search['range']) ? { range: search['range'] } : {});

/** From then to a moment from now, so that what arrives meanwhile is in it. */
export function rangeUpTo(name: RangeName, now: number): { from: string; to: string } {
  return { from: new Date(now - RANGES[name].ms).toISOString(), to: new Date(now + 60_000).toISOString() };
}
