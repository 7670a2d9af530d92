import * as Popover from '@radix-ui/react-popover';
import { SlidersHorizontal, X } from 'lucide-react';
import { useEffect, useEffectEvent, useId, useState } from 'react';
import { STATUSES } from '../../ui/status.tsx';
import type { Status } from '../../ui/status.tsx';
import { isRange, RANGES } from '../range.ts';
import type { SessionRow } from './documents.ts';
import { isFiltered, NO_FILTER, statusesOf } from './view.ts';
import type { View } from './view.ts';

/** After the last key, in milliseconds: then the list follows what was written. */
const TYPING_MS = 250;

const MOST_SUGGESTED = 200;

/** What changes about the view. */
type Change = (change: Partial<View>) => void;

/** What the list is narrowed by. All of it stands in the address. */
export function Filters({ view, rows, onChange }: { view: View; rows: readonly SessionRow[]; onChange: Change }) {
  const statuses = statusesOf(view);
  const toggle = (status: Status) => onChange({ status: (statuses.includes(status) ? statuses.filter((each) => each !== status) : [...statuses, status]).join(',') });
  const more = [view.convo, view.meta, view.errors, view.from, view.to].filter(Boolean).length;
  return (
    <div className="filters" role="search">
      <Written label="Search" className="field search" type="search" placeholder="Search  /" title="In name, input, output, summary and ids" value={view.q} onChange={(q) => onChange({ q })} />
      <div className="toggles" role="group" aria-label="Status">
        {Object.entries(STATUSES).map(([status, { name }]) => (
          <button key={status} type="button" className="toggle" aria-pressed={statuses.includes(status as Status)} onClick={() => toggle(status as Status)}>
            {name}
          </button>
        ))}
      </div>
      <Written label="Agent" className="field name-filter" placeholder="Agent" value={view.agent} suggest={() => rows.map(({ agentName }) => agentName)} onChange={(agent) => onChange({ agent })} />
      <Written label="User" className="field name-filter" placeholder="User" value={view.user} suggest={() => rows.map(({ userId }) => userId)} onChange={(user) => onChange({ user })} />
      <select className="field" aria-label="Started" value={view.range ?? ''} onChange={({ target }) => onChange({ range: isRange(target.value) ? target.value : undefined, from: undefined, to: undefined })}>
        <option value="">{view.from || view.to ? 'As chosen' : 'Any time'}</option>
        {Object.entries(RANGES).map(([range, { name }]) => (
          <option key={range} value={range}>
            {name}
          </option>
        ))}
      </select>
      <Popover.Root>
        <Popover.Trigger className="button more-filters">
          <SlidersHorizontal size={14} aria-hidden /> More{more > 0 && ` (${more})`}
        </Popover.Trigger>
        <Popover.Portal>
          <Popover.Content className="popover" align="end" sideOffset={6} collisionPadding={12} aria-label="More filters">
            <label>
              Metadata <Written label="Metadata" className="field" placeholder="environment=production" value={view.meta} onChange={(meta) => onChange({ meta })} />
            </label>
            <label>
              Conversation <Written label="Conversation" className="field" placeholder="Conversation id" value={view.convo} onChange={(convo) => onChange({ convo })} />
            </label>
            <label>
              Errors
              <select className="field" value={view.errors ?? ''} onChange={({ target }) => onChange({ errors: target.value === 'yes' || target.value === 'no' ? target.value : undefined })}>
                <option value="">With or without</option>
                <option value="yes">With errors</option>
                <option value="no">Without errors</option>
              </select>
            </label>
            <label>
              Started after
              <input className="field" type="datetime-local" value={view.from ?? ''} onChange={({ target }) => onChange({ from: target.value, range: undefined })} />
            </label>
            <label>
              Started before
              <input className="field" type="datetime-local" value={view.to ?? ''} onChange={({ target }) => onChange({ to: target.value, range: undefined })} />
            </label>
            <label>
              Sort by
              <select className="field" value={view.sort ?? ''} onChange={({ target }) => onChange({ sort: (target.value || undefined) as View['sort'], order: undefined })}>
                <option value="">Start, newest first</option>
                <option value="changed">Last change</option>
                <option value="duration">Duration, of those that ended</option>
                <option value="cost">Cost, of those that ended</option>
              </select>
            </label>
          </Popover.Content>
        </Popover.Portal>
      </Popover.Root>
      {isFiltered(view) && (
        <button type="button" className="button" onClick={() => onChange(NO_FILTER)}>
          <X size={14} aria-hidden /> Clear
        </button>
      )}
    </div>
  );
}

type WrittenProps = { label: string; className: string; type?: string; placeholder: string; title?: string; value: string | undefined; /** What may be meant: asked when one comes to the field. */ suggest?: () => readonly string[]; onChange: (value: string) => void };

/** A field that passes on what was written once the writer pauses. */
function Written({ label, className, type = 'text', placeholder, title, value = '', suggest, onChange }: WrittenProps) {
  const [written, setWritten] = useState(value);
  const [seen, setSeen] = useState(value);
  const [passedOn, setPassedOn] = useState(value);
  const [suggested, setSuggested] = useState<readonly string[]>([]);
  const id = useId();
  // What comes from elsewhere (the address, "Clear") wins over what stands here.
  if (value !== seen) {
    setSeen(value);
    if (value !== passedOn) {
      setPassedOn(value);
      setWritten(value);
    }
  }
  const passOn = useEffectEvent(() => {
    setPassedOn(written);
    onChange(written);
  });
  useEffect(() => {
    if (written === passedOn) return;
    const timer = setTimeout(passOn, TYPING_MS);
    return () => clearTimeout(timer);
  }, [written, passedOn]);
  return (
    <>
      <input className={className} type={type} aria-label={label} placeholder={placeholder} title={title} value={written} list={suggest && id} onChange={({ target }) => setWritten(target.value)} autoComplete="off" spellCheck={false} onFocus={() => suggest && setSuggested([...new Set(suggest())].sort().slice(0, MOST_SUGGESTED))} />
      {suggest && (
        <datalist id={id}>
          {suggested.map((option) => (
            <option key={option} value={option} />
          ))}
        </datalist>
      )}
    </>
  );
}
