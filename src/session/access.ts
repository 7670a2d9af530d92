import { createHash } from 'node:crypto';
import { assertMay } from '../auth/authorize.ts';
import { badInput, sessionNotFound } from '../errors.ts';
import type { Session } from '../generated/prisma/client.ts';
import { parseCursor } from '../live/cursor.ts';
import type { SessionUpdate } from '../live/hub.ts';
import type { Scope } from '../scope.ts';
import { parameters } from '../store/parameters.ts';
import { SESSION_COLUMNS, fromSelected, selectList, toSession } from '../store/records.ts';
import type { JsonRow } from '../store/records.ts';
import { LATEST } from '../store/validate.ts';
import { sessionConditions } from './filter.ts';
import type { SessionFilter } from './filter.ts';

/** `createdAt`: when it began. `position`: when it last changed. The other two: of the sessions that have ended. Each is an index. */
export type SessionOrder = { by: keyof typeof ORDERS; direction: 'asc' | 'desc' };

export type SessionPage = { limit: number; after?: string | undefined; before?: string | undefined; fromEnd?: boolean; offset?: number };

const NEWEST_FIRST: SessionOrder = { by: 'createdAt', direction: 'desc' };

/** The session of this id. Throws NOT_FOUND. */
export async function getSession(scope: Scope, id: string): Promise<Session> {
  const { projectId } = assertMay(scope.caller, 'read');
  const session = await findSession(scope, projectId, id);
  if (!session) throw sessionNotFound(id);
  return session;
}

