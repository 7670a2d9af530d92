import { useInfiniteQuery } from '@tanstack/react-query';
import { useSigns } from './use-live-query.ts';

type PageOf<Node> = { edges: readonly { node: Node }[]; pageInfo: { hasNextPage: boolean; endCursor: string | null } };

/** A list by pages that follows what happens. `nodes` is undefined until the first page has come. */
export function usePages<Node>(key: readonly unknown[], ask: (after: string | null, signal: AbortSignal) => Promise<PageOf<Node>>) {
  useSigns(key);
  const { data, error, refetch, hasNextPage, fetchNextPage, isFetchingNextPage } = useInfiniteQuery({
    queryKey: key,
    queryFn: ({ signal, pageParam }) => ask(pageParam, signal),
    initialPageParam: null as string | null,
    getNextPageParam: ({ pageInfo }) => (pageInfo.hasNextPage ? pageInfo.endCursor : undefined),
  });
  return { nodes: data?.pages.flatMap(({ edges }) => edges.map(({ node }) => node)), error, retry: () => void refetch(), hasMore: hasNextPage, more: () => void fetchNextPage(), isReading: isFetchingNextPage };
}
