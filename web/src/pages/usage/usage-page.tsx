import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import type { ResultOf } from 'gql.tada';
import { graphql } from '../../api/graphql.ts';
import { request } from '../../api/request.ts';
import { Fault } from '../../shell/faults.tsx';
import { Chart } from '../../ui/chart.tsx';
import { TablePanel } from '../../ui/data-table.tsx';
import { count, dollars, duration, money, share, short } from '../../ui/format.ts';
import { plainly } from '../../ui/plain-text.ts';
import { Text } from '../../ui/text.tsx';
import { bucketTime, tickTime } from '../bucket-time.ts';
import { RangeSelect } from '../range-select.tsx';
import { RANGES, rangeUpTo } from '../range.ts';
import type { RangeName } from '../range.ts';
import { useLiveQuery } from '../use-live-query.ts';

const USAGE = graphql(`
  query Usage($range: TimeRangeInput!, $interval: MetricsInterval!, $from: DateTime!) {
    metrics(range: $range, interval: $interval, groupBy: AGENT, first: 20) {
      totals {
        runs
        cost
        promptTokens
        completionTokens
        totalTokens
      }
      buckets {
        start
        cost
        promptTokens
        completionTokens
      }
      groups {
        key
        runs
        cost
        promptTokens
        completionTokens
        totalTokens
      }
    }
    modelStats(range: $range, interval: $interval, first: 20) {
      model
      calls
      errorRate
      cost
      promptTokens
      completionTokens
      totalTokens
      durationMs {
        p50
        p95
      }
      buckets {
        start
        cost
      }
    }
    sessions(first: 10, filter: { createdAfter: $from }, orderBy: { field: COST, direction: DESC }) {
      edges {
        node {
          id
          name
          agentName
          totalTokens
          estimatedCost
        }
      }
    }
  }
`);

const MODEL_COLUMNS = ['Model', { number: 'Calls' }, { number: 'Read' }, { number: 'Written' }, { number: 'Cost' }, { number: 'p50' }, { number: 'Failed' }];
const AGENT_COLUMNS = ['Agent', { number: 'Runs' }, { number: 'Read' }, { number: 'Written' }, { number: 'Cost' }, { number: 'A run' }];
const SESSION_COLUMNS = ['Session', 'Agent', { number: 'Tokens' }, { number: 'Cost' }];

/** Colours of the models in the chart, the most called first. */
const COLOURS = ['--llm-bar', '--tool-bar', '--decision-bar', '--session-bar', '--state-bar'];

/** Tokens and cost: over time, for each model, for each agent, and of the dearest sessions. */
export function UsagePage() {
  const { range = '7d' } = useSearch({ from: '/usage' });
  const navigate = useNavigate({ from: '/usage' });
  const { data, error, refetch } = useLiveQuery(['usage', range], (signal) => {
    const span = rangeUpTo(range, Date.now());
    return request(USAGE, { range: span, interval: RANGES[range].interval, from: span.from }, signal);
  });
  const buckets = data?.metrics.buckets ?? [];
  const times = buckets.map(({ start }) => Date.parse(start));
  const named = { timeFormat: bucketTime(range), tickFormat: tickTime(range) };
  const totals = data?.metrics.totals;
  const models = data?.modelStats ?? [];
  return (
    <div className="page" aria-busy={!data && !error}>
      <div className="page-head">
        <h1>Tokens and cost</h1>
        <RangeSelect value={range} onChange={(next) => void navigate({ search: { range: next }, replace: true })} />
      </div>
      {error && <Fault error={error} onRetry={() => void refetch()} />}
      <div className="grid">
        <Chart title="Cost" total={totals && `${money(totals.cost)} in all`} times={times} {...named} format={money} axisFormat={dollars} series={[{ name: 'All sessions', color: '--cost-bar', kind: 'bars', values: buckets.map(({ cost }) => cost) }]} />
        <Chart
          title="Tokens"
          total={totals && `${short(totals.totalTokens)} in all`}
          times={times}
          {...named}
          format={short}
          series={[
            { name: 'Read', color: '--llm-bar', values: buckets.map(({ promptTokens }) => promptTokens) },
            { name: 'Written', color: '--written-bar', values: buckets.map(({ completionTokens }) => completionTokens) },
          ]}
        />
      </div>
      <Chart
        title="Cost of LLM calls by model"
        total={data && models.length === 0 ? 'none in this time' : undefined}
        times={(models[0]?.buckets ?? buckets).map(({ start }) => Date.parse(start))}
        {...named}
        format={money}
        axisFormat={dollars}
        series={models.slice(0, COLOURS.length).map((model, index) => ({ name: plainly(model.model ?? 'unnamed').slice(0, 60), color: COLOURS[index]!, values: model.buckets.map(({ cost }) => cost) }))}
      />
      {/* Not before there is something to show: a table that grew would push those below it away. */}
      {data && <Tables data={data} range={range} />}
    </div>
  );
}

const EMPTY = 'Nothing in this time.';

function Tables({ data, range }: { data: ResultOf<typeof USAGE>; range: RangeName }) {
  return (
    <>
      <TablePanel title="By model" columns={MODEL_COLUMNS} empty={EMPTY}>
        {data.modelStats.map((model) => (
          <tr key={model.model}>
            <th scope="row"><Text>{model.model ?? 'unnamed'}</Text></th>
            <td className="number">{count(model.calls)}</td>
            <td className="number" title={count(model.promptTokens)}>{short(model.promptTokens)}</td>
            <td className="number" title={count(model.completionTokens)}>{short(model.completionTokens)}</td>
            <td className="number">{money(model.cost)}</td>
            <td className="number">{duration(model.durationMs?.p50)}</td>
            <td className="number">{share(model.errorRate)}</td>
          </tr>
        ))}
      </TablePanel>
      <div className="grid">
        <TablePanel title="By agent" columns={AGENT_COLUMNS} empty={EMPTY}>
          {data.metrics.groups.map((agent) => (
            <tr key={agent.key}>
              <th scope="row"><Link to="/sessions" search={{ agent: agent.key, range, sort: 'cost' }}><Text>{agent.key}</Text></Link></th>
              <td className="number">{count(agent.runs)}</td>
              <td className="number" title={count(agent.promptTokens)}>{short(agent.promptTokens)}</td>
              <td className="number" title={count(agent.completionTokens)}>{short(agent.completionTokens)}</td>
              <td className="number">{money(agent.cost)}</td>
              <td className="number">{money(agent.cost / agent.runs)}</td>
            </tr>
          ))}
        </TablePanel>
        <TablePanel title="Dearest sessions" aside={<Link to="/sessions" search={{ sort: 'cost', range }}>All, by cost</Link>} columns={SESSION_COLUMNS} empty={EMPTY}>
          {data.sessions.edges.map(({ node }) => (
            <tr key={node.id}>
              <th scope="row"><Link to="/sessions/$id" params={{ id: node.id }} search={{}}><Text limit={60}>{node.name}</Text></Link></th>
              <td><Text limit={60}>{node.agentName}</Text></td>
              <td className="number">{short(node.totalTokens)}</td>
              <td className="number">{money(node.estimatedCost)}</td>
            </tr>
          ))}
        </TablePanel>
      </div>
    </>
  );
}
