import type { Tenant } from '../../../../test/support/tenant.ts';

export type StoredEvent = { id: string; sessionId: string; eventType: string } & Record<string, unknown>;

const EVENTS = `query Events($id: ID!, $after: String) { session(id: $id) { events(first: 100, after: $after) { pageInfo { hasNextPage endCursor } edges { node {
  id sessionId eventType reasoning estimatedCost totalTokens durationMs parentEventId traceId spanId branchName metadata stateBefore stateAfter clientTimestamp
  ... on ToolCallEvent { toolName toolInput toolOutput toolError status }
  ... on LlmDecisionEvent { alternativesConsidered chosen confidence }
  ... on LlmCallEvent { model prompt response promptTokens completionTokens callStatus: status callError: toolError }
  ... on ErrorEvent { errorMessage errorType errorStack recoverable recoveryAction failedTool: toolName }
} } } } }`;

type Page = { session: { events: { pageInfo: { hasNextPage: boolean; endCursor: string | null }; edges: { node: StoredEvent }[] } } };

/** All events of a session in their order, as the server has them. */
export async function eventsOf(tenant: Tenant, sessionId: string): Promise<StoredEvent[]> {
  const events: StoredEvent[] = [];
  for (let after: string | null | undefined; ; ) {
    const { session } = await tenant.run<Page>(EVENTS, { id: sessionId, after });
    events.push(...session.events.edges.map((edge) => edge.node));
    if (!session.events.pageInfo.hasNextPage) return events;
    after = session.events.pageInfo.endCursor;
  }
}
