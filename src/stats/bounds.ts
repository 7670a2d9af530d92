import { badInput } from '../errors.ts';

/** A stretch of time, `from` included, `to` not. */
export type TimeRange = { from: Date; to: Date };
export type Interval = 'minute' | 'hour' | 'day';

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const WIDTH_MS: { readonly [interval in Interval]: number } = { minute: MINUTE_MS, hour: 60 * MINUTE_MS, day: DAY_MS };

const LONGEST_RANGE_DAYS = 366;
const DEFAULT_RANGE_DAYS = 30;
const MOST_BUCKETS = 1_000;
const MOST_POINTS = 20_000;
/** How many groups, tools or models one answer names. */
const MOST_GROUPS = 200;

/** The range itself, or the last 30 days. Throws BAD_USER_INPUT where it is empty or longer than 366 days. */
export function checkedRange(range: TimeRange | null | undefined): TimeRange {
  if (!range) {
    const to = new Date();
    return { from: new Date(to.getTime() - DEFAULT_RANGE_DAYS * DAY_MS), to };
  }
  const length = range.to.getTime() - range.from.getTime();
  if (length <= 0) throw badInput('A range begins before it ends: "from" must be earlier than "to"');
  if (length > LONGEST_RANGE_DAYS * DAY_MS) throw badInput(`A range has at most ${LONGEST_RANGE_DAYS} days; ask for a shorter one`);
  return range;
}

/** When each bucket of a range begins, oldest first: full minutes, hours or days in UTC, so the first may begin before the range. */
export function bucketStarts(range: TimeRange, interval: Interval): Date[] {
  const width = WIDTH_MS[interval];
  const first = Math.floor(range.from.getTime() / width) * width;
  const count = Math.ceil((range.to.getTime() - first) / width);
  if (count > MOST_BUCKETS) {
    throw badInput(`This range has ${count} buckets of one ${interval}; at most ${MOST_BUCKETS} are given. Ask for a shorter range or a longer interval`);
  }
  return Array.from({ length: count }, (_, index) => new Date(first + index * width));
}

/** Throws BAD_USER_INPUT where an answer would name too many groups, or hold too many buckets of them. */
export function assertGroups(first: number, buckets = 0): void {
  if (first < 1 || first > MOST_GROUPS) throw badInput(`"first" is at least 1 and at most ${MOST_GROUPS}, got ${first}`);
  if (first * buckets > MOST_POINTS) {
    throw badInput(`${first} groups of ${buckets} buckets are ${first * buckets} points; at most ${MOST_POINTS} are given. Ask for fewer groups, a shorter range or a longer interval`);
  }
}
