import { useVirtualizer } from '@tanstack/react-virtual';
import { ChevronDown, ChevronRight, Search } from 'lucide-react';
import { useEffect, useMemo, useRef, useState } from 'react';
import { bytes } from './format.ts';
import { jsonLines, textLines } from './json-lines.ts';
import type { JsonLine } from './json-lines.ts';
import { Text } from './text.tsx';
import './json-body.css';

/** A string within JSON is cut here; it can be opened. */
const LONG = 2_000;
/** From so many lines on, a document can be searched. */
const WORTH_SEARCHING = 12;

export type JsonForm = 'tree' | 'text';

/** The lines of a document, which of them are open, and what is searched in them. */
export type Json = ReturnType<typeof useJson>;

/** A JSON value as a tree, or a text as it is; also a large one: only the lines in sight are laid out. */
export function useJson(value: unknown, form: JsonForm) {
  const [closed, setClosed] = useState<ReadonlySet<string>>(new Set());
  const [opened, setOpened] = useState<ReadonlySet<string>>(new Set());
  const [search, setSearch] = useState('');
  const [at, setAt] = useState(0);
  const lines = useMemo(() => (form === 'text' ? textLines(String(value)) : jsonLines(value, closed)), [value, form, closed]);
  const found = useMemo(() => {
    const wanted = search.toLowerCase();
    return wanted === '' ? [] : lines.flatMap((line, index) => (`${line.name ?? ''} ${line.text}`.toLowerCase().includes(wanted) ? [index] : []));
  }, [lines, search]);
  const flip = (set: ReadonlySet<string>, path: string) => {
    const next = new Set(set);
    if (!next.delete(path)) next.add(path);
    return next;
  };
  return {
    form,
    lines,
    found,
    /** Which of those found is looked at. */
    at: found.length === 0 ? 0 : at % found.length,
    search,
    setSearch: (wanted: string) => {
      setSearch(wanted);
      setAt(0);
    },
    goOn: (step: 1 | -1) => setAt((before) => (before + step + found.length) % found.length),
    isWhole: (path: string) => opened.has(path),
    flip: (path: string) => setClosed((before) => flip(before, path)),
    flipWhole: (path: string) => setOpened((before) => flip(before, path)),
  };
}

/** Searches a document, where it is long enough to be worth it. */
export function JsonSearch({ json, label }: { json: Json; label: string }) {
  const { lines, found, at, search, setSearch, goOn } = json;
  if (lines.length < WORTH_SEARCHING) return null;
  return (
    <label className="json-search">
      <Search size={12} aria-hidden />
      <input aria-label={`Search in ${label}`} placeholder="Search" value={search} onChange={({ target }) => setSearch(target.value)} onKeyDown={({ key, shiftKey }) => key === 'Enter' && found.length > 0 && goOn(shiftKey ? -1 : 1)} />
      {search !== '' && <span className="muted">{found.length === 0 ? 'none' : `${at + 1}/${found.length}`}</span>}
    </label>
  );
}

export function JsonBody({ json, label, isProse = false }: { json: Json; label: string; isProse?: boolean }) {
  const { form, lines, found, at } = json;
  const scroller = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({ count: lines.length, getScrollElement: () => scroller.current, estimateSize: () => 20, overscan: 12, getItemKey: (index) => lines[index]!.path });
  const current = found[at];
  useEffect(() => {
    if (current !== undefined) virtual.scrollToIndex(current, { align: 'center' });
  }, [current, virtual]);
  return (
    <div className={`json-body${isProse ? ' json-prose' : ''}`} ref={scroller} tabIndex={0} role="group" aria-label={`${label}, content`}>
      <div style={{ height: virtual.getTotalSize(), position: 'relative' }}>
        {virtual.getVirtualItems().map((item) => {
          const line = lines[item.index]!;
          return (
            <div
              key={item.key}
              ref={virtual.measureElement}
              data-index={item.index}
              className={`json-line${item.index === current ? ' json-current' : found.includes(item.index) ? ' json-found' : ''}`}
              style={{ transform: `translateY(${item.start}px)`, paddingLeft: form === 'text' ? 0 : `${line.depth * 14 + 16}px` }}
            >
              {form === 'text' ? <Text>{line.text || '\u00a0'}</Text> : <Line line={line} isWhole={json.isWhole(line.path)} onFlip={() => json.flip(line.path)} onWhole={() => json.flipWhole(line.path)} />}
            </div>
          );
        })}
      </div>
    </div>
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
