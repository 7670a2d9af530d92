import { useInfiniteQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { graphql } from '../../api/graphql.ts';
import { request } from '../../api/request.ts';
import { Fault } from '../../shell/faults.tsx';
import { RangeSelect } from '../range-select.tsx';
import { rangeUpTo } from '../range.ts';
import { useSigns } from '../use-live-query.ts';
import { NamesTable } from './names-table.tsx';

const AGENTS = graphql(`
  query Agents($range: TimeRangeInput!, $after: String) {
    agents(range: $range, first: 50, after: $after) {
      edges {
        node {
          agentName
          runs
          active
          failures
          successRate
          cost
          totalTokens
          lastSeenAt
          durationMs {
            p50
            p95
            p99
          }
          trend {
            runs
          }
        }
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
`);

/** The agents of a time, by name. */
export function AgentsPage() {
  const { range = '30d' } = useSearch({ from: '/agents' });
  const navigate = useNavigate({ from: '/agents' });
  useSigns(['agents', range]);
  const { data, error, refetch, hasNextPage, fetchNextPage, isFetchingNextPage } = useInfiniteQuery({
    queryKey: ['agents', range],
    queryFn: async ({ signal, pageParam }) => (await request(AGENTS, { range: rangeUpTo(range, Date.now()), after: pageParam }, signal)).agents,
    initialPageParam: null as string | null,
    getNextPageParam: ({ pageInfo }) => (pageInfo.hasNextPage ? pageInfo.endCursor : undefined),
  });
  const rows = (data?.pages ?? []).flatMap(({ edges }) => edges.map(({ node }) => ({ name: node.agentName, search: { agent: node.agentName, range }, figures: node })));
  return (
    <div className="page" aria-busy={!data}>
      <div className="page-head">
        <h1>Agents</h1>
        <RangeSelect value={range} onChange={(next) => void navigate({ search: { range: next }, replace: true })} />
      </div>
      {error && <Fault error={error} onRetry={() => void refetch()} />}
      {data && (rows.length === 0 ? <div className="empty">No agent in this time.</div> : <NamesTable what="Agent" rows={rows} />)}
      {hasNextPage && (
        <button type="button" className="button" disabled={isFetchingNextPage} onClick={() => void fetchNextPage()}>
          More
        </button>
      )}
    </div>
  );
}
