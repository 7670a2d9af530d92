import { Link } from '@tanstack/react-router';
import { count, duration, money, share, short } from '../../ui/format.ts';
import { Sparkline } from '../../ui/sparkline.tsx';
import { Text } from '../../ui/text.tsx';
import { Ago } from '../../ui/time.tsx';
import type { View } from '../sessions/view.ts';
import '../../ui/data-table.css';

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

/** Agents or users, each with its figures and its trend. */
export function NamesTable({ what, rows }: { what: 'Agent' | 'User'; rows: readonly { name: string; search: View; figures: NameFigures }[] }) {
  return (
    <div className="panel table-box" tabIndex={0}>
      <table className="data">
        <thead>
          <tr>
            <th scope="col">{what}</th>
            <th scope="col" className="number">Runs</th>
            <th scope="col" className="number">Running</th>
            <th scope="col" className="number">Success</th>
            <th scope="col" className="number">p50</th>
            <th scope="col" className="number">p95</th>
            <th scope="col" className="number">p99</th>
            <th scope="col" className="number">Tokens</th>
            <th scope="col" className="number">Cost</th>
            <th scope="col">Last seen</th>
            <th scope="col">Runs per day</th>
          </tr>
        </thead>
        <tbody>
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
        </tbody>
      </table>
    </div>
  );
}
