import { useInfiniteQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { graphql } from '../../api/graphql.ts';
import { request } from '../../api/request.ts';
import { Fault } from '../../shell/faults.tsx';
import { count, money, short } from '../../ui/format.ts';
import { Text } from '../../ui/text.tsx';
import { Ago } from '../../ui/time.tsx';
import { useSigns } from '../use-live-query.ts';
import '../../ui/data-table.css';

const CONVERSATIONS = graphql(`
  query Conversations($after: String) {
    conversations(first: 50, after: $after) {
      edges {
        node {
          convoId
          sessionCount
          statusCounts {
            active
            failed
          }
          agentNames
          userIds
          firstAt
          lastAt
          errors
          cost
          totalTokens
        }
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
`);

/** Conversations, the one that went on last first. */
export function ConversationsPage() {
  useSigns(['conversations']);
  const { data, error, refetch, hasNextPage, fetchNextPage, isFetchingNextPage } = useInfiniteQuery({
    queryKey: ['conversations'],
    queryFn: async ({ signal, pageParam }) => (await request(CONVERSATIONS, { after: pageParam }, signal)).conversations,
    initialPageParam: null as string | null,
    getNextPageParam: ({ pageInfo }) => (pageInfo.hasNextPage ? pageInfo.endCursor : undefined),
  });
  const conversations = (data?.pages ?? []).flatMap(({ edges }) => edges.map(({ node }) => node));
  return (
    <div className="page" aria-busy={!data}>
      <div className="page-head">
        <h1>Conversations</h1>
      </div>
      {error && <Fault error={error} onRetry={() => void refetch()} />}
      {data && conversations.length === 0 && <div className="empty">No session has a conversation id. Sessions that share a convoId are read here as one thread.</div>}
      {conversations.length > 0 && (
        <div className="panel table-box" tabIndex={0}>
          <table className="data">
            <thead>
              <tr>
                <th scope="col">Conversation</th>
                <th scope="col">Users</th>
                <th scope="col">Agents</th>
                <th scope="col" className="number">Sessions</th>
                <th scope="col" className="number">Failed</th>
                <th scope="col" className="number">Tokens</th>
                <th scope="col" className="number">Cost</th>
                <th scope="col">Last activity</th>
              </tr>
            </thead>
            <tbody>
              {conversations.map((each) => (
                <tr key={each.convoId}>
                  <th scope="row">
                    <Link to="/conversations/$id" params={{ id: each.convoId }}>
                      <Text limit={60}>{each.convoId}</Text>
                    </Link>
                  </th>
                  <td><Names names={each.userIds} /></td>
                  <td><Names names={each.agentNames} /></td>
                  <td className="number">{count(each.sessionCount)}</td>
                  <td className="number">{each.statusCounts.failed > 0 ? <span className="bad">{count(each.statusCounts.failed)}</span> : <span className="muted">–</span>}</td>
                  <td className="number">{short(each.totalTokens)}</td>
                  <td className="number">{money(each.cost)}</td>
                  <td><Ago at={each.lastAt} /></td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {hasNextPage && (
        <button type="button" className="button" disabled={isFetchingNextPage} onClick={() => void fetchNextPage()}>
          More
        </button>
      )}
    </div>
  );
}

function Names({ names }: { names: readonly string[] }) {
  return (
    <>
      <Text limit={40}>{names.slice(0, 2).join(', ')}</Text>
      {names.length > 2 && <span className="muted"> +{names.length - 2}</span>}
    </>
  );
}
