import { expect } from 'vitest';
import type { Tenant } from './tenant.ts';

export const event = (sessionId: string, fields: Record<string, unknown> = {}) => ({ sessionId, eventType: 'tool_call', toolName: 'search', ...fields });

/** Events in one request; returns their ids. */
export async function batch(tenant: Tenant, events: readonly Record<string, unknown>[]): Promise<string[]> {
  const answer = await tenant.rest('POST', '/events/batch', { events });
  expect(answer.body['created']).toBe(events.length);
  return (answer.body['results'] as { event: { id: string } }[]).map((result) => result.event.id);
}

export const many = (count: number, sessionId: string, fields?: Record<string, unknown>) => Array.from({ length: count }, () => event(sessionId, fields));
