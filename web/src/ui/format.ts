// Figures for reading. Exact values stand in titles.

const whole = new Intl.NumberFormat('en');
const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });
const percent = new Intl.NumberFormat('en', { style: 'percent', maximumFractionDigits: 1 });

export const count = (value: number) => whole.format(value);
/** 1,234 stays; 12,345 becomes 12.3K. */
export const short = (value: number) => (Math.abs(value) < 10_000 ? whole.format(value) : compact.format(value));
/** Of a share from 0 to 1. */
export const share = (value: number | null | undefined) => (value == null ? '–' : percent.format(value));

/** US dollars: cents from a dollar on, four decimals below, so that a column of them can be compared. */
export function money(value: number | null | undefined): string {
  if (value == null) return '–';
  if (value === 0) return '$0';
  if (value < 0.0001) return '<$0.0001';
  if (value >= 10_000) return `$${compact.format(value)}`;
  const decimals = value < 1 ? 4 : 2;
  return `$${value.toLocaleString('en', { minimumFractionDigits: decimals, maximumFractionDigits: decimals })}`;
}

/** US dollars as an axis has them: round figures, with no more decimals than they need. */
export const dollars = (value: number) => `$${value >= 10_000 ? compact.format(value) : value.toLocaleString('en', { maximumFractionDigits: 8 })}`;

/** 1 tool call, 2 tool calls. */
export const counted = (value: number, what: string) => `${count(value)} ${what}${value === 1 ? '' : 's'}`;

/** Milliseconds: 84 ms, 1.24 s, 3 m 05 s, 2 h 10 m, 3 d 4 h. */
export function duration(ms: number | null | undefined): string {
  if (ms == null) return '–';
  if (ms < 1) return ms === 0 ? '0 ms' : '<1 ms';
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 10_000) return `${(ms / 1_000).toFixed(2)} s`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`;
  const seconds = Math.floor(ms / 1_000);
  const [m, h, d] = [Math.floor(seconds / 60), Math.floor(seconds / 3_600), Math.floor(seconds / 86_400)];
  const two = (value: number) => String(value).padStart(2, '0');
  if (m < 60) return `${m} m ${two(seconds % 60)} s`;
  if (h < 24) return `${h} h ${two(m % 60)} m`;
  return `${d} d ${h % 24} h`;
}

const STEPS: readonly (readonly [limit: number, unit: number, name: string])[] = [
  [60_000, 1_000, 's'],
  [3_600_000, 60_000, 'm'],
  [86_400_000, 3_600_000, 'h'],
  [30 * 86_400_000, 86_400_000, 'd'],
];

/** How long ago: now, 12 s ago, 5 m ago, 3 h ago, 2 d ago, then the date. */
export function ago(at: number, now: number): string {
  const past = now - at;
  if (past < 5_000) return past < -120_000 ? date(at) : 'now';
  for (const [limit, unit, name] of STEPS) if (past < limit) return `${Math.floor(past / unit)} ${name} ago`;
  return date(at);
}

export const date = (at: number) => new Date(at).toLocaleDateString('en', { year: 'numeric', month: 'short', day: 'numeric' });
export const clock = (at: number) => new Date(at).toLocaleTimeString('en', { hour12: false }) + `.${String(new Date(at).getMilliseconds()).padStart(3, '0')}`;
/** The exact moment, in the reader's time zone. */
export const exactly = (at: number) => `${new Date(at).toLocaleString('en', { dateStyle: 'medium', timeStyle: 'long' })} (${new Date(at).toISOString()})`;
export const bytes = (length: number) => (length < 1_024 ? `${length} B` : length < 1_048_576 ? `${(length / 1_024).toFixed(1)} kB` : `${(length / 1_048_576).toFixed(1)} MB`);

/** When a session began, by its client's clock where it says: after an outage the server gets it later. */
export const beganAt = ({ clientTimestamp, createdAt }: { clientTimestamp: string | null; createdAt: string }) => clientTimestamp ?? createdAt;
