import { queryOptions, useSuspenseQuery } from '@tanstack/react-query';
import { graphql } from '../api/graphql.ts';
import { request } from '../api/request.ts';

const VIEWER = graphql(`
  query Viewer {
    viewer {
      keyId
      keyName
      scopes
      project {
        id
        name
      }
    }
  }
`);

export const viewerQuery = queryOptions({ queryKey: ['viewer'], queryFn: async ({ signal }) => (await request(VIEWER, {}, signal)).viewer, staleTime: 60_000 });

/** Who is logged in. */
export const useViewer = () => useSuspenseQuery(viewerQuery).data;

/** Whether the key may do this; a key with the scope admin may do all. */
export function useMay(scope: 'ADMIN' | 'READ' | 'EVENTS_WRITE' | 'SESSIONS_WRITE'): boolean {
  const { scopes } = useViewer();
  return scopes.includes('ADMIN') || scopes.includes(scope);
}
