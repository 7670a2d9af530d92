import type { RangeName } from './range.ts';
import { RANGES } from './range.ts';

/** How an axis names a moment of a range: 14:05, Nov 3. */
export function tickTime(range: RangeName): (time: number) => string {
  const form: Intl.DateTimeFormatOptions = RANGES[range].ms <= 86_400_000 ? { hour: '2-digit', minute: '2-digit', hour12: false } : { month: 'short', day: 'numeric' };
  return (time) => new Date(time).toLocaleString('en', form);
}

/** How a bucket of a range is named: 14:05, Tue 14:00, Nov 3. */
export function bucketTime(range: RangeName): (time: number) => string {
  const { interval } = RANGES[range];
  const form: Intl.DateTimeFormatOptions = interval === 'DAY' ? { month: 'short', day: 'numeric' } : { weekday: 'short', hour: '2-digit', minute: '2-digit', hour12: false };
  return (time) => new Date(time).toLocaleString('en', form);
}
