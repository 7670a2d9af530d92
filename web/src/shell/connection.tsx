import { useSyncExternalStore } from 'react';
import { connectionState, watchConnection } from '../api/live.ts';
import type { Connection } from '../api/live.ts';

const WORDS: Readonly<Record<Connection, string>> = {
  idle: 'Not connected',
  connecting: 'Connecting…',
  live: 'Live',
  lost: 'Connection lost',
  'catching up': 'Catching up…',
  'caught up': 'Caught up',
};

export const useConnection = () => useSyncExternalStore(watchConnection, connectionState);

/** Whether what is shown is what is. */
export function ConnectionMark() {
  const state = useConnection();
  return (
    <span className="connection" data-state={state} role="status">
      {WORDS[state]}
    </span>
  );
}

/** Across the page while the connection is lost, and for a moment when all that was missed has come. */
export function ConnectionBanner() {
  const state = useConnection();
  if (state === 'lost') return <div className="banner" role="alert">Connection lost. What you see may be old; trying again…</div>;
  if (state === 'catching up') return <div className="banner banner-quiet">Connected again, catching up…</div>;
  if (state === 'caught up') return <div className="banner banner-quiet">Caught up: nothing was missed.</div>;
  return null;
}
