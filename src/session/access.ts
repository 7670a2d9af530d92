import { assertMay } from '../auth/authorize.ts';
import { badInput, sessionNotFound } from '../errors.ts';
import type { Prisma, Session } from '../generated/prisma/client.ts';
import type { Scope } from '../scope.ts';
import { clean } from '../store/clean.ts';
import { SESSION_COLUMNS, fromSelected, selectList } from '../store/records.ts';
import { LATEST } from '../store/validate.ts';

/** Which sessions; what is left out does not narrow. */
export type SessionFilter = {
  statuses?: readonly string[] | null | undefined;
  agentName?: string | null | undefined;
  userId?: string | null | undefined;
  convoId?: string | null | undefined;
  parentSessionId?: string | null | undefined;
  createdAfter?: Date | null | undefined;
  createdBefore?: Date | null | undefined;
  hasErrors?: boolean | null | undefined;
};

/** `createdAt`: when it began. `position`: when it last changed. Each is an index. */
export type SessionOrder = { by: 'createdAt' | 'position'; direction: 'asc' | 'desc' };

export type SessionPage = { limit: number; after?: string | undefined; before?: string | undefined; fromEnd?: boolean; offset?: number };

const NEWEST_FIRST: SessionOrder = { by: 'createdAt', direction: 'desc' };

/** WHERE of the sessions that a project's key sees and a filter wants. Names are looked for as they would have been stored. */
export function sessionWhere(projectId: string, given: SessionFilter): Prisma.SessionWhereInput {
  const filter: SessionFilter = { ...given };
  for (const name of ['agentName', 'userId', 'convoId', 'parentSessionId'] as const) if (filter[name]) filter[name] = clean(filter[name]).value;
  return {
    projectId,
    ...(filter.statuses?.length && { status: { in: [...filter.statuses] } }),
    ...(filter.agentName && { agentName: filter.agentName }),
    ...(filter.userId && { userId: filter.userId }),
    ...(filter.convoId && { convoId: filter.convoId }),
    ...(filter.parentSessionId && { parentSessionId: filter.parentSessionId }),
    ...((filter.createdAfter || filter.createdBefore) && {
      createdAt: { ...(filter.createdAfter && { gt: filter.createdAfter }), ...(filter.createdBefore && { lt: filter.createdBefore }) },
    }),
    ...(filter.hasErrors === true && { errorCount: { gt: 0 } }),
    ...(filter.hasErrors === false && { errorCount: 0 }),
  };
}

/** The session of this id. Throws NOT_FOUND. */
export async function getSession(scope: Scope, id: string): Promise<Session> {
  const { projectId } = assertMay(scope.caller, 'read');
  const session = id.includes('\0') ? null : await scope.services.store.session.findUnique({ where: { projectId_id: { projectId, id } } });
  if (!session) throw sessionNotFound(id);
  return session;
}

/** Sessions of this project by id; those it does not have are left out. */
export async function sessionsById(scope: Scope, ids: readonly string[]): Promise<Map<string, Session>> {
  const { projectId } = assertMay(scope.caller, 'read');
  const found = await scope.services.store.session.findMany({ where: { projectId, id: { in: ids.filter((id) => !id.includes('\0')) } } });
  return new Map(found.map((session) => [session.id, session]));
}

/** One page of sessions by keyset, for the REST door. Throws BAD_USER_INPUT (cursor). */
export async function listSessions(scope: Scope, filter: SessionFilter, page: SessionPage): Promise<{ sessions: Session[]; hasMore: boolean; nextCursor: string | undefined }> {
  const found = await scope.services.store.session.findMany(sessionPage(scope, filter, NEWEST_FIRST, { ...page, limit: page.limit + 1 }));
  const sessions = found.slice(0, page.limit);
  const hasMore = found.length > page.limit;
  return { sessions, hasMore, nextCursor: hasMore ? sessionCursor(sessions.at(-1)!, NEWEST_FIRST) : undefined };
}

/** WHERE, ORDER and LIMIT of a page; the door adds its SELECT. A page `fromEnd` comes in reverse order. */
export function sessionPage(scope: Scope, filter: SessionFilter, order: SessionOrder, page: SessionPage) {
  const { projectId } = assertMay(scope.caller, 'read');
  const direction = page.fromEnd ? (order.direction === 'asc' ? 'desc' : 'asc') : order.direction;
  const bounds = [
    page.after === undefined ? undefined : beyond(order, order.direction, page.after),
    page.before === undefined ? undefined : beyond(order, order.direction === 'asc' ? 'desc' : 'asc', page.before),
  ].filter((bound) => bound !== undefined);
  return {
    where: { AND: [sessionWhere(projectId, filter), ...bounds] },
    orderBy: order.by === 'position' ? [{ position: direction }] : [{ createdAt: direction }, { id: direction }],
    take: page.limit,
    ...(page.offset && { skip: page.offset }),
  } satisfies Prisma.SessionFindManyArgs;
}

