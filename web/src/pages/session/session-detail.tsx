import { useQuery } from '@tanstack/react-query';
import { request } from '../../api/request.ts';
import { Payload } from '../../ui/payload.tsx';
import { Text } from '../../ui/text.tsx';
import { SESSION_PAYLOADS } from './documents.ts';
import type { SessionHead } from './documents.ts';
import { Messages } from './messages.tsx';

/** What the session is about: what was asked, what came of it, and what else was sent. */
export function SessionDetail({ session }: { session: SessionHead }) {
  // Its place changes with every event, and its payloads seldom: they are read again when it ends.
  const { data } = useQuery({
    queryKey: ['session payloads', session.id, session.status, session.completedAt],
    queryFn: async ({ signal }) => (await request(SESSION_PAYLOADS, { id: session.id }, signal)).session,
    placeholderData: (before) => before,
  });
  return (
    <article className="detail" aria-label="Session" aria-busy={data === undefined}>
      <h2>In and out</h2>
      {session.failureReason !== null && (
        <p className="error-message">
          <Text>{session.failureReason}</Text>
        </p>
      )}
      {session.summary !== null && (
        <section className="why">
          <h3>Summary</h3>
          <p>
            <Text>{session.summary}</Text>
          </p>
        </section>
      )}
      {data?.userInput != null && <Messages label="Input" value={data.userInput} />}
      {data?.assistantOutput != null && <Messages label="Output" value={data.assistantOutput} />}
      {data?.metadata != null && <Payload label="Metadata" value={data.metadata} />}
      {data?.customMetrics != null && <Payload label="Own figures" value={data.customMetrics} />}
      {data && data.userInput == null && data.assistantOutput == null && session.summary === null && session.failureReason === null && <p className="muted">Neither input nor output was reported.</p>}
      {data?.textReplaced && <p className="muted">Characters that cannot be stored were replaced by � in this session.</p>}
    </article>
  );
}
