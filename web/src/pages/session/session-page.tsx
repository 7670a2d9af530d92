import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { ChevronRight } from 'lucide-react';
import { useCallback, useEffect, useMemo, useState, useSyncExternalStore } from 'react';
import type { ReactNode } from 'react';
import { Fault } from '../../shell/faults.tsx';
import { CopyButton } from '../../ui/copy.tsx';
import { beganAt, count, money, short } from '../../ui/format.ts';
import { useNarrow } from '../../ui/media.ts';
import { StatusMark } from '../../ui/status.tsx';
import { Text } from '../../ui/text.tsx';
import { Ago, Elapsed } from '../../ui/time.tsx';
import type { SessionHead } from './documents.ts';
import { EventDetail } from './event-detail.tsx';
import { isKind, KINDS, wordsOf } from './kinds.ts';
import { countOf, LiveTimeline } from './live-timeline.ts';
import type { EventKind, Row } from './live-timeline.ts';
import { SessionDetail } from './session-detail.tsx';
import { Timeline } from './timeline.tsx';
import './session.css';

/** The timeline of a session; a new one for each session and choice of kinds. */
function useTimeline(id: string, kinds: string): { timeline: LiveTimeline | undefined; retry: () => void } {
  const [attempt, setAttempt] = useState(0);
  const [timeline, setTimeline] = useState<LiveTimeline>();
  useEffect(() => {
    const next = new LiveTimeline(id, kinds.split(',').filter(isKind));
    // The one before is shown until this one has something to show.
    const unwatch = next.watch(() => setTimeline(next));
    void next.start();
    return () => {
      unwatch();
      next.stop();
    };
  }, [id, kinds, attempt]);
  useSyncExternalStore(
    useCallback((watcher) => timeline?.watch(watcher) ?? (() => {}), [timeline]),
    () => timeline?.get() ?? 0,
  );
  return { timeline: timeline?.id === id ? timeline : undefined, retry: () => setAttempt((before) => before + 1) };
}

const NO_ROWS: readonly Row[] = [];

/** One session: what it is about, everything that happened in it, and what happens now. */
export function SessionPage() {
  const { id } = useParams({ from: '/sessions/$id' });
  const { event, types = '', tab } = useSearch({ from: '/sessions/$id' });
  const navigate = useNavigate({ from: '/sessions/$id' });
  const { timeline, retry } = useTimeline(id, types);
  const narrow = useNarrow();
  const [search, setSearch] = useState('');
  const all = timeline?.rows() ?? NO_ROWS;
  const rows = useMemo(() => matching(all, search), [all, search]);
  const session = timeline?.session;

  useEffect(() => {
    if (session) document.title = `${session.status === 'ACTIVE' ? '● ' : ''}Session · Sentrial`;
    return () => {
      document.title = 'Sentrial';
    };
  }, [session]);

  if (timeline?.fault && !session)
    return (
      <div className="page">
        <Fault error={timeline.fault} onRetry={retry} />
        <Link to="/sessions">To the sessions</Link>
      </div>
    );
  if (!timeline || !session) return <div className="page" aria-busy="true" />;

  const setSearchParams = (change: { event?: string | undefined; types?: string | undefined; tab?: string | undefined }) => void navigate({ search: (before) => ({ ...before, ...change }), replace: true });
  const shown = types.split(',').filter(isKind);
  const toggle = (kind: EventKind) => setSearchParams({ types: (shown.includes(kind) ? shown.filter((each) => each !== kind) : [...shown, kind]).join(',') || undefined });
  const close = () => setSearchParams({ event: undefined });
  const aside = event !== undefined ? <EventDetail key={event} id={event} onClose={close} /> : <SessionDetail session={session} />;
  const showTimeline = !narrow || (event === undefined && tab !== 'session');
  return (
    <div className="session">
      <SessionHeader session={session} />
      {timeline.fault && <Fault error={timeline.fault} onRetry={retry} />}
      <div className="session-tools">
        {narrow && (
          <button type="button" className="toggle about" aria-pressed={tab === 'session'} onClick={() => setSearchParams({ tab: tab === 'session' ? undefined : 'session', event: undefined })}>
            In & out
          </button>
        )}
        <div className="kinds" role="group" aria-label="Kinds of events">
          {(Object.keys(KINDS) as EventKind[]).map((kind) => {
          const { plural, className, Icon } = KINDS[kind];
          const many = countOf(session, [kind]);
          return many === 0 && !shown.includes(kind) ? null : (
            <button key={kind} type="button" className={`toggle ${className}`} aria-pressed={shown.includes(kind)} onClick={() => toggle(kind)}>
              <Icon size={13} aria-hidden className="tl-icon" /> {plural} <span className="muted">{short(many)}</span>
            </button>
          );
          })}
        </div>
        <input className="field search" type="search" aria-label="Search the timeline" placeholder="Search the timeline  /" title="In names, reasons, errors and ids. What was sent and came back is searched where it is opened." value={search} onChange={({ target }) => setSearch(target.value)} />
      </div>
      <div className="session-body">
        {showTimeline && <Timeline key={timeline.key} timeline={timeline} rows={rows} selected={event} search={search} />}
        {(!narrow || !showTimeline) && <aside className="session-aside">{aside}</aside>}
      </div>
    </div>
  );
}

