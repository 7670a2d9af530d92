import { Link } from '@tanstack/react-router';
import { count, duration, money, share, short } from '../../ui/format.ts';
import { DataTable } from '../../ui/data-table.tsx';
import { Sparkline } from '../../ui/sparkline.tsx';
import { Text } from '../../ui/text.tsx';
import { Ago } from '../../ui/time.tsx';
import type { View } from '../sessions/view.ts';

export type NameFigures = {
  runs: number;
  active: number;
  failures: number;
  successRate: number | null;
  cost: number;
  totalTokens: number;
  durationMs: { p50: number; p95: number; p99: number } | null;
  lastSeenAt: string;
  trend: readonly { runs: number }[];
};

export type NameRow = { name: string; search: View; figures: NameFigures };

const figures = ['Runs', 'Running', 'Success', 'p50', 'p95', 'p99', 'Tokens', 'Cost'].map((number) => ({ number }));

/** Agents or users, each with its figures and its trend. */
export function NamesTable({ what, rows }: { what: 'Agent' | 'User'; rows: readonly NameRow[] }) {
  return (
    <div className="panel">
      <DataTable label={`${what}s`} columns={[what, ...figures, 'Last seen', 'Runs per day']}>
          {rows.map(({ name, search, figures }) => (
            <tr key={name}>
              <th scope="row">
                <Link to="/sessions" search={search}>
                  <Text>{name}</Text>
                </Link>
              </th>
              <td className="number">{count(figures.runs)}</td>
              <td className="number">{figures.active > 0 ? count(figures.active) : <span className="muted">–</span>}</td>
              <td className="number" title={`${count(figures.failures)} failed`}>
                {share(figures.successRate)}
              </td>
              <td className="number">{duration(figures.durationMs?.p50)}</td>
              <td className="number">{duration(figures.durationMs?.p95)}</td>
              <td className="number">{duration(figures.durationMs?.p99)}</td>
              <td className="number" title={count(figures.totalTokens)}>
                {short(figures.totalTokens)}
              </td>
              <td className="number">{money(figures.cost)}</td>
              <td>
                <Ago at={figures.lastSeenAt} />
              </td>
              <td>
                <Sparkline values={figures.trend.map(({ runs }) => runs)} label={`Runs per day: ${figures.trend.map(({ runs }) => runs).join(', ')}`} />
              </td>
            </tr>
          ))}
      </DataTable>
    </div>
  );
}
