import { useNavigate, useSearch } from '@tanstack/react-router';
import { graphql } from '../../api/graphql.ts';
import { request } from '../../api/request.ts';
import { rangeUpTo } from '../range.ts';
import { usePages } from '../use-pages.ts';
import { NamesPage } from './names-page.tsx';

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

export function UsersPage() {
  const { range = '30d' } = useSearch({ from: '/users' });
  const navigate = useNavigate({ from: '/users' });
  const pages = usePages(['users', range], async (after, signal) => (await request(USERS, { range: rangeUpTo(range, Date.now()), after }, signal)).users);
  return (
    <NamesPage
      what="User"
      range={range}
      onRange={(next) => void navigate({ search: { range: next }, replace: true })}
      pages={pages}
      rowOf={(node) => ({ name: node.userId, search: { user: node.userId, range }, figures: node })}
    />
  );
}
