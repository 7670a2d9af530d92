import type { ReactNode } from 'react';
import { useMemo, useState } from 'react';
import { JsonBody, JsonSearch, useJson } from './json-body.tsx';
import { JsonFrame } from './json-view.tsx';

/**
 * What was recorded, in the form that reads best: `children`, else JSON as a tree and text as it is. Whatever that form
 * leaves out, the raw form shows: the JSON, as it was recorded.
 */
export function Payload({ value, label, children }: { value: unknown; label: string; children?: ReactNode }) {
  const [isRaw, setRaw] = useState(false);
  const raw = useMemo(() => JSON.stringify(value, null, 2), [value]);
  const isText = typeof value === 'string';
  const isOwn = children !== undefined && !isRaw;
  const shown = isOwn ? '' : isRaw ? raw : value;
  const json = useJson(shown, typeof shown === 'string' ? 'text' : 'tree');
  const tools = (
    <>
      <JsonSearch json={json} label={label} />
      <span className="views" role="group" aria-label={`Form of ${label}`}>
        <button type="button" aria-pressed={!isRaw} onClick={() => setRaw(false)}>
          Formatted
        </button>
        <button type="button" aria-pressed={isRaw} onClick={() => setRaw(true)}>
          Raw
        </button>
      </span>
    </>
  );
  return (
    <JsonFrame label={label} copied={isText && !isRaw ? value : raw} tools={tools}>
      {isOwn ? <div className="json-own">{children}</div> : <JsonBody json={json} label={label} isProse={isText && !isRaw} />}
    </JsonFrame>
  );
}
