import { graphql } from './graphql.ts';
import { follow } from './live.ts';
import { ApiError, request } from './request.ts';

// That something changed, for what is asked again then: figures and lists without a stream of their own.

const HEAD = graphql(`
  query SignsHead {
    viewer {
      project {
        cursor
      }
    }
  }
`);
const NEWEST = graphql(`
  query SignsNewest {
    sessions(first: 1, orderBy: { field: LAST_CHANGE, direction: DESC }) {
      edges {
        node {
          cursor
        }
      }
    }
  }
`);
const SIGNS = graphql(`
  subscription Signs($after: Cursor) {
    sessionUpdates(after: $after) {
      cursor
    }
  }
`);

const listeners = new Set<() => void>();

/** Calls back whenever a session changed. */
export function onSign(callback: () => void): () => void {
  listeners.add(callback);
  return () => listeners.delete(callback);
}

const AGAIN_MS = 4_000;

/** Begins to listen; returns how to end it. */
export function listenForSigns(): () => void {
  const stopping = new AbortController();
  let stop = () => {};
  const begin = () => void request(HEAD, {}, stopping.signal).then(
    ({ viewer }) => {
      if (stopping.signal.aborted) return;
      stop = follow(
        SIGNS,
        { after: viewer.project.cursor },
        {
          newest: async () => (await request(NEWEST, {}, stopping.signal)).sessions.edges[0]?.node.cursor,
          next: ({ sessionUpdates: { cursor } }) => {
            listeners.forEach((listener) => listener());
            return cursor;
          },
        },
      );
    },
    (error: unknown) => {
      if (stopping.signal.aborted || (error instanceof ApiError && error.code === 'FORBIDDEN')) return; // a key that may not read; the pages say so
      const timer = setTimeout(begin, AGAIN_MS);
      stop = () => clearTimeout(timer);
    },
  );
  begin();
  return () => {
    stopping.abort();
    stop();
  };
}
