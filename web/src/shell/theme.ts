import { useSyncExternalStore } from 'react';

export type Theme = 'system' | 'light' | 'dark';

const KEY = 'sentrial-theme';
const watchers = new Set<() => void>();

function read(): Theme {
  const kept = localStorage.getItem(KEY);
  return kept === 'light' || kept === 'dark' ? kept : 'system';
}

/** Puts the chosen theme on the page; before the first paint, and when it changes. */
export function applyTheme(): void {
  const theme = read();
  if (theme === 'system') delete document.documentElement.dataset['theme'];
  else document.documentElement.dataset['theme'] = theme;
}

export function chooseTheme(theme: Theme): void {
  if (theme === 'system') localStorage.removeItem(KEY);
  else localStorage.setItem(KEY, theme);
  applyTheme();
  watchers.forEach((watcher) => watcher());
}

const systemDark = matchMedia('(prefers-color-scheme: dark)');
systemDark.addEventListener('change', () => watchers.forEach((watcher) => watcher()));

function watch(watcher: () => void) {
  watchers.add(watcher);
  return () => watchers.delete(watcher);
}

export const useTheme = () => useSyncExternalStore(watch, read);
/** Whether it is dark now, for what CSS does not reach: charts on a canvas. */
export const useDark = () => useSyncExternalStore(watch, () => (read() === 'system' ? systemDark.matches : read() === 'dark'));
