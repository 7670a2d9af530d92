import { keepPreviousData, useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';
import { onSign } from '../api/signs.ts';

/** Figures are asked for again at most so often while sessions change, in milliseconds … */
const AT_MOST_EVERY_MS = 1_500;
/** … and so many times more seldom than it takes to answer, so that looking does not keep the server busy. */
const REST = 10;

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Asks a query again whenever a session changes; not by the clock. */
export function useSigns(key: readonly unknown[]): void {
  const queries = useQueryClient();
  const name = JSON.stringify(key);
  useEffect(() => {
    let isOld = false;
    let asking = false;
    let stopped = false;
    async function ask() {
      asking = true;
      while (isOld && !stopped) {
        isOld = false;
        const began = performance.now();
        await queries.invalidateQueries({ queryKey: JSON.parse(name) as unknown[] });
        await pause(Math.max(AT_MOST_EVERY_MS, REST * (performance.now() - began)));
      }
      asking = false;
    }
    const stop = onSign(() => {
      isOld = true;
      if (!asking) void ask();
    });
    return () => {
      stopped = true;
      stop();
    };
  }, [queries, name]);
}

/** A query that follows what happens. */
export function useLiveQuery<Data>(key: readonly unknown[], ask: (signal: AbortSignal) => Promise<Data>) {
  useSigns(key);
  return useQuery({ queryKey: key, queryFn: ({ signal }) => ask(signal), placeholderData: keepPreviousData });
}
