import { useQuery } from '@tanstack/react-query';
import { X } from 'lucide-react';
import type { ReactNode } from 'react';
import { request } from '../../api/request.ts';
import { Fault } from '../../shell/faults.tsx';
import { CopyButton } from '../../ui/copy.tsx';
import { clock, count, duration, exactly, money, share } from '../../ui/format.ts';
import { JsonView } from '../../ui/json-view.tsx';
import { Payload } from '../../ui/payload.tsx';
import { Text } from '../../ui/text.tsx';
import { Alternatives } from './alternatives.tsx';
import { EVENT } from './documents.ts';
import type { WholeEvent } from './documents.ts';
import { KINDS } from './kinds.ts';
import { Messages } from './messages.tsx';
import { StateDiff } from './state-diff.tsx';

/** All of one event, read when it is opened. An event never changes, so it is read once. */
export function EventDetail({ id, onClose }: { id: string; onClose: () => void }) {
  const { data: event, error, refetch } = useQuery({ queryKey: ['event', id], queryFn: async ({ signal }) => (await request(EVENT, { id }, signal)).event, staleTime: Infinity });
  if (error) return <Fault error={error} onRetry={() => void refetch()} />;
  if (!event) return <div className="detail" aria-busy="true" />;
  const { name, className, Icon } = KINDS[event.eventType];
  const at = Date.parse(event.clientTimestamp ?? event.createdAt);
  return (
    <article className="detail" aria-label={name}>
      <header className="detail-head">
        <h2 className={className}>
          <Icon size={15} aria-hidden className="tl-icon" /> {name}
        </h2>
        <button type="button" className="icon-button" aria-label="Close the event" title="Close (Esc)" onClick={onClose}>
          <X size={16} aria-hidden />
        </button>
      </header>
      <dl className="facts">
        <Fact name="At">
          <time dateTime={new Date(at).toISOString()} title={exactly(at)}>
            {clock(at)}
          </time>
        </Fact>
        {event.durationMs !== null && <Fact name="Took">{duration(event.durationMs)}</Fact>}
        {event.totalTokens !== null && <Fact name="Tokens">{count(event.totalTokens)}</Fact>}
        {event.estimatedCost !== null && <Fact name="Cost">{money(event.estimatedCost)}</Fact>}
        <What event={event} />
        {event.branchName !== null && (
          <Fact name="Branch">
            <Text>{event.branchName}</Text>
          </Fact>
        )}
      </dl>
      <Why event={event} />
      <Payloads event={event} />
      {event.eventType !== 'STATE_CHANGE' && (event.stateBefore !== null || event.stateAfter !== null) && <StateDiff before={event.stateBefore ?? null} after={event.stateAfter ?? null} />}
      {event.metadata != null && <Payload label="Metadata" value={event.metadata} />}
      <dl className="facts facts-ids">
        <Id name="Event" id={event.id} />
        {event.parentEventId !== null && <Id name="Parent" id={event.parentEventId} />}
        {event.traceId !== null && <Id name="Trace" id={event.traceId} />}
        {event.spanId !== null && <Id name="Span" id={event.spanId} />}
      </dl>
      {event.textReplaced && <p className="muted">Characters that cannot be stored were replaced by � in this event.</p>}
    </article>
  );
}

const Fact = ({ name, children }: { name: string; children: ReactNode }) => (
  <div>
    <dt>{name}</dt>
    <dd>{children}</dd>
  </div>
);

const Id = ({ name, id }: { name: string; id: string }) => (
  <div>
    <dt>{name}</dt>
    <dd className="mono">
      <Text limit={80}>{id}</Text> <CopyButton text={id} label={`Copy ${name.toLowerCase()} id`} />
    </dd>
  </div>
);

/** What a framework calls the call: kept in metadata by the SDKs. */
function toolUseId(metadata: unknown): string | undefined {
  if (metadata === null || typeof metadata !== 'object') return undefined;
  for (const name of ['tool_use_id', 'toolUseId', 'tool_call_id', 'toolCallId']) {
    const found = (metadata as Record<string, unknown>)[name];
    if (typeof found === 'string') return found;
  }
  return undefined;
}

