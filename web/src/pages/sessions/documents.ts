import type { ResultOf } from 'gql.tada';
import { graphql } from '../../api/graphql.ts';

/** What a row of the list needs; no payloads. */
export const SESSION_ROW = graphql(`
  fragment SessionRow on Session {
    id
    cursor
    name
    agentName
    userId
    convoId
    parentSessionId
    status
    createdAt
    clientTimestamp
    durationMs
    totalTokens
    estimatedCost
    eventCount
    errorCount
    lastEventAt
  }
`);

export type SessionRow = ResultOf<typeof SESSION_ROW>;

export const SESSIONS = graphql(
  `
    query Sessions($filter: SessionFilter, $orderBy: SessionOrder, $first: Int!, $after: String) {
      sessions(filter: $filter, orderBy: $orderBy, first: $first, after: $after) {
        edges {
          node {
            ...SessionRow
          }
        }
        pageInfo {
          hasNextPage
          endCursor
        }
      }
    }
  `,
  [SESSION_ROW],
);

export const SESSION_UPDATES = graphql(
  `
    subscription SessionUpdates($after: Cursor, $filter: SessionFilter) {
      sessionUpdates(after: $after, filter: $filter) {
        cursor
        session {
          ...SessionRow
        }
      }
    }
  `,
  [SESSION_ROW],
);

/** The newest place in the log: read before anything else, so that following from there misses nothing. */
export const HEAD = graphql(`
  query Head {
    viewer {
      project {
        cursor
      }
    }
  }
`);

/** The place of the newest change of the sessions that a filter wants. */
export const NEWEST_CHANGE = graphql(`
  query NewestChange($filter: SessionFilter) {
    sessions(filter: $filter, first: 1, orderBy: { field: LAST_CHANGE, direction: DESC }) {
      edges {
        node {
          cursor
        }
      }
    }
  }
`);
