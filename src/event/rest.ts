import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { badInput, leftOut } from '../errors.ts';
import type { Event } from '../generated/prisma/client.ts';
import { formatCursor } from '../live/cursor.ts';
import { answers, jsonSchema } from '../rest/openapi.ts';
import { bodyObject, countParameter, queryParameters, shown } from '../rest/wire.ts';
import type { Read } from '../store/bounded.ts';
import { isObject, spellings } from '../wire.ts';
import type { WireObject } from '../wire.ts';
import { errorBody } from '../rest/errors.ts';
import { sessionEvents } from './access.ts';
import { EVENT_TYPES, LARGEST_BATCH, assertBatch } from './input.ts';
import { wireEventType } from './llm-call.ts';
import { recordEvent, recordEvents } from './service.ts';
import { EventBody, LEGACY_TYPES, eventFromWire } from './wire.ts';

const LARGEST_PAGE = 500;

/** The answer to a created event, as the Sentrial API documents it. */
function createdView(event: Event): WireObject {
  return {
    id: event.id,
    sessionId: event.sessionId,
    eventType: wireEventType(event),
    ...(event.toolName === null ? {} : { toolName: event.toolName }),
    createdAt: event.createdAt.toISOString(),
  };
}

const HIDDEN = new Set<string>(['projectId', 'position', 'bytes', 'fingerprint', 'replaced', 'totalTokens', 'estimatedCost', 'withheld'] satisfies (keyof Read<Event>)[]);

/** The whole event, as the lists give it. One too large for that has no payload, and `error` and `message` as an answer of its own would have. */
export function eventView(event: Read<Event>): WireObject {
  const view = shown(event, HIDDEN);
  view['eventType'] = wireEventType(event);
  if (event.totalTokens !== null) view['tokenCount'] = event.totalTokens;
  if (event.estimatedCost !== null) view['estimatedCost'] = event.estimatedCost.toNumber();
  if (event.replaced) view['replaced'] = true;
  view['cursor'] = formatCursor(event.position);
  if (event.withheld) Object.assign(view, errorBody(leftOut('Event', event.id, event.bytes, event.withheld.room)));
  return view;
}

const EventAnswer = z.looseObject({ id: z.string(), sessionId: z.string(), eventType: z.string(), toolName: z.string().optional(), createdAt: z.string() });
const BatchAnswer = z.object({
  created: z.number().int().describe('How many are stored.'),
  results: z.array(z.looseObject({ status: z.number().int().describe('200, or the code this item alone would have had.') })),
});
const EventPage = z.object({ events: z.array(z.looseObject({})), hasMore: z.boolean(), nextCursor: z.string().optional() });

const PageQuery = z.object({
  limit: z.number().int().min(1).max(LARGEST_PAGE).default(100).describe('At most; there are fewer where their payloads are large.'),
  after: z.string().regex(/^(\d{1,15}|[0-8]\d{15})$/).optional().describe('The nextCursor of the page before.'),
  type: z.enum([...EVENT_TYPES, ...LEGACY_TYPES.keys()]).optional().describe('Events whose eventType is answered as this; an LLM call that was sent as a tool call is answered as tool_call.'),
});

export function eventRoutes(app: FastifyInstance): void {
  app.post(
    '/events',
    { schema: { summary: 'Create an event', body: jsonSchema(EventBody), response: answers(EventAnswer, 400, 401, 403, 404, 409, 413, 415, 429, 503) } },
    async (request) => createdView(await recordEvent(request.scope, eventFromWire(bodyObject(request.body)))),
  );

  app.post(
    '/events/batch',
    {
      schema: {
        summary: `Create up to ${LARGEST_BATCH} events; each succeeds or fails alone`,
        body: jsonSchema(z.object({ events: z.array(EventBody).max(LARGEST_BATCH) })),
        response: answers(BatchAnswer, 400, 401, 403, 413, 415, 429, 503),
      },
    },
    async (request) => {
      const results = await recordEvents(request.scope, batchFromWire(request.body));
      return {
        created: results.filter((result) => 'event' in result).length,
        results: results.map((result) => ('event' in result ? { status: 200, event: createdView(result.event) } : { status: result.error.status, ...errorBody(result.error) })),
      };
    },
  );

  app.get<{ Params: { id: string }; Querystring: WireObject }>(
    '/sessions/:id/events',
    {
      schema: {
        summary: 'Events of a session, in order',
        querystring: jsonSchema(PageQuery),
        response: answers(EventPage, 400, 401, 403, 404, 429, 503),
      },
    },
    async (request) => {
      const page = await sessionEvents(request.scope, request.params.id, eventPageParameters(request.query));
      return { events: page.events.map(eventView), hasMore: page.hasMore, nextCursor: page.nextCursor };
    },
  );
}

const PAGE_PARAMETERS = spellings(Object.keys(PageQuery.shape), {});

export function eventPageParameters(query: WireObject) {
  const { limit, after, type } = queryParameters(query, PAGE_PARAMETERS);
  return {
    limit: countParameter(limit, 'limit', 100, LARGEST_PAGE),
    after,
    type: type === undefined ? undefined : eventTypeParameter(type),
  };
}

/** The events of a batch; one that is no object is left as it is: the domain says so, for this item alone. */
export function batchFromWire(body: unknown, toInput: (event: WireObject) => WireObject = eventFromWire): readonly unknown[] {
  const events = Array.isArray(body) ? (body as unknown[]) : bodyObject(body)['events'];
  if (!Array.isArray(events)) throw badInput('Expected { "events": [ … ] }');
  assertBatch(events);
  return events.map((event: unknown) => (isObject(event) ? toInput(event) : event));
}

function eventTypeParameter(type: string): string {
  const named = LEGACY_TYPES.get(type) ?? type;
  if (!(EVENT_TYPES as readonly string[]).includes(named)) throw badInput(`type: expected one of ${EVENT_TYPES.join(', ')}, got "${type.slice(0, 40)}"`);
  return named;
}
