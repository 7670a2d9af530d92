import { useNavigate, useSearch } from '@tanstack/react-router';
import { useVirtualizer } from '@tanstack/react-virtual';
import { ArrowDown, ArrowUp } from 'lucide-react';
import { useCallback, useEffect, useEffectEvent, useRef, useState, useSyncExternalStore } from 'react';
import { Fault } from '../../shell/faults.tsx';
import { useShortcuts } from '../../shell/keyboard.tsx';
import { useNarrow } from '../../ui/media.ts';
import { Start } from '../start/start.tsx';
import { Filters } from './filters.tsx';
import { LiveSessions, NOTHING_YET } from './live-sessions.ts';
import { SessionLine } from './session-line.tsx';
import { filterOf, isFiltered, orderOf } from './view.ts';
import type { Sort, View } from './view.ts';
import './sessions.css';

const ROW = 36;
const NARROW_ROW = 64;

const COLUMNS: readonly (readonly [name: string, className: string, sort?: Sort | 'started'])[] = [
  ['Status', 'c-status'],
  ['Session', 'c-name'],
  ['Agent', 'c-agent'],
  ['User', 'c-user'],
  ['Conversation', 'c-convo'],
  ['Started', 'c-started', 'started'],
  ['Duration', 'c-duration number', 'duration'],
  ['Events', 'c-events number'],
  ['Tokens', 'c-tokens number'],
  ['Cost', 'c-cost number', 'cost'],
];

/** The list of a view; a new one for each filter and order, and where one has become long. The one before is shown until the new one has come. */
function useSessions(view: View) {
  const [list, setList] = useState<LiveSessions>();
  const [beginning, setBeginning] = useState(0);
  const key = JSON.stringify([filterOf(view, 0), orderOf(view)]);
  const make = useEffectEvent(() => new LiveSessions(filterOf(view, Date.now()), orderOf(view)));
  useEffect(() => {
    const next = make();
    let stopped = false;
    next.watch(() => {
      if (next.get().isLong) setBeginning((before) => before + 1);
    });
    void next.start().then(() => !stopped && setList(next));
    return () => {
      stopped = true;
      next.stop();
    };
  }, [key, beginning]);
  const listed = useSyncExternalStore(
    useCallback((watcher) => list?.watch(watcher) ?? (() => {}), [list]),
    () => list?.get() ?? NOTHING_YET,
  );
  return { list, ...listed };
}

/** Every session of the project: live, filtered, sorted, as many as there are. */
export function SessionsPage() {
  const view = useSearch({ from: '/sessions' });
  const { list, rows, waiting, arrived, hasMore, loading, fault } = useSessions(view);
  const navigate = useNavigate({ from: '/sessions' });
  const scroller = useRef<HTMLDivElement>(null);
  const [selected, setSelected] = useState<string>();
  const height = useNarrow() ? NARROW_ROW : ROW;

  const virtual = useVirtualizer({
    count: rows.length + (hasMore ? 1 : 0),
    getScrollElement: () => scroller.current,
    estimateSize: () => height,
    getItemKey: useCallback((index: number) => rows[index]?.id ?? 'more', [rows]),
    overscan: 12,
  });
  const items = virtual.getVirtualItems();
  useEffect(() => virtual.measure(), [height, virtual]);

  const lastShown = items.at(-1)?.index ?? 0;
  useEffect(() => {
    if (hasMore && lastShown >= rows.length - 20) void list?.more();
  }, [lastShown, rows.length, hasMore, list]);

  const onScroll = useCallback(() => list?.hold((scroller.current?.scrollTop ?? 0) > height), [list, height]);
  const toTop = () => {
    scroller.current?.scrollTo({ top: 0 });
    list?.release();
  };

  useShortcuts(
    useCallback(
      (key) => {
        const index = rows.findIndex(({ id }) => id === selected);
        if (key === 'j' || key === 'k') {
          const next = Math.min(rows.length - 1, Math.max(0, index + (key === 'j' ? 1 : -1)));
          const row = rows[next];
          if (!row) return;
          setSelected(row.id);
          virtual.scrollToIndex(next);
        } else if (key === 'Enter' && selected !== undefined && document.activeElement?.tagName !== 'A') void navigate({ to: '/sessions/$id', params: { id: selected }, search: {} });
      },
      [rows, selected, virtual, navigate],
    ),
  );

  const sortBy = (sort: Sort | 'started') => {
    const current = view.sort ?? 'started';
    const order = current === sort && view.order !== 'asc' ? ('asc' as const) : undefined;
    void navigate({ search: (before) => ({ ...before, sort: sort === 'started' ? undefined : sort, order }), replace: true });
  };

  if (!loading && rows.length === 0 && !isFiltered(view) && !view.sort && !fault) return <Start />;
  return (
    <div className="sessions">
      <div className="sessions-head">
        <h1>Sessions</h1>
        <Filters view={view} rows={rows} onChange={(change) => void navigate({ search: (before) => ({ ...before, ...change }), replace: true })} />
      </div>
      {fault && <Fault error={fault} onRetry={() => void list?.retry()} />}
      <div className="table" role="table" aria-label="Sessions" aria-rowcount={hasMore ? -1 : rows.length} aria-busy={loading}>
        <div className="table-head line" role="row">
          {COLUMNS.map(([name, className, sort]) => {
            const isSorted = sort !== undefined && (view.sort ?? 'started') === sort;
            const Arrow = view.order === 'asc' ? ArrowUp : ArrowDown;
            return (
              <div key={name} className={className} role="columnheader" aria-sort={isSorted ? (view.order === 'asc' ? 'ascending' : 'descending') : undefined}>
                {sort ? (
                  <button type="button" className="sort" onClick={() => sortBy(sort)} title={`Sort by ${name.toLowerCase()}`}>
                    {name} {isSorted && <Arrow size={12} aria-hidden />}
                  </button>
                ) : (
                  name
                )}
              </div>
            );
          })}
        </div>
        {waiting > 0 && (
          <button type="button" className="new-rows" onClick={toTop}>
            {waiting} new
          </button>
        )}
        <div className="table-body" ref={scroller} onScroll={onScroll} tabIndex={0} role="rowgroup" aria-label="Rows">
          <div style={{ height: virtual.getTotalSize(), position: 'relative' }}>
            {items.map((item) => {
              const row = rows[item.index];
              const style = { transform: `translateY(${item.start}px)`, height: item.size };
              return row ? (
                <SessionLine key={item.key} row={row} style={style} index={item.index} selected={row.id === selected} arrived={arrived.has(row.id)} />
              ) : (
                <div key={item.key} className="line line-more muted" style={style} role="row">
                  <div role="cell">Loading more…</div>
                </div>
              );
            })}
          </div>
          {!loading && !fault && rows.length === 0 && <div className="empty">No session matches. Loosen a filter, or wait: new ones appear here.</div>}
        </div>
      </div>
    </div>
  );
}