function What({ event }: { event: WholeEvent }) {
  switch (event.__typename) {
    case 'ToolCallEvent': {
      const id = toolUseId(event.metadata);
      return (
        <>
          <Fact name="Tool">
            <Text>{event.toolName ?? 'unnamed'}</Text>
          </Fact>
          {event.status !== null && <Fact name="Result">{event.status}</Fact>}
          {id !== undefined && <Id name="Tool use" id={id} />}
        </>
      );
    }
    case 'LlmCallEvent':
      return (
        <>
          <Fact name="Model">
            <Text>{event.model ?? 'unnamed'}</Text>
          </Fact>
          {event.toolName !== null && (
            <Fact name="Recorded as">
              <Text>{event.toolName}</Text>
            </Fact>
          )}
          {event.status !== null && <Fact name="Result">{event.status}</Fact>}
          {event.promptTokens !== null && <Fact name="Read">{count(event.promptTokens)}</Fact>}
          {event.completionTokens !== null && <Fact name="Written">{count(event.completionTokens)}</Fact>}
        </>
      );
    case 'ErrorEvent':
      return (
        <>
          {event.errorType !== null && (
            <Fact name="Type">
              <Text>{event.errorType}</Text>
            </Fact>
          )}
          {event.toolName !== null && (
            <Fact name="Tool">
              <Text>{event.toolName}</Text>
            </Fact>
          )}
          {event.recoverable !== null && <Fact name="Recoverable">{event.recoverable ? 'yes' : 'no'}</Fact>}
        </>
      );
    case 'LlmDecisionEvent':
    case 'StateChangeEvent':
      return null;
  }
}

/** Why the agent did it: the reasoning, and for a decision what it weighed, took and how sure it was. */
function Why({ event }: { event: WholeEvent }) {
  if (event.__typename !== 'LlmDecisionEvent') {
    return event.reasoning === null ? null : (
      <section className="why">
        <h3>Why</h3>
        <p>
          <Text>{event.reasoning}</Text>
        </p>
      </section>
    );
  }
  const { chosen, confidence, alternativesConsidered, reasoning } = event;
  return (
    <section className="why why-decision">
      {reasoning !== null && (
        <>
          <h3>Why</h3>
          <p>
            <Text>{reasoning}</Text>
          </p>
        </>
      )}
      {confidence !== null && (
        <p className="confidence">
          <span>Confidence</span> <meter min={0} max={1} value={confidence} aria-label="Confidence" /> <b>{share(confidence)}</b>
        </p>
      )}
      <Alternatives alternatives={alternativesConsidered} chosen={chosen} />
    </section>
  );
}

function Payloads({ event }: { event: WholeEvent }) {
  switch (event.__typename) {
    case 'ToolCallEvent':
      return (
        <>
          {event.toolError != null && <Payload label="Error" value={event.toolError} />}
          {event.toolInput != null && <Payload label="Input" value={event.toolInput} />}
          {event.toolOutput != null && <Payload label="Output" value={event.toolOutput} />}
        </>
      );
    case 'LlmCallEvent':
      return (
        <>
          {event.toolError != null && <Payload label="Error" value={event.toolError} />}
          {event.prompt != null && <Messages label="Prompt" value={event.prompt} />}
          {event.response != null && <Messages label="Response" value={event.response} />}
        </>
      );
    case 'ErrorEvent':
      return (
        <>
          {event.errorMessage !== null && (
            <p className="error-message">
              <Text>{event.errorMessage}</Text>
            </p>
          )}
          {event.recoveryAction !== null && (
            <section className="why">
              <h3>Recovery</h3>
              <p>
                <Text>{event.recoveryAction}</Text>
              </p>
            </section>
          )}
          {event.errorStack !== null && <JsonView label="Stack" value={event.errorStack} />}
          {event.toolError != null && <Payload label="Error as it was sent" value={event.toolError} />}
        </>
      );
    case 'StateChangeEvent':
      return <StateDiff before={event.stateBefore ?? null} after={event.stateAfter ?? null} />;
    case 'LlmDecisionEvent':
      return null;
  }
}