/** The same, null where there is none, for whoever may know of this session because they wrote it. */
export async function findSession({ services }: Scope, projectId: string, id: string): Promise<Session | null> {
  return id.includes('\0') ? null : services.store.session.findUnique({ where: { projectId_id: { projectId, id } } });
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

/** A page of sessions in the order of the list, with the fields asked for (default: all) and those of its cursors. Throws BAD_USER_INPUT (cursor). */
export async function sessionPage(scope: Scope, filter: SessionFilter, order: SessionOrder, page: SessionPage & { fields?: readonly SessionField[] }): Promise<Session[]> {
  const { projectId } = assertMay(scope.caller, 'read');
  const { column, type, fields, only } = ORDERS[order.by];
  const sql = parameters();
  const beyond = (direction: 'asc' | 'desc', cursor: string) => {
    const [key, id] = readCursor(order, cursor);
    return `(${column}, s.id) ${direction === 'asc' ? '>' : '<'} (${sql.bind(key)}::${type}, ${sql.bind(id)})`;
  };
  const opposite = order.direction === 'asc' ? 'desc' : 'asc';
  const direction = page.fromEnd ? opposite : order.direction;
  const conditions = [
    `s.project_id = ${sql.bind(projectId)}`,
    sessionConditions('s', filter, sql),
    ...(only ? [only] : []),
    ...(page.after === undefined ? [] : [beyond(order.direction, page.after)]),
    ...(page.before === undefined ? [] : [beyond(opposite, page.before)]),
  ];
  const selected = page.fields ? new Set<SessionField>([...page.fields, 'id', ...fields]) : EVERY_FIELD;
  const text = `SELECT ${selectList(SESSION_COLUMNS, selected, 's')} FROM session s
    WHERE ${conditions.join(' AND ')}
    ORDER BY ${column} ${direction}, s.id ${direction} LIMIT ${sql.bind(page.limit)} OFFSET ${sql.bind(page.offset ?? 0)}`;
  // Whole rows, as REST reads them, are few statements: prepared once. What GraphQL clients select is without end.
  const name = page.fields ? undefined : `session_page_${createHash('sha1').update(text).digest('base64url')}`;
  const { rows } = await scope.services.pool.query<Record<string, unknown>>({ name, text, values: sql.values });
  const sessions = rows.map((row) => fromSelected(SESSION_COLUMNS, row));
  return page.fromEnd ? sessions.reverse() : sessions;
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
const EVERY_FIELD = Object.keys(SESSION_COLUMNS) as SessionField[];

/** The sessions that each of several sessions started, oldest first; of each the same page. One statement, whatever their number. */
export async function childPages(scope: Scope, parentIds: readonly string[], page: SessionPage & { fields: readonly SessionField[] }): Promise<Map<string, Session[]>> {
  const { projectId } = assertMay(scope.caller, 'read');
  const fields = new Set<SessionField>(['parentSessionId', ...page.fields]);
  const after = page.after === undefined ? undefined : readChildCursor(page.after);
  const before = page.before === undefined ? undefined : readChildCursor(page.before);
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

type Keys = Pick<Session, 'id' | 'createdAt' | 'position' | 'durationMs' | 'estimatedCost' | 'eventCost'>;

/** What sessions can be sorted by, made unique by their id; how a cursor says it; and what it leaves out. */
const ORDERS = {
  createdAt: {
    column: 's.created_at',
    type: 'timestamptz',
    fields: ['createdAt'],
    only: undefined,
    key: (session: Keys) => session.createdAt.getTime(),
    read: (key: unknown) => (typeof key === 'number' && key >= 0 && key <= LATEST ? new Date(key) : undefined),
  },
  position: {
    column: 's.position',
    type: 'bigint',
    fields: ['position'],
    only: undefined,
    key: (session: Keys) => String(session.position),
    read: (key: unknown) => (typeof key === 'string' && /^\d{1,18}$/.test(key) ? key : undefined),
  },
  durationMs: {
    column: 's.duration_ms',
    type: 'float8',
    fields: ['durationMs'],
    only: 's.duration_ms IS NOT NULL',
    key: (session: Keys) => session.durationMs,
    read: (key: unknown) => (typeof key === 'number' ? key : undefined),
  },
  cost: {
    column: 'coalesce(s.estimated_cost, s.event_cost)',
    type: 'numeric',
    fields: ['estimatedCost', 'eventCost'],
    only: "s.status <> 'active'",
    key: (session: Keys) => (session.estimatedCost ?? session.eventCost).toFixed(),
    read: (key: unknown) => (typeof key === 'string' && /^-?\d{1,40}(\.\d{1,40})?$/.test(key) ? key : undefined),
  },
} as const;

/** Where a session stands in an order; opaque to clients. */
export function sessionCursor(session: Keys, order: SessionOrder): string {
  return Buffer.from(JSON.stringify([ORDERS[order.by].key(session), session.id])).toString('base64url');
}

function readCursor(order: SessionOrder, cursor: string): [key: unknown, id: string] {
  try {
    const [key, id] = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8')) as unknown[];
    const read = ORDERS[order.by].read(key);
    if (read !== undefined && typeof id === 'string' && !id.includes('\0')) return [read, id];
  } catch {
    // not ours
  }
  throw badCursor(cursor);
}

function readChildCursor(cursor: string): { at: Date; id: string } {
  const [at, id] = readCursor({ by: 'createdAt', direction: 'asc' }, cursor);
  return { at: at as Date, id };
}

const badCursor = (cursor: string) => badInput(`"${cursor.slice(0, 40)}" is not a cursor of this list. Send one that the server gave you for the same order`);

/** How many sessions one read of the live feed takes. */
const FEED_PAGE = 100;

/** The state of each session that changes after a cursor, for ever. Throws FORBIDDEN, BAD_USER_INPUT (cursor, filter). */
export function watchSessions(scope: Scope, after: string | undefined, filter: SessionFilter): Promise<AsyncGenerator<SessionUpdate, void>> {
  const { projectId } = assertMay(scope.caller, 'read');
  sessionConditions('s', filter, parameters()); // what is wrong with the filter is said now
  return scope.services.hub.sessions(projectId, after === undefined ? undefined : parseCursor(after), JSON.stringify(filter), (position) =>
    sessionsChangedAfter(scope, projectId, filter, position),
  );
}

/** Sessions changed after a position, in the order of their latest change: the log, compacted. */
async function sessionsChangedAfter(scope: Scope, projectId: string, filter: SessionFilter, after: number): Promise<{ sessions: Session[]; more: boolean }> {
  const sql = parameters();
  const { rows } = await scope.services.pool.query<JsonRow>(
    `SELECT s.* FROM session s
     WHERE s.project_id = ${sql.bind(projectId)} AND s.position > ${sql.bind(after)} AND ${sessionConditions('s', filter, sql)}
     ORDER BY s.position LIMIT ${FEED_PAGE}`,
    sql.values,
  );
  return { sessions: rows.map(toSession), more: rows.length === FEED_PAGE };
}
