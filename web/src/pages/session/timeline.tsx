import { useNavigate } from '@tanstack/react-router';
import { useVirtualizer } from '@tanstack/react-virtual';
import { ArrowDown } from 'lucide-react';
import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { useShortcuts } from '../../shell/keyboard.tsx';
import { duration } from '../../ui/format.ts';
import { ticksOf } from './ticks.ts';
import { TimelineRow } from './timeline-row.tsx';
import type { LiveTimeline, Row } from './live-timeline.ts';

const ROW = 32;
/** So near to the end, in pixels, one is at the end. */
const AT_END = 8;

/** Every event in order beside its place in time. */
export function Timeline({ timeline, rows, selected, search }: { timeline: LiveTimeline; rows: readonly Row[]; selected: string | undefined; search: string }) {
  const navigate = useNavigate({ from: '/sessions/$id' });
  const scroller = useRef<HTMLDivElement>(null);
  const isActive = timeline.session?.status === 'ACTIVE';
  const [following, setFollowing] = useState(isActive);
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

  const scrolledTo = useRef(0);
  const onScroll = useCallback(() => {
    const { scrollTop, clientHeight, scrollHeight } = scroller.current!;
    const up = scrollTop < scrolledTo.current;
    scrolledTo.current = scrollTop;
    const atEnd = scrollHeight - scrollTop - clientHeight < AT_END;
    if (atEnd) setSeen(timeline.arrivals);
    if (up && !atEnd) setFollowing(false);
    else if (atEnd && timeline.session?.status === 'ACTIVE') setFollowing(true);
  }, [timeline]);
  // What arrives while one sees the end is seen.
  if (following && unseen > 0) setSeen(timeline.arrivals);

  const toggle = useCallback((id: string) => timeline.toggle(id), [timeline]);

  const lastRow = rows[items.at(-1)?.index ?? 0];
  useEffect(() => {
    if (lastRow?.kind === 'missing') timeline.wantTail();
  }, [lastRow, timeline]);

  const select = useCallback((event: string | undefined) => void navigate({ search: (before) => ({ ...before, event }), replace: true }), [navigate]);
  useShortcuts(
    useCallback(
      (key) => {
        if (key === 'Escape') select(undefined);
        if (key === 'f') setFollowing((before) => !before);
        if (key !== 'j' && key !== 'k') return;
        const step = key === 'j' ? 1 : -1;
        let index = rows.findIndex((row) => row.kind === 'event' && row.event.id === selected);
        do index += step;
        while (rows[index] && rows[index]!.kind !== 'event');
        const row = rows[index];
        if (row?.kind !== 'event') return;
        select(row.event.id);
        setFollowing(false);
        virtual.scrollToIndex(index);
      },
      [rows, selected, select, virtual],
    ),
  );

  return (
    <div className="timeline">
      <div className="timeline-head" aria-hidden>
        <span>Event</span>
        <div className="ticks">
          {ticks.map((tick) => (
            <span key={tick} style={{ left: `${(tick / (to - from)) * 100}%` }}>
              {duration(tick)}
            </span>
          ))}
        </div>
      </div>
      <div className="timeline-body" ref={scroller} onScroll={onScroll} tabIndex={0} role="list" aria-label="Timeline" data-total={rows.length}>
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
        {rows.length === 0 && <div className="empty">{search ? 'No event says that.' : isActive ? 'No event yet. They appear here as they happen.' : 'No event was reported.'}</div>}
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

const rowIs = (row: Row, selected: string | undefined) => selected !== undefined && row.kind === 'event' && row.event.id === selected;
