import type { ResultOf } from 'gql.tada';
import { graphql } from '../../api/graphql.ts';
import { SESSION_ROW } from '../sessions/documents.ts';

/** What a row of the timeline needs. Payloads are read when an event is opened. */
export const EVENT_ROW = graphql(`
  fragment EventRow on Event {
    __typename
    id
    cursor
    eventType
    createdAt
    clientTimestamp
    durationMs
    estimatedCost
    totalTokens
    parentEventId
    ... on ToolCallEvent {
      toolName
      status
      toolError
    }
    ... on LlmDecisionEvent {
      reasoning
      chosen
      confidence
    }
    ... on LlmCallEvent {
      model
      status
      toolError
    }
    ... on StateChangeEvent {
      reasoning
    }
    ... on ErrorEvent {
      errorType
      errorMessage
      recoverable
    }
  }
`);

export type EventRow = ResultOf<typeof EVENT_ROW>;

/** The figures of a session, without its payloads. */
export const SESSION_HEAD = graphql(
  `
    fragment SessionHead on Session {
      ...SessionRow
      success
      failureReason
      summary
      completedAt
      promptTokens
      completionTokens
      toolCallCount
      decisionCount
      llmCallCount
      stateChangeCount
      parent {
        id
        name
      }
    }
  `,
  [SESSION_ROW],
);

export type SessionHead = ResultOf<typeof SESSION_HEAD>;

export const SESSION = graphql(
  `
    query Session($id: ID!, $types: [EventType!], $first: Int!) {
      session(id: $id) {
        ...SessionHead
        events(first: $first, filter: { types: $types }) {
          edges {
            node {
              ...EventRow
            }
          }
          pageInfo {
            hasNextPage
            hasPreviousPage
          }
        }
        children(first: 200) {
          edges {
            node {
              ...SessionRow
            }
          }
        }
      }
    }
  `,
  [SESSION_HEAD, EVENT_ROW, SESSION_ROW],
);

/** Events after a place in the log, or before one. */
export const EVENT_PAGE = graphql(
  `
    query EventPage($id: ID!, $types: [EventType!], $first: Int, $after: String, $last: Int, $before: String) {
      session(id: $id) {
        events(first: $first, after: $after, last: $last, before: $before, filter: { types: $types }) {
          edges {
            node {
              ...EventRow
            }
          }
          pageInfo {
            hasNextPage
            hasPreviousPage
          }
        }
      }
    }
  `,
  [EVENT_ROW],
);

export const EVENTS = graphql(
  `
    subscription Events($after: Cursor, $sessionId: ID, $types: [EventType!]) {
      events(after: $after, sessionId: $sessionId, types: $types) {
        cursor
        event {
          ...EventRow
        }
      }
    }
  `,
  [EVENT_ROW],
);

export const SESSION_CHANGES = graphql(
  `
    subscription SessionChanges($after: Cursor, $filter: SessionFilter) {
      sessionUpdates(after: $after, filter: $filter) {
        cursor
        session {
          ...SessionHead
        }
      }
    }
  `,
  [SESSION_HEAD],
);

/** The newest event of a session, for knowing what is missed. */
export const NEWEST_EVENT = graphql(`
  query NewestEvent($id: ID!, $types: [EventType!]) {
    session(id: $id) {
      events(last: 1, filter: { types: $types }) {
        edges {
          node {
            cursor
          }
        }
      }
    }
  }
`);

/** What was said and sent about a session. */
export const SESSION_PAYLOADS = graphql(`
  query SessionPayloads($id: ID!) {
    session(id: $id) {
      userInput
      assistantOutput
      metadata
      customMetrics
      textReplaced
    }
  }
`);

/** All of one event. */
export const EVENT = graphql(`
  query Event($id: ID!) {
    event(id: $id) {
      __typename
      id
      cursor
      sessionId
      eventType
      createdAt
      clientTimestamp
      durationMs
      estimatedCost
      totalTokens
      reasoning
      stateBefore
      stateAfter
      traceId
      spanId
      parentEventId
      branchName
      metadata
      textReplaced
      ... on ToolCallEvent {
        toolName
        toolInput
        toolOutput
        toolError
        status
      }
      ... on LlmDecisionEvent {
        alternativesConsidered
        chosen
        confidence
      }
      ... on LlmCallEvent {
        model
        prompt
        response
        promptTokens
        completionTokens
        toolName
        toolError
        status
      }
      ... on ErrorEvent {
        errorType
        errorMessage
        errorStack
        recoverable
        recoveryAction
        toolName
        toolError
      }
    }
  }
`);

export type WholeEvent = NonNullable<ResultOf<typeof EVENT>['event']>;
