import { useSyncExternalStore } from 'react';

const NARROW = matchMedia('(max-width: 760px)');
const watch = (watcher: () => void) => {
  NARROW.addEventListener('change', watcher);
  return () => NARROW.removeEventListener('change', watcher);
};

/** Whether the page is as narrow as a phone. */
export const useNarrow = () => useSyncExternalStore(watch, () => NARROW.matches);