/** Rows that say it, among those that have been read; the others join as they come. */
function matching(rows: readonly Row[], search: string): readonly Row[] {
  const wanted = search.trim().toLowerCase();
  if (wanted === '') return rows;
  return rows.filter((row) => {
    if (row.kind === 'missing') return false;
    const said = row.kind === 'session' ? `${row.session.name}\n${row.session.agentName}\n${row.session.id}`.toLowerCase() : wordsOf(row.event);
    return said.includes(wanted);
  });
}

function SessionHeader({ session }: { session: SessionHead }) {
  return (
    <header className="session-head">
      <nav className="crumbs muted" aria-label="Where this is">
        <Link to="/sessions">Sessions</Link>
        <ChevronRight size={12} aria-hidden />
        {session.parent && (
          <>
            <Link to="/sessions/$id" params={{ id: session.parent.id }} search={{}}>
              <Text limit={60}>{session.parent.name}</Text>
            </Link>
            <ChevronRight size={12} aria-hidden />
          </>
        )}
        <span className="mono cut">
          <Text limit={60}>{session.id}</Text>
        </span>
        <CopyButton text={session.id} label="Copy the id" />
      </nav>
      <div className="session-title">
        <h1>
          <Text>{session.name}</Text>
        </h1>
        <StatusMark status={session.status} />
      </div>
      <dl className="facts">
        <Fact name="Agent">
          <Link to="/sessions" search={{ agent: session.agentName }}>
            <Text>{session.agentName}</Text>
          </Link>
        </Fact>
        <Fact name="User">
          <Link to="/sessions" search={{ user: session.userId }}>
            <Text>{session.userId}</Text>
          </Link>
        </Fact>
        {session.convoId !== null && (
          <Fact name="Conversation">
            <Link to="/conversations/$id" params={{ id: session.convoId }}>
              <Text limit={40}>{session.convoId}</Text>
            </Link>
          </Fact>
        )}
        <Fact name="Started">
          <Ago at={beganAt(session)} />
        </Fact>
        <Fact name="Duration">
          <Elapsed session={session} />
        </Fact>
        <Fact name="Tokens">
          <span title={`${count(session.promptTokens)} read, ${count(session.completionTokens)} written`}>
            {short(session.totalTokens)} <span className="muted token-parts">({short(session.promptTokens)} in, {short(session.completionTokens)} out)</span>
          </span>
        </Fact>
        <Fact name="Cost">
          <span title={`$${session.estimatedCost}`}>{money(session.estimatedCost)}</span>
        </Fact>
        <Fact name="Events">
          <span data-testid="event-count">{count(session.eventCount)}</span>
        </Fact>
        {session.errorCount > 0 && (
          <Fact name="Errors">
            <span className="bad" title="Errors that were reported, and calls that failed">{count(session.errorCount)}</span>
          </Fact>
        )}
      </dl>
    </header>
  );
}

const Fact = ({ name, children }: { name: string; children: ReactNode }) => (
  <div>
    <dt>{name}</dt>
    <dd>{children}</dd>
  </div>
);
