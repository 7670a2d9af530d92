import { useEffect, useMemo, useRef, useState } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { useDark } from '../shell/theme.ts';
import './chart.css';

export type Series = {
  name: string;
  /** A colour of base.css, such as --accent. */
  color: string;
  values: readonly (number | null)[];
  kind?: 'bars' | 'line';
};

type Props = {
  title: string;
  /** Beginnings of the buckets, in milliseconds since 1970. */
  times: readonly number[];
  series: readonly Series[];
  format: (value: number) => string;
  /** The same for the axis. Default: as `format` has it. */
  axisFormat?: (value: number) => string;
  /** What stands beside the title when nothing is pointed at. */
  total?: string;
  /** How a bucket is named. */
  timeFormat: (time: number) => string;
  /** The same for the axis, where there is little room. */
  tickFormat: (time: number) => string;
};

/** A day that has several ticks is named at its first. */
const namedOnce = (names: readonly string[]) => names.map((name, index) => (name === names[index - 1] ? '' : name));

const HEIGHT = 168;
/** With so many buckets, each has a dot of its own. */
const FEW = 40;

/** Where a line has dots: everywhere where there is room, and always at a value without neighbours, which is no line. */
const dots: uPlot.Series.Points.Filter = ({ data }, index) => {
  const values = data[index] ?? [];
  return Array.from(values.keys()).filter((at) => values[at] != null && (values.length < FEW || (values[at - 1] == null && values[at + 1] == null)));
};

/** Figures over time. The values under the pointer stand in the legend; a table of them is there for screen readers. */
export function Chart({ title, times, series, format, axisFormat = format, total, timeFormat, tickFormat }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(undefined);
  const dark = useDark();
  const [pointed, setPointed] = useState<number | null>(null);
  const shape = JSON.stringify([series.map(({ name, color, kind }) => [name, color, kind]), dark]);
  const data = useMemo(() => [times.map((time) => time / 1_000), ...series.map(({ values }) => values)] as uPlot.AlignedData, [times, series]);

  useEffect(() => {
    const element = box.current!;
    const colour = (name: string) => {
      element.style.color = `var(${name})`;
      const value = getComputedStyle(element).color;
      element.style.color = '';
      return value;
    };
    const axis: uPlot.Axis = { stroke: colour('--muted'), grid: { stroke: colour('--line'), width: 1 }, ticks: { show: false }, font: '11px system-ui, sans-serif' };
    const drawn = new uPlot(
      {
        width: element.clientWidth,
        height: HEIGHT,
        padding: [8, 12, 0, 0],
        legend: { show: false },
        cursor: { y: false, points: { size: 6 }, drag: { x: false, y: false } },
        scales: { y: { range: (_, min, max) => [Math.min(0, min), max > 0 ? max * 1.08 : 1] } },
        axes: [{ ...axis, size: 26, space: 64, values: (_, splits) => namedOnce(splits.map((time) => tickFormat(time * 1_000))) }, { ...axis, size: 58, values: (_, splits) => splits.map(axisFormat) }],
        series: [
          {},
          ...series.map(({ name, color, kind }): uPlot.Series => {
            const stroke = colour(color);
            return kind === 'bars' ? { label: name, stroke, fill: stroke, width: 0, paths: uPlot.paths.bars!({ size: [0.7, 24] }), points: { show: false } } : { label: name, stroke, width: 1.6, spanGaps: false, points: { show: true, size: 4, fill: stroke, filter: dots } };
          }),
        ],
        hooks: { setCursor: [({ cursor }) => setPointed(cursor.idx ?? null)] },
      },
      data,
      element,
    );
    plot.current = drawn;
    const observer = new ResizeObserver(() => drawn.setSize({ width: element.clientWidth, height: HEIGHT }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      drawn.destroy();
      plot.current = undefined;
    };
    // Drawn anew only when it looks different; new figures are put in below.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [shape]);
  useEffect(() => plot.current?.setData(data), [data]);

  const at = pointed === null ? undefined : times[pointed];
  return (
    <figure className="chart panel">
      <figcaption>
        <h2>{title}</h2>
        <span className="muted">{at === undefined ? total : timeFormat(at)}</span>
      </figcaption>
      <div ref={box} className="chart-box" aria-hidden />
      <div className="chart-legend">
        {series.map(({ name, color, values }) => {
          const value = pointed === null ? null : values[pointed];
          return (
            <span key={name}>
              <i style={{ background: `var(${color})` }} /> {name} <b>{value != null && format(value)}</b>
            </span>
          );
        })}
      </div>
      {/* Within a box: a table itself takes the room that it needs, seen or not. */}
      <div className="visually-hidden">
        <table>
          <caption>{title}</caption>
          <tbody>
            {times.map((time, index) =>
              series.some(({ values }) => values[index]) ? (
                <tr key={time}>
                  <th scope="row">{timeFormat(time)}</th>
                  {series.map(({ name, values }) => (
                    <td key={name}>
                      {name}: {values[index] == null ? 'none' : format(values[index])}
                    </td>
                  ))}
                </tr>
              ) : null,
            )}
          </tbody>
        </table>
      </div>
    </figure>
  );
}
