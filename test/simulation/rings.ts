import { Ring } from '../../src/live/ring.ts';
import type { EventUpdate } from '../../src/live/ring.ts';
import type { World } from './world.ts';

/** What the ring of a feed may hold (src/live/feed.ts), unless a single message or page is more. */
const MOST_ROWS = 2_048;
const MOST_BYTES = 8 * 1024 * 1024;

type Segment = { to: number; rows: number; bytes: number };
const held = new WeakMap<Ring, Segment[]>();
const append: Ring['append'] = Reflect.get(Ring.prototype, 'append');

/** P5: weighs what each ring holds, by what its rows are rather than by what it was told. Returns what undoes it. */
export function weighRings(world: World): () => void {
  Ring.prototype.append = function (this: Ring, to: number, updates: readonly EventUpdate[], bytes: number) {
    append.call(this, to, updates, bytes);
    const segments = [...(held.get(this) ?? []), { to, rows: updates.length, bytes: updates.reduce((sum, { event }) => sum + event.bytes, 0) }].filter((segment) => segment.to > this.start);
    held.set(this, segments);
    const rows = segments.reduce((sum, segment) => sum + segment.rows, 0);
    const weight = segments.reduce((sum, segment) => sum + segment.bytes, 0);
    if (segments.length > 1 && (rows > MOST_ROWS || weight > MOST_BYTES)) world.broken(`a ring holds ${rows} rows of ${weight} bytes`);
  };
  return () => {
    Ring.prototype.append = append;
  };
}
