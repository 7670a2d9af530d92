import { useMemo, useState } from 'react';
import { JsonView } from '../../ui/json-view.tsx';
import { Payload } from '../../ui/payload.tsx';
import { plainly } from '../../ui/plain-text.ts';
import { messagesOf } from './message-parts.ts';
import type { Message, Part } from './message-parts.ts';

/** What goes to a model and comes from it: as a talk where it is in a form of messages that is known. */
export function Messages({ value, label }: { value: unknown; label: string }) {
  const messages = useMemo(() => messagesOf(value), [value]);
  return (
    <Payload value={value} label={label}>
      {messages && <Talk messages={messages} />}
    </Payload>
  );
}

/** So many parts are laid out at once. */
const STEP = 200;

function Talk({ messages }: { messages: readonly Message[] }) {
  const [shown, setShown] = useState(STEP);
  const parts = messages.flatMap(({ role, parts }) => parts.map((part) => ({ role, part })));
  return (
    <>
      {parts.slice(0, shown).map(({ role, part }, index) => (
        <PartView key={index} role={role} part={part} />
      ))}
      {shown < parts.length && (
        <button type="button" className="button" onClick={() => setShown((before) => before + STEP)}>
          Show more: {parts.length - shown} are left
        </button>
      )}
    </>
  );
}

const LONGEST_LABEL = 120;

function PartView({ role, part }: { role: string | undefined; part: Part }) {
  const box = (what: readonly (string | undefined)[], value: unknown, isCode?: boolean) => {
    const label = what.filter((word) => word !== undefined).join(' · ');
    return <JsonView label={plainly(label).slice(0, LONGEST_LABEL)} value={value} isCode={isCode} />; // roles and names are an agent's
  };
  switch (part.kind) {
    case 'text':
      return box([role ?? 'text'], part.text);
    case 'thinking':
      return box([role, 'thinking'], part.text);
    case 'call':
      return box([role, 'tool call', part.id], callText(part.name, part.input), true);
    case 'result':
      return box([role === 'tool' ? undefined : role, part.isError ? 'tool error' : 'tool result', part.name, part.id], part.content);
    case 'other':
      return box([role, part.type ?? 'other'], part.value);
    case 'further':
      return box([role, 'further fields'], part.value);
  }
}

/** Arguments of a call stand in one line up to this length. */
const ONE_LINE = 80;

/** find_order({"order":4711}) */
function callText(name: string, input: unknown): string {
  if (input === undefined || typeof input === 'string') return `${name}(${input ?? ''})`;
  const line = JSON.stringify(input);
  return `${name}(${line.length <= ONE_LINE ? line : JSON.stringify(input, null, 2)})`;
}
