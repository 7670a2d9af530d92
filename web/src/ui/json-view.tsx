import { useVirtualizer } from '@tanstack/react-virtual';
import { ChevronDown, ChevronRight, Search } from 'lucide-react';
import { useEffect, useMemo, useRef, useState } from 'react';
import { CopyButton } from './copy.tsx';
import { bytes } from './format.ts';
import { jsonLines, textLines } from './json-lines.ts';
import type { JsonLine } from './json-lines.ts';
import { plainly } from './plain-text.ts';
import { Text } from './text.tsx';
import './json-view.css';

/** A string within JSON is cut here; it can be opened. */
const LONG = 2_000;
/** From so many lines on, a document can be searched. */
const WORTH_SEARCHING = 12;

/** Any JSON value, also a large one: only the lines in sight are laid out. Text is shown as text. */
export function JsonView({ value, label: given }: { value: unknown; label: string }) {
  const label = plainly(given).slice(0, 120); // a role that an agent gave
  const [closed, setClosed] = useState<ReadonlySet<string>>(new Set());
  const [opened, setOpened] = useState<ReadonlySet<string>>(new Set());
  const [search, setSearch] = useState('');
  const [at, setAt] = useState(0);
  const scroller = useRef<HTMLDivElement>(null);
  const isText = typeof value === 'string';
  const source = useMemo(() => (isText ? value : JSON.stringify(value, null, 2)), [value, isText]);
  const lines = useMemo(() => (isText ? textLines(value) : jsonLines(value, closed)), [value, isText, closed]);
  const found = useMemo(() => {
    const wanted = search.toLowerCase();
    return wanted === '' ? [] : lines.flatMap((line, index) => (`${line.name ?? ''} ${line.text}`.toLowerCase().includes(wanted) ? [index] : []));
  }, [lines, search]);

  const virtual = useVirtualizer({ count: lines.length, getScrollElement: () => scroller.current, estimateSize: () => 20, overscan: 12, getItemKey: (index) => lines[index]!.path });
  const current = found[at % Math.max(1, found.length)];
  useEffect(() => {
    if (current !== undefined) virtual.scrollToIndex(current, { align: 'center' });
  }, [current, virtual]);

  const flip = (set: ReadonlySet<string>, path: string) => {
    const next = new Set(set);
    if (!next.delete(path)) next.add(path);
    return next;
  };
  return (
    <section className="json" aria-label={label}>
      <div className="json-head">
        <h3>{label}</h3>
        <span className="muted">{source.length > 1_024 && bytes(source.length)}</span>
        {lines.length >= WORTH_SEARCHING && (
          <label className="json-search">
            <Search size={12} aria-hidden />
            <input
              aria-label={`Search in ${label}`}
              placeholder="Search"
              value={search}
              onChange={({ target }) => {
                setSearch(target.value);
                setAt(0);
              }}
              onKeyDown={({ key, shiftKey }) => key === 'Enter' && found.length > 0 && setAt((before) => (before + (shiftKey ? found.length - 1 : 1)) % found.length)}
            />
            {search !== '' && <span className="muted">{found.length === 0 ? 'none' : `${(at % found.length) + 1}/${found.length}`}</span>}
          </label>
        )}
        <CopyButton text={source} label={`Copy ${label}`} />
      </div>
      <div className={`json-body${isText ? ' json-text' : ''}`} ref={scroller} tabIndex={0} role="group" aria-label={`${label}, content`}>
        <div style={{ height: virtual.getTotalSize(), position: 'relative' }}>
          {virtual.getVirtualItems().map((item) => {
            const line = lines[item.index]!;
            return (
              <div
                key={item.key}
                ref={virtual.measureElement}
                data-index={item.index}
                className={`json-line${item.index === current ? ' json-current' : found.includes(item.index) ? ' json-found' : ''}`}
                style={{ transform: `translateY(${item.start}px)`, paddingLeft: isText ? 0 : `${line.depth * 14 + 16}px` }}
              >
                {isText ? (
                  <Text>{line.text || '\u00a0'}</Text>
                ) : (
                  <Line line={line} isWhole={opened.has(line.path)} onFlip={() => setClosed((before) => flip(before, line.path))} onWhole={() => setOpened((before) => flip(before, line.path))} />
                )}
              </div>
            );
          })}
        </div>
      </div>
    </section>
  );
}

function Line({ line, isWhole, onFlip, onWhole }: { line: JsonLine; isWhole: boolean; onFlip: () => void; onWhole: () => void }) {
  const { name, kind, text } = line;
  const isLong = kind === 'string' && text.length > LONG;
  const canFlip = kind === 'open' || (kind === 'closed' && text.length > 2);
  const Chevron = kind === 'open' ? ChevronDown : ChevronRight;
  return (
    <>
      {canFlip && (
        <button type="button" className="json-flip" aria-expanded={kind === 'open'} aria-label={`${kind === 'open' ? 'Close' : 'Open'} ${name ?? 'item'}`} onClick={onFlip}>
          <Chevron size={12} aria-hidden />
        </button>
      )}
      {name !== undefined && (
        <span className="json-name">
          <Text limit={200}>{name}</Text>:{' '}
        </span>
      )}
      <span className={`json-${kind}`}>
        {kind === 'string' && '"'}
        <Text>{isLong && !isWhole ? text.slice(0, LONG) : text}</Text>
        {kind === 'string' && (isLong && !isWhole ? '…' : '"')}
      </span>
      {isLong && (
        <button type="button" className="json-more" onClick={onWhole}>
          {isWhole ? 'less' : `all ${bytes(text.length)}`}
        </button>
      )}
    </>
  );
}
