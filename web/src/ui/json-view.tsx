import type { ReactNode } from 'react';
import { useMemo } from 'react';
import { CopyButton } from './copy.tsx';
import { bytes } from './format.ts';
import { JsonBody, JsonSearch, useJson } from './json-body.tsx';

/** A box with a head: its label, its tools, and a button that copies all that is in it. */
export function JsonFrame({ label, copied, tools, children }: { label: string; copied: string; tools: ReactNode; children: ReactNode }) {
  return (
    <div className="json" role="group" aria-label={label}>
      <div className="json-head">
        <h3>{label}</h3>
        <span className="muted">{copied.length > 1_024 && bytes(copied.length)}</span>
        {tools}
        <CopyButton text={copied} label={`Copy ${label}`} />
      </div>
      {children}
    </div>
  );
}

/** A JSON value as a tree, or a text as it is. */
export function JsonView({ value, label, isCode = false }: { value: unknown; label: string; isCode?: boolean }) {
  const isText = typeof value === 'string';
  const source = useMemo(() => (isText ? value : JSON.stringify(value, null, 2)), [value, isText]);
  const json = useJson(value, isText ? 'text' : 'tree');
  return (
    <JsonFrame label={label} copied={source} tools={<JsonSearch json={json} label={label} />}>
      <JsonBody json={json} label={label} isProse={isText && !isCode} />
    </JsonFrame>
  );
}
