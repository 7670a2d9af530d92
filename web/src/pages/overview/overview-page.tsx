import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { graphql } from '../../api/graphql.ts';
import { request } from '../../api/request.ts';
import { Fault } from '../../shell/faults.tsx';
import { Chart } from '../../ui/chart.tsx';
import { TablePanel } from '../../ui/data-table.tsx';
import { count, dollars, duration, money, share, short } from '../../ui/format.ts';
import { Text } from '../../ui/text.tsx';
import { Ago } from '../../ui/time.tsx';
import { bucketTime, tickTime } from '../bucket-time.ts';
import { RangeSelect } from '../range-select.tsx';
import { RANGES, rangeUpTo } from '../range.ts';
import { Start } from '../start/start.tsx';
import { useLiveQuery } from '../use-live-query.ts';

const OVERVIEW = graphql(`
  query Overview($range: TimeRangeInput!, $interval: MetricsInterval!) {
    metrics(range: $range, interval: $interval) {
      totals {
        runs
        active
        completed
        failures
        successRate
        errors
        cost
        promptTokens
        completionTokens
        totalTokens
        durationMs {
          p50
          p95
          p99
        }
      }
      buckets {
        start
        runs
        failures
        cost
        promptTokens
        completionTokens
        durationMs {
          p50
          p95
          p99
        }
      }
    }
    toolStats(range: $range, first: 200) {
      toolName
      calls
      errors
      errorRate
      lastUsedAt
      durationMs {
        p50
        p95
      }
    }
    sessions(first: 1) {
      edges {
        cursor
      }
    }
  }
`);

const SHOWN_TOOLS = 8;
const TOOL_COLUMNS = ['Tool', { number: 'Failed' }, { number: 'Calls' }, { number: 'Error rate' }, { number: 'p50' }, { number: 'p95' }, 'Last used'];

/** How things stand: counters and charts of a time, which follow what happens. */
export function OverviewPage() {
  const { range = '24h' } = useSearch({ from: '/overview' });
  const navigate = useNavigate({ from: '/overview' });
  const { data, error, refetch } = useLiveQuery(['overview', range], (signal) => request(OVERVIEW, { range: rangeUpTo(range, Date.now()), interval: RANGES[range].interval }, signal));
  if (data && data.sessions.edges.length === 0) return <Start />;
  const totals = data?.metrics.totals;
  const buckets = data?.metrics.buckets ?? [];
  const times = buckets.map(({ start }) => Date.parse(start));
  const named = { timeFormat: bucketTime(range), tickFormat: tickTime(range) };
  const failing = (data?.toolStats ?? []).filter(({ errors }) => errors > 0).sort((a, b) => b.errors - a.errors).slice(0, SHOWN_TOOLS);
  return (
    <div className="page" aria-busy={!data && !error}>
      <div className="page-head">
        <h1>Overview</h1>
        <RangeSelect value={range} onChange={(next) => void navigate({ search: { range: next }, replace: true })} />
      </div>
      {error && <Fault error={error} onRetry={() => void refetch()} />}
      <dl className="stats">
        <Stat name="Runs" more={totals ? `${count(totals.active)} running` : ' '}>{totals && short(totals.runs)}</Stat>
        <Stat name="Success" more={totals ? `${count(totals.completed)} completed` : ' '}>{totals && share(totals.successRate)}</Stat>
        <Stat name="Failures" more={totals ? `${count(totals.errors)} errors` : ' '}>{totals && <span className={totals.failures > 0 ? 'bad' : undefined}>{short(totals.failures)}</span>}</Stat>
        <Stat name="Duration, p50" more={totals?.durationMs ? `p95 ${duration(totals.durationMs.p95)} · p99 ${duration(totals.durationMs.p99)}` : ' '}>{totals && duration(totals.durationMs?.p50)}</Stat>
        <Stat name="Tokens" more={totals ? `${short(totals.promptTokens)} in · ${short(totals.completionTokens)} out` : ' '}>{totals && short(totals.totalTokens)}</Stat>
        <Stat name="Cost" more={totals && totals.runs > 0 ? `${money(totals.cost / totals.runs)} a run` : ' '}>{totals && money(totals.cost)}</Stat>
      </dl>
      <div className="grid">
        <Chart title="Runs" times={times} {...named} format={short} series={[{ name: 'Runs', color: '--session-bar', kind: 'bars', values: buckets.map(({ runs }) => runs) }, { name: 'Failures', color: '--error-bar', kind: 'bars', values: buckets.map(({ failures }) => failures) }]} />
        <Chart
          title="Duration"
          times={times}
          {...named}
          format={duration}
          series={(['p50', 'p95', 'p99'] as const).map((name, index) => ({ name, color: ['--p50', '--p95', '--p99'][index]!, values: buckets.map(({ durationMs }) => durationMs?.[name] ?? null) }))}
        />
        <Chart title="Cost" times={times} {...named} format={money} axisFormat={dollars} series={[{ name: 'US dollars', color: '--cost-bar', kind: 'bars', values: buckets.map(({ cost }) => cost) }]} />
        <Chart title="Tokens" times={times} {...named} format={short} series={[{ name: 'Read', color: '--llm-bar', values: buckets.map(({ promptTokens }) => promptTokens) }, { name: 'Written', color: '--written-bar', values: buckets.map(({ completionTokens }) => completionTokens) }]} />
      </div>
      <TablePanel title="Top failing tools" aside={<Link to="/sessions" search={{ errors: 'yes', range }}>Sessions with errors</Link>} columns={TOOL_COLUMNS} empty={data ? 'No tool call failed in this time.' : ''}>
        {failing.map((tool) => (
          <tr key={tool.toolName}>
            <th scope="row"><Text>{tool.toolName ?? 'unnamed'}</Text></th>
            <td className="number bad">{count(tool.errors)}</td>
            <td className="number">{count(tool.calls)}</td>
            <td className="number">{share(tool.errorRate)}</td>
            <td className="number">{duration(tool.durationMs?.p50)}</td>
            <td className="number">{duration(tool.durationMs?.p95)}</td>
            <td>{tool.lastUsedAt && <Ago at={tool.lastUsedAt} />}</td>
          </tr>
        ))}
      </TablePanel>
    </div>
  );
}

function Stat({ name, more, children }: { name: string; more: string; children: ReactNode }) {
  return (
    <div className="stat panel">
      <dt>{name}</dt>
      <dd>
        {children ?? '…'}
        <small>{more}</small>
      </dd>
    </div>
  );
}
