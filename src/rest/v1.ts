import type { FastifyInstance } from 'fastify';
import type { AppError } from '../errors.ts';
import { recordEvent, recordEvents } from '../event/service.ts';
import { sessionEvents } from '../event/access.ts';
import { batchFromWire, eventPageParameters, eventView } from '../event/rest.ts';
import { eventFromWire } from '../event/wire.ts';
import type { Event, Session } from '../generated/prisma/client.ts';
import { answerErrors } from '../http/errors.ts';
import { CHANGED_FIELDS, CREATED_FIELDS, countSessions, getSession, listSessions } from '../session/access.ts';
import { patchFromWire, sessionFromWire, sessionListParameters, sessionView, writtenView } from '../session/rest.ts';
import { createSession, updateSession } from '../session/service.ts';
import { snake } from '../wire.ts';
import type { WireObject } from '../wire.ts';
import { bodyObject } from './wire.ts';

/*
 * The generation of the API before /api/sdk: snake_case answers, `{ type, data }` events under their session, a
 * status `error`, a nested error envelope. No published SDK calls it; programs written by its documents do.
 */

const V1_CODES: { readonly [code in AppError['code']]?: string } = { UNAUTHENTICATED: 'unauthorized', BAD_USER_INPUT: 'invalid_request', INTERNAL_SERVER_ERROR: 'internal_error' };

/** `{ "error": { "code": "forbidden", "message": … } }` */
const v1Error = (error: AppError) => ({
  error: { code: V1_CODES[error.code] ?? error.code.toLowerCase(), message: error.message, ...(error.issues.length > 0 && { issues: error.issues }) },
});
export const handleV1Error = answerErrors(v1Error);

/** Names of the row itself; what stands in its payloads stays as it was sent. */
const snakeCased = (view: WireObject) => Object.fromEntries(Object.entries(view).map(([name, value]) => [snake(name), value]));

function v1Session(session: Session): WireObject {
  const { eventCount, toolCallCount, decisionCount, llmCallCount, errorCount, durationMs } = session;
  return {
    ...snakeCased(sessionView(session)),
    status: session.status === 'failed' ? 'error' : session.status,
    metadata: session.metadata ?? {},
    stats: { total_events: eventCount, tool_calls: toolCallCount, decisions: decisionCount, llm_calls: llmCallCount, errors: errorCount, duration_ms: durationMs },
  };
}

const TYPES: { readonly [eventType: string]: string } = { llm_decision: 'decision', state_change: 'custom' };
const v1Event = (event: Event): WireObject => ({ ...snakeCased(eventView(event)), type: TYPES[event.eventType] ?? event.eventType });

/** This generation knew neither agents nor users, and a project only by its key. */
const v1SessionFromWire = (body: unknown) => sessionFromWire({ project_id: 'default', ...bodyObject(body) });

/** An event of the session in the path. A `custom` one says what its agent's state is: anything. */
function v1EventFromWire(sessionId: string, body: WireObject): WireObject {
  const { type, data, ...beside } = body;
  if (type === 'custom') return eventFromWire({ ...beside, type: 'state_change', state_after: data ?? {}, session_id: sessionId });
  return eventFromWire({ ...body, session_id: sessionId });
}

type BySession = { Params: { id: string } };

export function v1Routes(app: FastifyInstance): void {
  const hidden = { schema: { hide: true } };

  app.post('/sessions', hidden, async ({ scope, body }) => writtenView(scope, v1Session(await createSession(scope, v1SessionFromWire(body))), CREATED_FIELDS.map(snake)));
  app.get<BySession>('/sessions/:id', hidden, async ({ scope, params }) => v1Session(await getSession(scope, params.id)));
  app.patch<BySession>('/sessions/:id', hidden, async ({ scope, params, body }) => writtenView(scope, v1Session(await updateSession(scope, params.id, patchFromWire(body))), CHANGED_FIELDS.map(snake)));
  app.get<{ Querystring: WireObject }>('/sessions', hidden, async ({ scope, query }) => {
    const { filter, page } = sessionListParameters(query);
    const [{ sessions, hasMore, nextCursor }, total] = await Promise.all([listSessions(scope, filter, page), countSessions(scope, filter)]);
    return { sessions: sessions.map(v1Session), total, has_more: hasMore, next_cursor: nextCursor };
  });

  app.post<BySession>('/sessions/:id/events', hidden, async ({ scope, params, body }) => v1Event(await recordEvent(scope, v1EventFromWire(params.id, bodyObject(body)))));
  app.post<BySession>('/sessions/:id/events/batch', hidden, async ({ scope, params, body }) => {
    const results = await recordEvents(scope, batchFromWire(body, (event) => v1EventFromWire(params.id, event)));
    return {
      created: results.filter((result) => 'event' in result).length,
      events: results.map((result) => ('event' in result ? v1Event(result.event) : v1Error(result.error))),
    };
  });
  app.get<BySession & { Querystring: WireObject }>('/sessions/:id/events', hidden, async ({ scope, params, query }) => {
    const { events, hasMore, nextCursor } = await sessionEvents(scope, params.id, eventPageParameters(query));
    return { events: events.map(v1Event), has_more: hasMore, next_cursor: nextCursor };
  });
}
