import { useInfiniteQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { graphql } from '../../api/graphql.ts';
import { request } from '../../api/request.ts';
import { Fault } from '../../shell/faults.tsx';
import { RangeSelect } from '../range-select.tsx';
import { rangeUpTo } from '../range.ts';
import { useSigns } from '../use-live-query.ts';
import { NamesTable } from './names-table.tsx';

const USERS = graphql(`
  query Users($range: TimeRangeInput!, $after: String) {
    users(range: $range, first: 50, after: $after) {
      edges {
        node {
          userId
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

/** The users of a time, by name. */
export function UsersPage() {
  const { range = '30d' } = useSearch({ from: '/users' });
  const navigate = useNavigate({ from: '/users' });
  useSigns(['users', range]);
  const { data, error, refetch, hasNextPage, fetchNextPage, isFetchingNextPage } = useInfiniteQuery({
    queryKey: ['users', range],
    queryFn: async ({ signal, pageParam }) => (await request(USERS, { range: rangeUpTo(range, Date.now()), after: pageParam }, signal)).users,
    initialPageParam: null as string | null,
    getNextPageParam: ({ pageInfo }) => (pageInfo.hasNextPage ? pageInfo.endCursor : undefined),
  });
  const rows = (data?.pages ?? []).flatMap(({ edges }) => edges.map(({ node }) => ({ name: node.userId, search: { user: node.userId, range }, figures: node })));
  return (
    <div className="page" aria-busy={!data}>
      <div className="page-head">
        <h1>Users</h1>
        <RangeSelect value={range} onChange={(next) => void navigate({ search: { range: next }, replace: true })} />
      </div>
      {error && <Fault error={error} onRetry={() => void refetch()} />}
      {data && (rows.length === 0 ? <div className="empty">No user in this time.</div> : <NamesTable what="User" rows={rows} />)}
      {hasNextPage && (
        <button type="button" className="button" disabled={isFetchingNextPage} onClick={() => void fetchNextPage()}>
          More
        </button>
      )}
    </div>
  );
}
