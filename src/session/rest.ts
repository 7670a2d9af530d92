import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { badInput, leftOut } from '../errors.ts';
import type { Session } from '../generated/prisma/client.ts';
import { formatCursor } from '../live/cursor.ts';
import { errorBody } from '../rest/errors.ts';
import { answers, jsonSchema } from '../rest/openapi.ts';
import { bodyObject, countParameter, shown, textParameter } from '../rest/wire.ts';
import type { Read } from '../store/bounded.ts';
import { LONGEST_LABEL, parseTimeOrDay } from '../store/validate.ts';
import { isObject, keepRest, snake, sortFields, spellings } from '../wire.ts';
import type { WireObject } from '../wire.ts';
import { getSession, listSessions } from './access.ts';
import type { SessionPage } from './access.ts';
import { totals } from './effective.ts';
import type { SessionFilter } from './filter.ts';
import { SESSION_STATUSES, SessionInput, SessionPatch } from './input.ts';
import { createSession, updateSession } from './service.ts';

const LARGEST_PAGE = 100;
const DEEPEST_OFFSET = 10_000;

const KNOWN = spellings(Object.keys(SessionInput.shape), { output: 'assistantOutput', input: 'userInput', cost: 'estimatedCost', conversationId: 'convoId' });

/** Every name the generations of the API have had for where a session stands. */
const STATUS_SYNONYMS = new Map([['success', 'completed'], ['error', 'failed'], ['running', 'active'], ['canceled', 'cancelled']]);
const statusNamed = (status: string) => STATUS_SYNONYMS.get(status) ?? status;

function fieldsFromWire(body: WireObject): Record<string, unknown> {
  const { fields, rest } = sortFields(body, KNOWN);
  const { status, metadata } = fields;
  if (typeof status === 'string') fields['status'] = statusNamed(status);
  // SDKs pass on an empty conversation id as it is; it says the same as none.
  for (const name of ['convoId', 'parentSessionId']) if (fields[name] === '') delete fields[name];
  if (isObject(metadata)) fields['convoId'] ??= label(metadata['convo_id']) ?? label(metadata['convoId']);
  const kept = keepRest(metadata, rest);
  if (kept !== undefined) fields['metadata'] = kept;
  return fields;
}

/** A label out of metadata, where anything may stand: what is no label is not taken, rather than refused. */
function label(value: unknown): string | undefined {
  const text = typeof value === 'number' ? String(value) : value;
  return typeof text === 'string' && text !== '' && text.length <= LONGEST_LABEL ? text : undefined;
}

/**
 * SDKs up to 0.3.0 know no users: theirs stand in the metadata, if anywhere. Those that send a project id (up to 0.2.0)
 * know no agents either.
 */
export function sessionFromWire(body: unknown): WireObject {
  const sent = bodyObject(body);
  const fields = fieldsFromWire(sent);
  const metadata = isObject(fields['metadata']) ? fields['metadata'] : {};
  fields['userId'] ??= label(metadata['user_id']) ?? label(metadata['userId']) ?? 'anonymous';
  if ((sent['projectId'] ?? sent['project_id']) != null) fields['agentName'] ??= fields['name'];
  return fields;
}

export const patchFromWire = (body: unknown): WireObject => fieldsFromWire(bodyObject(body));

const HIDDEN = new Set<string>([
  'projectId', 'position', 'fingerprint', 'replaced', 'bytes', 'eventCost', 'eventPromptTokens', 'eventCompletionTokens', 'eventTotalTokens',
  'promptTokens', 'completionTokens', 'totalTokens', 'estimatedCost', 'withheld',
] satisfies (keyof Read<Session>)[]);

/** The whole session. One too large for that has no payload, and `error` and `message` as an answer of its own would have. */
export function sessionView(session: Read<Session>): WireObject {
  const view: Record<string, unknown> = { ...shown(session, HIDDEN), ...totals(session) };
  if (session.replaced) view['replaced'] = true;
  view['cursor'] = formatCursor(session.position);
  if (session.withheld) Object.assign(view, errorBody(leftOut('Session', session.id, session.bytes, session.withheld.room)));
  return view;
}

