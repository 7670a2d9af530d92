import { keepPreviousData, useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';
import { onSign } from '../api/signs.ts';

/** Figures are asked for again at most so often while sessions change, in milliseconds. */
const AT_MOST_EVERY_MS = 1_500;

/** Asks a query again whenever a session changes; not by the clock. */
export function useSigns(key: readonly unknown[]): void {
  const queries = useQueryClient();
  const name = JSON.stringify(key);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const stop = onSign(() => {
      timer ??= setTimeout(() => {
        timer = undefined;
        void queries.invalidateQueries({ queryKey: JSON.parse(name) as unknown[] });
      }, AT_MOST_EVERY_MS);
    });
    return () => {
      stop();
      clearTimeout(timer);
    };
  }, [queries, name]);
}

/** A query that follows what happens. */
export function useLiveQuery<Data>(key: readonly unknown[], ask: (signal: AbortSignal) => Promise<Data>) {
  useSigns(key);
  return useQuery({ queryKey: key, queryFn: ({ signal }) => ask(signal), placeholderData: keepPreviousData });
}
