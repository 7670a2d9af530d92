// Line charts, one above the other, as an SVG that needs nothing else.

type Line = { name: string; values: readonly number[] };
export type Chart = { title: string; unit: string; lines: readonly Line[] };

const WIDTH = 860;
const HEIGHT = 150;
const LEFT = 64;
const RIGHT = 16;
const TOP = 34;
const GAP = 46;
const COLOURS = ['#2563eb', '#d97706', '#059669'];

/** `times` are the minutes at which every line has its values. */
export function svgOf(charts: readonly Chart[], times: readonly number[]): string {
  const body = charts.map((chart, n) => `<g transform="translate(0 ${n * (HEIGHT + GAP + TOP)})">${chartOf(chart, times)}</g>`);
  const height = charts.length * (HEIGHT + GAP + TOP);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="system-ui, sans-serif" font-size="12" fill="#444"><rect width="100%" height="100%" fill="#fff"/>${body.join('')}</svg>\n`;
}

function chartOf({ title, unit, lines }: Chart, times: readonly number[]): string {
  const end = Math.max(...times, 1);
  const top = roundUp(Math.max(...lines.flatMap(({ values }) => values), 1));
  const x = (time: number) => LEFT + (time / end) * (WIDTH - LEFT - RIGHT);
  const y = (value: number) => TOP + HEIGHT * (1 - value / top);
  const grid = [0, 0.5, 1].map((part) => `<path d="M${LEFT} ${y(part * top)}H${WIDTH - RIGHT}" stroke="#ddd"/><text x="${LEFT - 8}" y="${y(part * top) + 4}" text-anchor="end">${shown(part * top)}</text>`);
  const ticks = [0, 0.25, 0.5, 0.75, 1].map((part) => `<text x="${x(part * end)}" y="${TOP + HEIGHT + 18}" text-anchor="middle">${shown(part * end)} min</text>`);
  const paths = lines.map(({ values }, n) => `<polyline fill="none" stroke="${COLOURS[n]}" stroke-width="1.5" points="${values.map((value, i) => `${x(times[i] ?? 0).toFixed(1)},${y(value).toFixed(1)}`).join(' ')}"/>`);
  const names = lines.map(({ name }, n) => `<tspan fill="${COLOURS[n]}" dx="14">${name}</tspan>`);
  return `<text x="${LEFT}" y="20"><tspan font-weight="600">${title}, ${unit}</tspan>${names.join('')}</text>${grid.join('')}${ticks.join('')}${paths.join('')}`;
}

/** The next of 1, 2, 5, 10, 20, 50 … */
function roundUp(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return power * ([1, 2, 5, 10].find((step) => step * power >= value) ?? 10);
}

const shown = (value: number) => value.toLocaleString('en', { maximumFractionDigits: value < 10 ? 1 : 0 });
