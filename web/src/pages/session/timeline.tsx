import { useNavigate } from '@tanstack/react-router';
import { useVirtualizer } from '@tanstack/react-virtual';
import { ArrowDown, ArrowDownToLine, ArrowUpToLine } from 'lucide-react';
import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from 'react';
import { useShortcuts } from '../../shell/keyboard.tsx';
import { count, duration } from '../../ui/format.ts';
import { ticksOf } from './ticks.ts';
import { TimelineRow } from './timeline-row.tsx';
import type { LiveTimeline, Row } from './live-timeline.ts';

const ROW = 32;
/** So near to the end, in pixels, one is at the end. */
const AT_END = 8;
/** From so many rows on, one jumps. */
const WORTH_JUMPING = 100;

/** Every event in order beside its place in time. */
export function Timeline({ timeline, rows, selected, search }: { timeline: LiveTimeline; rows: readonly Row[]; selected: string | undefined; search: string }) {
  const navigate = useNavigate({ from: '/sessions/$id' });
  const scroller = useRef<HTMLDivElement>(null);
  const isActive = timeline.session?.status === 'ACTIVE';
  const [following, setFollowing] = useState(isActive && selected === undefined);
  /** How many had arrived when one last saw the end. */
  const [seen, setSeen] = useState(0);
  const unseen = timeline.arrivals - seen;

  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW,
    overscan: 16,
  });
  const items = virtual.getVirtualItems();
  const { from, to } = timeline.span();
  const ticks = useMemo(() => ticksOf(to - from), [from, to]);

  const toEnd = useCallback(() => {
    const element = scroller.current;
    if (element) element.scrollTop = element.scrollHeight;
  }, []);
  useEffect(() => {
    if (following) toEnd();
  }, [following, rows.length, toEnd]);

  // Rows may come to stand elsewhere (what lies before them was read, a child was opened): what one sees stays in sight.
  const inSight = useRef<{ row: Row; index: number; search: string }>(undefined);
  const remember = useCallback(() => {
    const first = Math.ceil((scroller.current?.scrollTop ?? 0) / ROW);
    const row = rows[first];
    inSight.current = row && { row, index: first, search };
  }, [rows, search]);
  useLayoutEffect(() => {
    const before = inSight.current;
    if (before && before.search === search && before.row.kind !== 'missing' && !isSame(rows[before.index], before.row)) {
      const index = rows.findIndex((row) => isSame(row, before.row));
      if (index >= 0) scroller.current!.scrollTop += (index - before.index) * ROW;
    }
    remember();
  }, [rows, search, remember]);

  const scrolledTo = useRef(0);
  const onScroll = useCallback(() => {
    remember();
    const { scrollTop, clientHeight, scrollHeight } = scroller.current!;
    const up = scrollTop < scrolledTo.current;
    scrolledTo.current = scrollTop;
    const atEnd = scrollHeight - scrollTop - clientHeight < AT_END;
    if (atEnd) setSeen(timeline.arrivals);
    if (up && !atEnd) setFollowing(false);
    else if (atEnd && timeline.session?.status === 'ACTIVE') setFollowing(true);
  }, [timeline, remember]);
  // What arrives while one sees the end is seen.
  if (following && unseen > 0) setSeen(timeline.arrivals);

  const toggle = useCallback((id: string) => timeline.toggle(id), [timeline]);

  const missing = items.map(({ index }) => rows[index]).filter((row) => row?.kind === 'missing');
  const wanted = missing[missing.length >> 1];
  useEffect(() => {
    wanted?.of.want(wanted.index);
  }, [wanted, rows]);

  const select = useCallback((event: string | undefined) => void navigate({ search: (before) => ({ ...before, event }), replace: true }), [navigate]);
  const goTo = useCallback(
    (index: number) => {
      setFollowing(false);
      virtual.scrollToIndex(index, { align: 'start' });
    },
    [virtual],
  );
  // The event that the address names comes into sight as soon as it is there.
  const shown = useRef<string>(undefined);
  useEffect(() => {
    if (selected === undefined || shown.current === selected) return;
    const index = rows.findIndex((row) => rowIs(row, selected));
    if (index < 0) return;
    shown.current = selected;
    virtual.scrollToIndex(index);
  }, [selected, rows, virtual]);

  useShortcuts(
    useCallback(
      (key) => {
        if (key === 'Escape') select(undefined);
        if (key === 'f' && isActive) setFollowing((before) => !before);
        if (key === 'Home') goTo(0);
        if (key === 'End') toEnd();
        if (key !== 'j' && key !== 'k') return;
        const step = key === 'j' ? 1 : -1;
        let index = rows.findIndex((row) => row.kind === 'event' && row.event.id === selected);
        do index += step;
        while (rows[index] && rows[index]!.kind !== 'event');
        const row = rows[index];
        if (row?.kind !== 'event') return;
        select(row.event.id);
        setFollowing(false);
      },
      [rows, selected, select, goTo, toEnd, isActive],
    ),
  );

  return (
    <div className="timeline">
      <div className="timeline-head">
        {rows.length < WORTH_JUMPING ? <span>Event</span> : <Jump rows={rows.length} onJump={goTo} onEnd={toEnd} />}
        <div className="ticks" aria-hidden>
          {ticks.map((tick) => (
            <span key={tick} style={{ left: `${(tick / (to - from)) * 100}%` }}>
              {duration(tick)}
            </span>
          ))}
        </div>
      </div>
      <div className="timeline-body" ref={scroller} onScroll={onScroll} tabIndex={0} role="list" aria-label="Timeline" aria-busy={!timeline.isComplete} data-total={rows.length}>
        <div style={{ height: virtual.getTotalSize(), position: 'relative' }}>
          {items.map((item) => (
            <TimelineRow
              key={item.key}
              row={rows[item.index]!}
              top={item.start}
              from={from}
              to={to}
              selected={rowIs(rows[item.index]!, selected)}
              onSelect={select}
              onToggle={toggle}
              position={item.index + 1}
              total={rows.length}
            />
          ))}
        </div>
        {rows.length === 0 && <div className="empty">{search ? (timeline.isComplete ? 'No event says that.' : 'No event says that so far; more are being read.') : isActive ? 'No event yet. They appear here as they happen.' : 'No event was reported.'}</div>}
      </div>
      {isActive && !following && (
        <button
          type="button"
          className="new-rows timeline-new"
          onClick={() => {
            setFollowing(true);
            toEnd();
          }}
        >
          <ArrowDown size={13} aria-hidden /> {unseen > 0 ? `${unseen} new` : 'Follow'}
        </button>
      )}
    </div>
  );
}