/** Over REST the user may be left out, as SDKs up to 0.3.0 do. */
const SessionBody = SessionInput.extend({ userId: SessionInput.shape.userId.nullish().describe('External end-user id. Default: `user_id` of the metadata, else `anonymous`.') });
const SessionAnswer = z.looseObject({ id: z.string(), name: z.string(), agentName: z.string(), userId: z.string(), status: z.enum(SESSION_STATUSES), createdAt: z.string() });
const SessionList = z.object({ sessions: z.array(SessionAnswer), hasMore: z.boolean(), nextCursor: z.string().optional() });
const ListQuery = z.object({
  limit: z.number().int().min(1).max(LARGEST_PAGE).default(50),
  cursor: z.string().optional().describe('The nextCursor of the page before.'),
  offset: z.number().int().min(0).max(DEEPEST_OFFSET).default(0).describe('Sessions to skip; a cursor is faster.'),
  status: z.enum(SESSION_STATUSES).optional(),
  agentName: z.string().optional(),
  userId: z.string().optional(),
  convoId: z.string().optional(),
  createdAfter: z.iso.datetime().optional(),
  createdBefore: z.iso.datetime().optional(),
});

export function sessionRoutes(app: FastifyInstance): void {
  app.post(
    '/sessions',
    { schema: { summary: 'Create a session', body: jsonSchema(SessionBody), response: answers(SessionAnswer, 400, 401, 403, 409, 413, 415, 429, 503) } },
    async (request) => sessionView(await createSession(request.scope, sessionFromWire(request.body))),
  );

  app.patch<{ Params: { id: string } }>(
    '/sessions/:id',
    { schema: { summary: 'Update or complete a session', body: jsonSchema(SessionPatch), response: answers(SessionAnswer, 400, 401, 403, 404, 409, 413, 415, 429, 503) } },
    async (request) => sessionView(await updateSession(request.scope, request.params.id, patchFromWire(request.body))),
  );

  app.get<{ Params: { id: string } }>(
    '/sessions/:id',
    { schema: { summary: 'A session', response: answers(SessionAnswer, 401, 403, 404, 429, 503) } },
    async (request) => sessionView(await getSession(request.scope, request.params.id)),
  );

  app.get<{ Querystring: WireObject }>(
    '/sessions',
    { schema: { summary: 'Sessions, newest first', querystring: jsonSchema(ListQuery), response: answers(SessionList, 400, 401, 403, 429, 503) } },
    async (request) => {
      const { filter, page } = sessionListParameters(request.query);
      const { sessions, hasMore, nextCursor } = await listSessions(request.scope, filter, page);
      return { sessions: sessions.map(sessionView), hasMore, nextCursor };
    },
  );
}

/** Which sessions, and which page of them, a query string asks for; in camelCase or snake_case. */
export function sessionListParameters(q: WireObject): { filter: SessionFilter; page: SessionPage } {
  const parameter = (name: string, alias?: string) => textParameter(q[name]) ?? textParameter(q[snake(name)]) ?? (alias ? textParameter(q[alias]) : undefined);
  const status = parameter('status');
  return {
    filter: {
      statuses: status === undefined ? undefined : [statusParameter(status)],
      agentName: parameter('agentName', 'agent'),
      userId: parameter('userId', 'user'),
      convoId: parameter('convoId'),
      createdAfter: timeParameter('createdAfter', parameter('createdAfter')),
      createdBefore: timeParameter('createdBefore', parameter('createdBefore')),
    },
    page: { limit: countParameter(q['limit'], 'limit', 50, LARGEST_PAGE), offset: countParameter(q['offset'], 'offset', 0, DEEPEST_OFFSET, 0), after: parameter('cursor') },
  };
}

function statusParameter(status: string): string {
  const named = statusNamed(status);
  if (!(SESSION_STATUSES as readonly string[]).includes(named)) throw badInput(`status: expected one of ${SESSION_STATUSES.join(', ')}, got "${status.slice(0, 40)}"`);
  return named;
}

function timeParameter(name: string, value: string | undefined): Date | undefined {
  if (value === undefined) return undefined;
  const time = parseTimeOrDay(value);
  if (!time) throw badInput(`${name}: expected a time such as 2025-01-12T10:30:00Z, got "${value.slice(0, 40)}"`);
  return time;
}