export type SessionField = Extract<keyof Session, string>;

/** The sessions that each of several sessions started, oldest first; of each the same page. One statement, whatever their number. */
export async function childPages(scope: Scope, parentIds: readonly string[], page: SessionPage & { fields: readonly SessionField[] }): Promise<Map<string, Session[]>> {
  const { projectId } = assertMay(scope.caller, 'read');
  const fields = new Set<SessionField>(['parentSessionId', ...page.fields]);
  const after = page.after === undefined ? undefined : createdAtCursor(page.after);
  const before = page.before === undefined ? undefined : createdAtCursor(page.before);
  const direction = page.fromEnd ? 'DESC' : 'ASC';
  const text = `SELECT ${selectList(SESSION_COLUMNS, fields, 's')}
    FROM unnest($2::text[]) AS wanted (id)
    CROSS JOIN LATERAL (
      SELECT * FROM session s
      WHERE s.project_id = $1 AND s.parent_session_id = wanted.id
        AND ($3::timestamptz IS NULL OR (s.created_at, s.id) > ($3, $4))
        AND ($5::timestamptz IS NULL OR (s.created_at, s.id) < ($5, $6))
      ORDER BY s.created_at ${direction}, s.id ${direction} LIMIT $7
    ) s`;
  const values = [projectId, parentIds, after?.at ?? null, after?.id ?? null, before?.at ?? null, before?.id ?? null, page.limit];
  const { rows } = await scope.services.pool.query<Record<string, unknown>>(text, values);
  const pages = new Map<string, Session[]>(parentIds.map((id) => [id, []]));
  for (const row of rows) pages.get(row['parentSessionId'] as string)!.push(fromSelected(SESSION_COLUMNS, row));
  if (page.fromEnd) for (const sessions of pages.values()) sessions.reverse();
  return pages;
}

/** Where a session stands in an order; opaque to clients. */
export function sessionCursor(session: Pick<Session, 'createdAt' | 'id' | 'position'>, order: SessionOrder): string {
  const key = order.by === 'position' ? [String(session.position)] : [session.createdAt.getTime(), session.id];
  return Buffer.from(JSON.stringify(key)).toString('base64url');
}

function beyond(order: SessionOrder, direction: 'asc' | 'desc', cursor: string): Prisma.SessionWhereInput {
  const past = direction === 'asc' ? 'gt' : 'lt';
  if (order.by === 'position') {
    const [key] = readCursor(cursor);
    if (typeof key !== 'string' || !/^\d{1,18}$/.test(key)) throw badCursor(cursor);
    return { position: { [past]: BigInt(key) } };
  }
  const { at, id } = createdAtCursor(cursor);
  // The first bound is what the index is searched by; the second settles sessions of the same millisecond.
  return { createdAt: { [direction === 'asc' ? 'gte' : 'lte']: at }, OR: [{ createdAt: { [past]: at } }, { id: { [past]: id } }] };
}

function createdAtCursor(cursor: string): { at: Date; id: string } {
  const [key, id] = readCursor(cursor);
  if (typeof key !== 'number' || typeof id !== 'string' || !(key >= 0 && key <= LATEST) || id.includes('\0')) throw badCursor(cursor);
  return { at: new Date(key), id };
}

function readCursor(cursor: string): unknown[] {
  try {
    const key: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
    if (Array.isArray(key)) return key;
  } catch {
    // not ours
  }
  throw badCursor(cursor);
}

const badCursor = (cursor: string) => badInput(`"${cursor.slice(0, 40)}" is not a cursor of this list. Send one that the server gave you for the same order`);

/** How many sessions one read of the live feed takes. */
const FEED_PAGE = 100;

/** Sessions changed after a position, in the order of their latest change: the log, compacted. */
export async function sessionsChangedAfter(scope: Scope, filter: SessionFilter, after: number): Promise<{ sessions: Session[]; more: boolean }> {
  const { projectId } = assertMay(scope.caller, 'read');
  const sessions = await scope.services.store.session.findMany({
    where: { AND: [sessionWhere(projectId, filter), { position: { gt: after } }] },
    orderBy: { position: 'asc' },
    take: FEED_PAGE,
  });
  return { sessions, more: sessions.length === FEED_PAGE };
}
