import { Link } from '@tanstack/react-router';
import { graphql } from '../../api/graphql.ts';
import { request } from '../../api/request.ts';
import { Fault } from '../../shell/faults.tsx';
import { DataTable } from '../../ui/data-table.tsx';
import { count, money, short } from '../../ui/format.ts';
import { plainly } from '../../ui/plain-text.ts';
import { Text } from '../../ui/text.tsx';
import { Ago } from '../../ui/time.tsx';
import { MoreButton } from '../more-button.tsx';
import { usePages } from '../use-pages.ts';

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

const COLUMNS = ['Conversation', 'Users', 'Agents', { number: 'Sessions' }, { number: 'Failed' }, { number: 'Tokens' }, { number: 'Cost' }, 'Last activity'];

/** Conversations, the one that went on last first. */
export function ConversationsPage() {
  const pages = usePages(['conversations'], async (after, signal) => (await request(CONVERSATIONS, { after }, signal)).conversations);
  const { nodes, error, retry } = pages;
  return (
    <div className="page" aria-busy={!nodes && !error}>
      <div className="page-head">
        <h1>Conversations</h1>
      </div>
      {error && <Fault error={error} onRetry={retry} />}
      {nodes?.length === 0 && <div className="empty">No session has a conversation id. Sessions that share a convoId are read here as one thread.</div>}
      {nodes && nodes.length > 0 && (
        <div className="panel">
          <DataTable label="Conversations" columns={COLUMNS}>
              {nodes.map((each) => (
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
          </DataTable>
        </div>
      )}
      <MoreButton {...pages} />
    </div>
  );
}

/** The first by name, and how many more; all of them on hover. */
function Names({ names }: { names: readonly string[] }) {
  const [first] = names;
  if (first === undefined) return null;
  return (
    <span className="names" title={plainly(names.join(', '))}>
      <span className="cut">
        <Text limit={40}>{first}</Text>
      </span>
      {names.length > 1 && <span className="muted">+{names.length - 1}</span>}
    </span>
  );
}
