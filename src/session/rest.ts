import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { mayRead } from '../auth/authorize.ts';
import { badInput, leftOut } from '../errors.ts';
import type { Session } from '../generated/prisma/client.ts';
import { formatCursor } from '../live/cursor.ts';
import { errorBody } from '../rest/errors.ts';
import { answers, jsonSchema } from '../rest/openapi.ts';
import { bodyObject, countParameter, queryParameters, shown } from '../rest/wire.ts';
import type { Scope } from '../scope.ts';
import type { Read } from '../store/bounded.ts';
import { Id, LATEST, LONGEST_LABEL, Label } from '../store/validate.ts';
import { isObject, keepRest, sortFields, spellings } from '../wire.ts';
import type { WireObject } from '../wire.ts';
import { CHANGED_FIELDS, CREATED_FIELDS, getSession, listSessions } from './access.ts';
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

/** What the wire takes beside the input; for OpenAPI. */
const Status = z.enum([...SESSION_STATUSES, ...STATUS_SYNONYMS.keys()]);
const TOLERATED = { status: Status.nullish(), convoId: Label.or(z.literal('')).nullish(), parentSessionId: Id.or(z.literal('')).nullish() };
/** Over REST the user may be left out, as SDKs up to 0.3.0 do. */
const SessionBody = SessionInput.extend({ ...TOLERATED, userId: SessionInput.shape.userId.nullish().describe('External end-user id. Default: `user_id` of the metadata, else `anonymous`.') });
const PatchBody = SessionPatch.extend(TOLERATED);

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

/** The answer to a write: the whole session for a key that may read it, else no more than these fields. */
export function writtenView(scope: Scope, view: WireObject, fields: readonly string[]): WireObject {
  if (mayRead(scope.caller)) return view;
  return Object.fromEntries(Object.entries(view).filter(([name]) => fields.includes(name)));
}

const SessionAnswer = z.looseObject({ id: z.string(), name: z.string(), agentName: z.string(), userId: z.string(), status: z.enum(SESSION_STATUSES), createdAt: z.string() });
const WrittenSession = z.looseObject({ id: z.string(), status: z.enum(SESSION_STATUSES), createdAt: z.string() }).describe('Without the scope read, no more than id, status, success, times and duration; of a new session also its name, agent and user.');
const SessionList = z.object({ sessions: z.array(SessionAnswer), hasMore: z.boolean(), nextCursor: z.string().optional() });
const Time = z.union([z.iso.datetime({ offset: true }), z.iso.date()]);
const ListQuery = z.object({
  limit: z.number().int().min(1).max(LARGEST_PAGE).default(50).describe('At most; there are fewer where their payloads are large.'),
  cursor: z.string().optional().describe('The nextCursor of the page before.'),
  offset: z.number().int().min(0).max(DEEPEST_OFFSET).default(0).describe('Sessions to skip: as many as came before, which may be fewer than were asked for. A cursor is faster.'),
  status: Status.optional(),
  agentName: z.string().optional(),
  userId: z.string().optional(),
  convoId: z.string().optional(),
  createdAfter: Time.optional().describe('A time, or a day: its beginning in UTC.'),
  createdBefore: Time.optional(),
});
const LIST_PARAMETERS = spellings(Object.keys(ListQuery.shape), { agent: 'agentName', user: 'userId' });

export function sessionRoutes(app: FastifyInstance): void {
  app.post(
    '/sessions',
    { schema: { summary: 'Create a session', body: jsonSchema(SessionBody), response: answers(WrittenSession, 400, 401, 403, 409, 413, 415, 429, 503) } },
    async ({ scope, body }) => writtenView(scope, sessionView(await createSession(scope, sessionFromWire(body))), CREATED_FIELDS),
  );

  app.patch<{ Params: { id: string } }>(
    '/sessions/:id',
    { schema: { summary: 'Update or complete a session', body: jsonSchema(PatchBody), response: answers(WrittenSession, 400, 401, 403, 404, 409, 413, 415, 429, 503) } },
    async ({ scope, params, body }) => writtenView(scope, sessionView(await updateSession(scope, params.id, patchFromWire(body))), CHANGED_FIELDS),
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
export function sessionListParameters(query: WireObject): { filter: SessionFilter; page: SessionPage } {
  const { status, agentName, userId, convoId, createdAfter, createdBefore, limit, offset, cursor } = queryParameters(query, LIST_PARAMETERS);
  return {
    filter: {
      statuses: status === undefined ? undefined : [statusParameter(status)],
      agentName,
      userId,
      convoId,
      createdAfter: timeParameter('createdAfter', createdAfter),
      createdBefore: timeParameter('createdBefore', createdBefore),
    },
    page: { limit: countParameter(limit, 'limit', 50, LARGEST_PAGE), offset: countParameter(offset, 'offset', 0, DEEPEST_OFFSET, 0), after: cursor },
  };
}

function statusParameter(status: string): string {
  const named = statusNamed(status);
  if (!(SESSION_STATUSES as readonly string[]).includes(named)) throw badInput(`status: expected one of ${SESSION_STATUSES.join(', ')}, got "${status.slice(0, 40)}"`);
  return named;
}

/** Nothing is older than 1970 here, or younger than the year 9999: a time beyond them bounds as they do. */
function timeParameter(name: string, value: string | undefined): Date | undefined {
  if (value === undefined) return undefined;
  if (!Time.safeParse(value).success) throw badInput(`${name}: expected a time such as 2025-01-12T10:30:00Z, got "${value.slice(0, 40)}"`);
  return new Date(Math.min(Math.max(Date.parse(value), 0), LATEST));
}
