import { createHash } from 'node:crypto';
import { assertMay } from '../auth/authorize.ts';
import { badInput, sessionNotFound } from '../errors.ts';
import type { Session } from '../generated/prisma/client.ts';
import type { Scope } from '../scope.ts';
import { parameters } from '../store/parameters.ts';
import type { Parameters } from '../store/parameters.ts';
import { SESSION_COLUMNS, fromSelected, selectList } from '../store/records.ts';
import { LATEST } from '../store/validate.ts';
import { sessionConditions } from './filter.ts';
import type { SessionFilter } from './filter.ts';

/** `createdAt`: when it began. `position`: when it last changed. Each is an index. */
export type SessionOrder = { by: 'createdAt' | 'position'; direction: 'asc' | 'desc' };

export type SessionPage = { limit: number; after?: string | undefined; before?: string | undefined; fromEnd?: boolean; offset?: number };

const NEWEST_FIRST: SessionOrder = { by: 'createdAt', direction: 'desc' };
const OLDEST_CHANGE_FIRST: SessionOrder = { by: 'position', direction: 'asc' };

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
  const found = await sessionPage(scope, filter, NEWEST_FIRST, { ...page, limit: page.limit + 1 });
  const sessions = found.slice(0, page.limit);
  const hasMore = found.length > page.limit;
  return { sessions, hasMore, nextCursor: hasMore ? sessionCursor(sessions.at(-1)!, NEWEST_FIRST) : undefined };
}

/** Sessions in an order, a page of them; one `fromEnd` comes in reverse. `fields` are read, the others stay on disk. Throws BAD_USER_INPUT (cursor). */
export async function sessionPage(scope: Scope, filter: SessionFilter, order: SessionOrder, page: SessionPage, fields?: readonly SessionField[]): Promise<Session[]> {
  const { projectId } = assertMay(scope.caller, 'read');
  const sql = parameters();
  const backward = order.direction === 'asc' ? 'desc' : 'asc';
  const direction = page.fromEnd ? backward : order.direction;
  const conditions = [
    `s.project_id = ${sql.bind(projectId)}`,
    sessionConditions('s', filter, sql),
    page.after === undefined ? 'true' : beyond(order, order.direction, page.after, sql),
    page.before === undefined ? 'true' : beyond(order, backward, page.before, sql),
  ];
  const text = `SELECT ${selectList(SESSION_COLUMNS, fields ?? ALL_FIELDS, 's')} FROM session s
    WHERE ${conditions.join(' AND ')}
    ORDER BY ${order.by === 'position' ? `s.position ${direction}` : `s.created_at ${direction}, s.id ${direction}`}
    LIMIT ${sql.bind(page.limit)} OFFSET ${sql.bind(page.offset ?? 0)}`;
  // Whole rows, as REST and the live feed read them, are few statements: prepared once. What GraphQL clients select is without end.
  const name = fields ? undefined : `session_page_${createHash('sha1').update(text).digest('base64url')}`;
  const { rows } = await scope.services.pool.query<Record<string, unknown>>({ name, text, values: sql.values });
  return rows.map((row) => fromSelected(SESSION_COLUMNS, row));
}

/** How many sessions a filter wants. Reads an index entry for each. */
export async function countSessions(scope: Scope, filter: SessionFilter): Promise<number> {
  const { projectId } = assertMay(scope.caller, 'read');
  const sql = parameters();
  const text = `SELECT count(*)::float8 AS sessions FROM session s WHERE s.project_id = ${sql.bind(projectId)} AND ${sessionConditions('s', filter, sql)}`;
  const { rows } = await scope.services.pool.query<{ sessions: number }>(text, sql.values);
  return rows[0]!.sessions;
}

export type SessionField = Extract<keyof Session, string>;
const ALL_FIELDS = Object.keys(SESSION_COLUMNS) as SessionField[];

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
  return order.by === 'position' ? positionCursor(session.position) : writeCursor([session.createdAt.getTime(), session.id]);
}

const positionCursor = (position: number | bigint) => writeCursor([String(position)]);
const writeCursor = (key: readonly unknown[]) => Buffer.from(JSON.stringify(key)).toString('base64url');

/** WHERE of what comes after a cursor, in that direction of an order. */
function beyond(order: SessionOrder, direction: 'asc' | 'desc', cursor: string, { bind }: Parameters): string {
  const past = direction === 'asc' ? '>' : '<';
  if (order.by === 'position') {
    const [key] = readCursor(cursor);
    if (typeof key !== 'string' || !/^\d{1,18}$/.test(key)) throw badCursor(cursor);
    return `s.position ${past} ${bind(key)}`;
  }
  const { at, id } = createdAtCursor(cursor);
  return `(s.created_at, s.id) ${past} (${bind(at)}, ${bind(id)})`;
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
  const sessions = await sessionPage(scope, filter, OLDEST_CHANGE_FIRST, { limit: FEED_PAGE, after: positionCursor(after) });
  return { sessions, more: sessions.length === FEED_PAGE };
}
