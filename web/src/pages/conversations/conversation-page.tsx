import { Link, useParams } from '@tanstack/react-router';
import { ChevronLeft } from 'lucide-react';
import { graphql } from '../../api/graphql.ts';
import { request } from '../../api/request.ts';
import { Fault } from '../../shell/faults.tsx';
import { beganAt, counted, money, short } from '../../ui/format.ts';
import { StatusMark } from '../../ui/status.tsx';
import { Text } from '../../ui/text.tsx';
import { Ago, Elapsed } from '../../ui/time.tsx';
import { useLiveQuery } from '../use-live-query.ts';
import './conversation.css';

const CONVERSATION = graphql(`
  query Conversation($id: ID!) {
    conversation(convoId: $id) {
      convoId
      sessionCount
      cost
      totalTokens
      firstAt
      lastAt
      sessions(first: 200) {
        edges {
          node {
            id
            name
            agentName
            userId
            status
            parentSessionId
            createdAt
            clientTimestamp
            durationMs
            estimatedCost
            eventCount
            toolCallCount
            userInput
            assistantOutput
            failureReason
            summary
          }
        }
        pageInfo {
          hasNextPage
        }
      }
    }
  }
`);

/** The sessions of a conversation as one thread: what was asked, and what came back. */
export function ConversationPage() {
  const { id } = useParams({ from: '/conversations/$id' });
  const { data, error, refetch } = useLiveQuery(['conversation', id], async (signal) => (await request(CONVERSATION, { id }, signal)).conversation);
  if (error) return <div className="page"><Fault error={error} onRetry={() => void refetch()} /></div>;
  if (!data) return <div className="page" aria-busy="true" />;
  /** Who asked for a child session: the agent of the session that it belongs to. */
  const agents = new Map(data.sessions.edges.map(({ node }) => [node.id, node.agentName]));
  return (
    <div className="page conversation">
      <nav className="crumbs muted" aria-label="Where this is">
        <ChevronLeft size={12} aria-hidden />
        <Link to="/conversations">Conversations</Link>
      </nav>
      <div className="page-head">
        <h1><Text>{data.convoId}</Text></h1>
        <span className="muted">
          {counted(data.sessionCount, 'session')} · {short(data.totalTokens)} tokens · {money(data.cost)} · <Ago at={data.lastAt} />
        </span>
      </div>
      <ol className="thread">
        {data.sessions.edges.map(({ node }) => (
          <li key={node.id} className={node.parentSessionId === null ? 'turn' : 'turn turn-child'}>
            {node.userInput != null &&
              (node.parentSessionId === null ? <Said by={node.userId} className="said-user" what={node.userInput} /> : <Said by={agents.get(node.parentSessionId) ?? 'the agent'} className="said-agent" what={node.userInput} />)}
            <div className="turn-run">
              <StatusMark status={node.status} small />
              <Link to="/sessions/$id" params={{ id: node.id }} search={{}}>
                <Text limit={80}>{node.name}</Text>
              </Link>
              <span className="muted">
                {counted(node.toolCallCount, 'tool call')} · <Elapsed session={node} /> · {money(node.estimatedCost)} · <Ago at={beganAt(node)} />
              </span>
            </div>
            {node.assistantOutput != null && <Said by={node.agentName} className="said-agent" what={node.assistantOutput} />}
            {node.failureReason !== null && <Said by={node.agentName} className="said-agent said-failed" what={node.failureReason} />}
            {node.assistantOutput == null && node.failureReason === null && node.status === 'ACTIVE' && <p className="muted said said-agent">…</p>}
          </li>
        ))}
      </ol>
      {data.sessions.pageInfo.hasNextPage && (
        <Link to="/sessions" search={{ convo: id }}>All sessions of this conversation</Link>
      )}
    </div>
  );
}

/** So much of a message stands here; all of it in its session. */
const SHOWN = 4_000;

function Said({ by, what, className }: { by: string; what: unknown; className: string }) {
  return (
    <div className={`said ${className}`}>
      <div className="said-by muted"><Text limit={80}>{by}</Text></div>
      <Text limit={SHOWN}>{typeof what === 'string' ? what : JSON.stringify(what, null, 2)}</Text>
    </div>
  );
}
