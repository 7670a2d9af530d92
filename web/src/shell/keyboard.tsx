import { useNavigate } from '@tanstack/react-router';
import { useEffect, useState } from 'react';
import { Dialog } from '../ui/dialog.tsx';

const SHORTCUTS: readonly (readonly [keys: readonly string[], what: string])[] = [
  [['/'], 'Search'],
  [['j', 'k'], 'Next and previous row'],
  [['Enter'], 'Open the row'],
  [['Esc'], 'Close what is open; leave the search'],
  [['g', 'o'], 'Overview'],
  [['g', 's'], 'Sessions'],
  [['g', 'c'], 'Conversations'],
  [['g', 'a'], 'Agents'],
  [['g', 'u'], 'Users'],
  [['g', 't'], 'Tokens and cost'],
  [['Home', 'End'], 'In a session: its start and its end'],
  [['f'], 'In a session: follow what is new'],
  [['?'], 'This help'],
];

const PLACES = { o: '/overview', s: '/sessions', c: '/conversations', a: '/agents', u: '/users', t: '/usage' } as const;
const GO_WITHIN_MS = 1_000;

const isTyping = (target: EventTarget | null) => target instanceof HTMLElement && (target.matches('input, textarea, select') || target.isContentEditable);

/** Whether a key was meant as a shortcut: not while writing, in a dialog, or with a modifier. */
export const isShortcut = (event: KeyboardEvent) => !event.defaultPrevented && !event.ctrlKey && !event.metaKey && !event.altKey && !isTyping(event.target) && !document.querySelector('dialog[open]');

/** Calls back for shortcuts while the component is there. */
export function useShortcuts(onKey: (key: string, event: KeyboardEvent) => void): void {
  useEffect(() => {
    const listen = (event: KeyboardEvent) => {
      if (isShortcut(event)) onKey(event.key, event);
    };
    window.addEventListener('keydown', listen);
    return () => window.removeEventListener('keydown', listen);
  }, [onKey]);
}

/** The shortcuts that work everywhere, and their help. */
export function Keyboard() {
  const navigate = useNavigate();
  const [help, setHelp] = useState(false);
  useEffect(() => {
    let wentAt = 0;
    const listen = (event: KeyboardEvent) => {
      if (event.key === 'Escape' && isTyping(event.target)) return (event.target as HTMLElement).blur();
      if (!isShortcut(event)) return;
      const place = PLACES[event.key as keyof typeof PLACES];
      if (event.key === '?') setHelp(true);
      else if (event.key === 'g') wentAt = event.timeStamp;
      else if (place && event.timeStamp - wentAt < GO_WITHIN_MS) void navigate({ to: place });
      else if (event.key === '/') {
        const search = document.querySelector<HTMLInputElement>('input[type=search]');
        if (!search) return;
        event.preventDefault();
        search.focus();
        search.select();
      }
    };
    window.addEventListener('keydown', listen);
    return () => window.removeEventListener('keydown', listen);
  }, [navigate]);
  if (!help) return null;
  return (
    <Dialog title="Keyboard" onClose={() => setHelp(false)}>
      <dl className="keys">
        {SHORTCUTS.map(([keys, what]) => (
          <div key={what} style={{ display: 'contents' }}>
            <dt>
              {keys.map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
