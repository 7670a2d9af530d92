import { isRange, RANGES } from './range.ts';
import type { RangeName } from './range.ts';

/** Chooses the time a page is about. */
export function RangeSelect({ value, onChange }: { value: RangeName; onChange: (range: RangeName) => void }) {
  return (
    <select className="field" aria-label="Time" value={value} onChange={({ target }) => isRange(target.value) && onChange(target.value)}>
      {Object.entries(RANGES).map(([range, { name }]) => (
        <option key={range} value={range}>
          {name}
        </option>
      ))}
    </select>
  );
}
