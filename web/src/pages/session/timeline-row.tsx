import { Link } from '@tanstack/react-router';
import { ChevronDown, ChevronRight } from 'lucide-react';
import { memo } from 'react';
import { beganAt, duration, money, share, short } from '../../ui/format.ts';
import { StatusMark } from '../../ui/status.tsx';
import { Text } from '../../ui/text.tsx';
import type { EventRow } from './documents.ts';
import { endOf, hasFailed, startOf } from './event-lines.ts';
import { KINDS, SESSION_ICON, summaryOf } from './kinds.ts';
import type { Row } from './live-timeline.ts';

type Props = { row: Row; top: number; from: number; to: number; selected: boolean; onSelect: (event: string) => void; onToggle: (session: string) => void; position: number; total: number };

/** One event, or a session that was started, beside its bar of time. */
export const TimelineRow = memo(function TimelineRow({ row, top, from, to, selected, onSelect, onToggle, position, total }: Props) {
  const place = { className: 'tl-row', style: { transform: `translateY(${top}px)` }, role: 'listitem', 'aria-posinset': position, 'aria-setsize': total };
  if (row.kind === 'missing') {
    return (
      <div {...place} aria-busy>
        <span className="skeleton tl-missing" />
      </div>
    );
  }
  const indent = { paddingLeft: `calc(var(--indent) + ${row.depth * 18}px)` };
  if (row.kind === 'session') {
    const { session, open } = row;
    const Chevron = open ? ChevronDown : ChevronRight;
    const began = Date.parse(beganAt(session));
    return (
      <div {...place} data-session={session.id}>
        <div className="tl-what kind-session" style={indent}>
          <button type="button" className="tl-toggle" aria-expanded={open} aria-label={open ? 'Hide what it did' : 'Show what it did'} onClick={() => onToggle(session.id)}>
            <Chevron size={14} aria-hidden />
          </button>
          <SESSION_ICON size={14} aria-hidden className="tl-icon" />
          <Link to="/sessions/$id" params={{ id: session.id }} search={{}} className="tl-title cut">
            <Text>{session.name}</Text>
          </Link>
          <span className="tl-more cut">
            <Text>{session.agentName}</Text>
          </span>
          <StatusMark status={session.status} small />
        </div>
        <span className="tl-took">{session.status === 'ACTIVE' ? '' : duration(session.durationMs)}</span>
        <Bar start={began} end={session.durationMs === null ? to : began + session.durationMs} {...{ from, to }} className="kind-session" />
      </div>
    );
  }
  const { event } = row;
  const { className, name, Icon } = KINDS[event.eventType];
  const { title, more } = summaryOf(event);
  const failed = hasFailed(event);
  return (
    <div {...place} data-event={event.id} data-selected={selected || undefined}>
      <div className={`tl-what ${className}`} style={indent}>
        <Icon size={14} aria-hidden className="tl-icon" />
        <span className="visually-hidden">{name}: </span>
        <button type="button" className="tl-title cut" aria-pressed={selected} onClick={() => onSelect(event.id)}>
          <Text limit={200}>{title}</Text>
        </button>
        {failed && event.eventType !== 'ERROR' && <span className="tl-failed">failed</span>}
        <span className="tl-more cut">
          <Text limit={240}>{more}</Text>
        </span>
        <Figures event={event} />
      </div>
      <span className="tl-took">{duration(event.durationMs).replace('–', '')}</span>
      <Bar start={startOf(event)} end={endOf(event)} {...{ from, to }} className={failed ? 'kind-error' : className} />
    </div>
  );
});

function Figures({ event }: { event: EventRow }) {
  if (event.__typename === 'LlmDecisionEvent' && event.confidence !== null)
    return (
      <span className="tl-figure" title={`Confidence ${share(event.confidence)}`}>
        <meter min={0} max={1} value={event.confidence} aria-label="Confidence" /> {share(event.confidence)}
      </span>
    );
  if (event.__typename === 'ErrorEvent' && event.recoverable !== null) return <span className="tl-figure">{event.recoverable ? 'recovered' : 'fatal'}</span>;
  if (event.totalTokens !== null)
    return (
      <span className="tl-figure" title={event.estimatedCost === null ? undefined : money(event.estimatedCost)}>
        {short(event.totalTokens)} tok
      </span>
    );
  return null;
}

function Bar({ start, end, from, to, className }: { start: number; end: number; from: number; to: number; className: string }) {
  const percent = (moment: number) => Math.min(100, Math.max(0, ((moment - from) / (to - from)) * 100));
  const left = percent(start);
  return (
    <div className="tl-time" aria-hidden>
      <span className={`tl-bar ${className}`} style={{ left: `min(${left}%, calc(100% - 3px))`, width: `max(3px, ${percent(end) - left}%)` }} />
    </div>
  );
}
