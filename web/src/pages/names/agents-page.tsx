import { useNavigate, useSearch } from '@tanstack/react-router';
import { graphql } from '../../api/graphql.ts';
import { request } from '../../api/request.ts';
import { rangeUpTo } from '../range.ts';
import { usePages } from '../use-pages.ts';
import { NamesPage } from './names-page.tsx';

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

export function AgentsPage() {
  const { range = '30d' } = useSearch({ from: '/agents' });
  const navigate = useNavigate({ from: '/agents' });
  const pages = usePages(['agents', range], async (after, signal) => (await request(AGENTS, { range: rangeUpTo(range, Date.now()), after }, signal)).agents);
  return (
    <NamesPage
      what="Agent"
      range={range}
      onRange={(next) => void navigate({ search: { range: next }, replace: true })}
      pages={pages}
      rowOf={(node) => ({ name: node.agentName, search: { agent: node.agentName, range }, figures: node })}
    />
  );
}