/** To the start, the end, or a row by its number. */
function Jump({ rows, onJump, onEnd }: { rows: number; onJump: (index: number) => void; onEnd: () => void }) {
  return (
    <form
      className="jump"
      onSubmit={(event) => {
        event.preventDefault();
        const number = Number(new FormData(event.currentTarget).get('row'));
        if (number >= 1) onJump(Math.min(rows, Math.floor(number)) - 1);
      }}
    >
      <input className="field" name="row" inputMode="numeric" aria-label={`Go to row, 1 to ${rows}`} placeholder="Go to row" autoComplete="off" />
      <span>of {count(rows)}</span>
      <button type="button" className="icon-button" aria-label="To the start" title="To the start (Home)" onClick={() => onJump(0)}>
        <ArrowUpToLine size={14} aria-hidden />
      </button>
      <button type="button" className="icon-button" aria-label="To the end" title="To the end (End)" onClick={onEnd}>
        <ArrowDownToLine size={14} aria-hidden />
      </button>
    </form>
  );
}

function isSame(a: Row | undefined, b: Row): boolean {
  if (a?.kind === 'event' && b.kind === 'event') return a.event.id === b.event.id;
  return a?.kind === 'session' && b.kind === 'session' && a.session.id === b.session.id;
}

const rowIs = (row: Row, selected: string | undefined) => selected !== undefined && row.kind === 'event' && row.event.id === selected;
