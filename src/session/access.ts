import { createHash } from 'node:crypto';
import { assertMay } from '../auth/authorize.ts';
import { largestRow } from '../budget.ts';
import { badInput, sessionNotFound } from '../errors.ts';
import type { Session } from '../generated/prisma/client.ts';
import { parseCursor } from '../live/cursor.ts';
import type { SessionUpdate } from '../live/hub.ts';
import type { Scope } from '../scope.ts';
import { onePage, pagesOf, readPages } from '../store/bounded.ts';
import type { Page, Read } from '../store/bounded.ts';
import { parameters } from '../store/parameters.ts';
import { SESSION_COLUMNS } from '../store/records.ts';
import { LATEST } from '../store/validate.ts';
import { isSearch, sessionConditions } from './filter.ts';
import type { SessionFilter } from './filter.ts';

/** What a key that may write sessions, but not read them, is told of one that it changed; and of one that it created, which it named itself. */
export const CHANGED_FIELDS: readonly SessionField[] = ['id', 'status', 'success', 'createdAt', 'updatedAt', 'completedAt', 'durationMs'];
export const CREATED_FIELDS: readonly SessionField[] = [...CHANGED_FIELDS, 'name', 'agentName', 'userId'];

/** `createdAt`: when it began. `position`: when it last changed. The other two: of the sessions that have ended. Each is an index. */
export type SessionOrder = { by: keyof typeof ORDERS; direction: 'asc' | 'desc' };

export type SessionPage = { limit: number; after?: string | undefined; before?: string | undefined; fromEnd?: boolean; offset?: number };

const NEWEST_FIRST: SessionOrder = { by: 'createdAt', direction: 'desc' };

/** The session of this id. Throws NOT_FOUND. */
export async function getSession(scope: Scope, id: string): Promise<Read<Session>> {
  const { projectId } = assertMay(scope.caller, 'read');
  const session = (await readSessions(scope, projectId, [id], undefined)).get(id);
  if (!session) throw sessionNotFound(id);
  return session;
}

/** The same, undefined where there is none, for whoever may know of this session because they wrote it. A busy server leaves out its payload. */
export async function findSession(scope: Scope, projectId: string, id: string): Promise<Read<Session> | undefined> {
  return (await readSessions(scope, projectId, [id], undefined, 'leave out')).get(id);
}

/** Sessions of this project by id, with the fields asked for; those it does not have are left out. */
export async function sessionsById(scope: Scope, ids: readonly string[], fields: readonly SessionField[]): Promise<Map<string, Read<Session>>> {
  const { projectId } = assertMay(scope.caller, 'read');
  return readSessions(scope, projectId, ids, fields);
}

async function readSessions({ services, budget }: Scope, projectId: string, ids: readonly string[], fields: readonly SessionField[] | undefined, whenBusy?: 'leave out') {
  const query = {
    name: fields ? undefined : 'sessions_by_id',
    columns: SESSION_COLUMNS,
    fields: fields ? [...new Set<SessionField>(['id', ...fields])] : EVERY_FIELD,
    candidates: 'SELECT s.*, 1 AS place, 1 AS found FROM session s WHERE s.project_id = $3 AND s.id = ANY ($1::text[])',
    values: [projectId],
  };
  const wanted = ids.filter((id) => !id.includes('\0'));
  const { rows } = await budget.read((room) => readPages(services.pool, query, wanted, 1, room), whenBusy);
  return new Map(rows.map(({ row }) => [row.id, row]));
}

/** One page of sessions by keyset, for the REST door. Throws BAD_USER_INPUT (cursor). */
export async function listSessions(scope: Scope, filter: SessionFilter, page: SessionPage): Promise<{ sessions: Read<Session>[]; hasMore: boolean; nextCursor: string | undefined }> {
  const { rows: sessions, more: hasMore } = await sessionPage(scope, filter, NEWEST_FIRST, page);
  return { sessions, hasMore, nextCursor: hasMore ? sessionCursor(sessions.at(-1)!, NEWEST_FIRST) : undefined };
}

/** A page of sessions in the order of the list, with the fields asked for (default: all) and those of its cursors. Throws BAD_USER_INPUT (cursor). */
export async function sessionPage(scope: Scope, filter: SessionFilter, order: SessionOrder, page: SessionPage & { fields?: readonly SessionField[] }): Promise<Page<Session>> {
  const { projectId } = assertMay(scope.caller, 'read');
  const { column, type, fields, only } = ORDERS[order.by];
  const sql = parameters(2);
  const beyond = (direction: 'asc' | 'desc', cursor: string) => {
    const [key, id] = readCursor(order, cursor);
    return `(${column}, s.id) ${direction === 'asc' ? '>' : '<'} (${sql.bind(key)}::${type}, ${sql.bind(id)})`;
  };
  const opposite = order.direction === 'asc' ? 'desc' : 'asc';
  const direction = page.fromEnd ? opposite : order.direction;
  const conditions = [
    's.project_id = ($1::text[])[1]',
    sessionConditions('s', filter, sql),
    ...(only ? [only] : []),
    ...(page.after === undefined ? [] : [beyond(order.direction, page.after)]),
    ...(page.before === undefined ? [] : [beyond(opposite, page.before)]),
  ];
  const ordered = `ORDER BY ${column} ${direction}, s.id ${direction}`;
  const candidates = `SELECT s.*, row_number() OVER (${ordered}) AS place, count(*) OVER () AS found
    FROM (SELECT s.* FROM session s WHERE ${conditions.join(' AND ')} ${ordered} LIMIT $2::int + 1 OFFSET ${sql.bind(page.offset ?? 0)}) s`;
  const query = {
    // Whole rows, as REST reads them, are few statements: prepared once. What GraphQL clients select is without end.
    name: page.fields ? undefined : `session_page_${createHash('sha1').update(candidates).digest('base64url')}`,
    columns: SESSION_COLUMNS,
    fields: page.fields ? [...new Set<SessionField>([...page.fields, 'id', ...fields])] : EVERY_FIELD,
    candidates,
    values: sql.values,
  };
  const found = onePage(await scope.budget.read((room) => readPages(isSearch(filter) ? scope.services.analytics : scope.services.pool, query, [projectId], page.limit, room)));
  if (page.fromEnd) found.rows.reverse();
  return found;
}

/** How many sessions a filter wants. Reads an index entry for each. */
export async function countSessions(scope: Scope, filter: SessionFilter): Promise<number> {
  const { projectId } = assertMay(scope.caller, 'read');
  const sql = parameters();
  const text = `SELECT count(*)::float8 AS sessions FROM session s WHERE s.project_id = ${sql.bind(projectId)} AND ${sessionConditions('s', filter, sql)}`;
  const { rows } = await scope.services.analytics.query<{ sessions: number }>(text, sql.values);
  return rows[0]!.sessions;
}

export type SessionField = Extract<keyof Session, string>;
const EVERY_FIELD = Object.keys(SESSION_COLUMNS) as SessionField[];

/** The sessions that each of several sessions started, oldest first; of each the same page. One statement, whatever their number. */
export async function childPages(scope: Scope, parentIds: readonly string[], page: SessionPage & { fields: readonly SessionField[] }): Promise<Map<string, Page<Session>>> {
  const { projectId } = assertMay(scope.caller, 'read');
  const after = page.after === undefined ? undefined : readChildCursor(page.after);
  const before = page.before === undefined ? undefined : readChildCursor(page.before);
  const direction = page.fromEnd ? 'DESC' : 'ASC';
  const ordered = `ORDER BY s.created_at ${direction}, s.id ${direction}`;
  const query = {
    columns: SESSION_COLUMNS,
    fields: [...new Set<SessionField>(['parentSessionId', ...page.fields])],
    candidates: `SELECT s.*
      FROM unnest($1::text[]) AS wanted (id)
      CROSS JOIN LATERAL (
        SELECT s.*, row_number() OVER (${ordered}) AS place, count(*) OVER () AS found
        FROM (
          SELECT * FROM session s
          WHERE s.project_id = $3 AND s.parent_session_id = wanted.id
            AND ($4::timestamptz IS NULL OR (s.created_at, s.id) > ($4, $5))
            AND ($6::timestamptz IS NULL OR (s.created_at, s.id) < ($6, $7))
          ${ordered} LIMIT $2::int + 1
        ) s
      ) s`,
    values: [projectId, after?.at ?? null, after?.id ?? null, before?.at ?? null, before?.id ?? null],
  };
  const found = await scope.budget.read((room) => readPages(scope.services.pool, query, parentIds, page.limit, room));
  const pages = pagesOf(parentIds, found, 'parentSessionId');
  if (page.fromEnd) for (const { rows } of pages.values()) rows.reverse();
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

/** How many sessions, and bytes unless one session has more, one read of the live feed takes. */
const FEED_PAGE = 100;
const FEED_PAGE_BYTES = 1024 * 1024;

/** The state of each session that changes after a cursor, for ever: the fields asked for. Throws FORBIDDEN, BAD_USER_INPUT (cursor, filter). */
export function watchSessions(scope: Scope, after: string | undefined, filter: SessionFilter, fields: readonly SessionField[]): Promise<AsyncGenerator<SessionUpdate, void>> {
  const { projectId } = assertMay(scope.caller, 'read');
  sessionConditions('s', filter, parameters()); // what is wrong with the filter is said now
  const key = JSON.stringify([filter, fields]);
  return scope.services.hub.sessions(projectId, after === undefined ? undefined : parseCursor(after), key, (position) => sessionsChangedAfter(scope, projectId, filter, fields, position));
}

/** Sessions changed after a position, in the order of their latest change: the log, compacted. */
async function sessionsChangedAfter({ services: { pool, limits } }: Scope, projectId: string, filter: SessionFilter, fields: readonly SessionField[], after: number): Promise<Page<Session>> {
  const sql = parameters(2);
  const query = {
    columns: SESSION_COLUMNS,
    fields: [...new Set<SessionField>(['position', ...fields])],
    candidates: `SELECT s.*, row_number() OVER (ORDER BY s.position) AS place, count(*) OVER () AS found
      FROM (
        SELECT s.* FROM session s
        WHERE s.project_id = ($1::text[])[1] AND s.position > ${sql.bind(after)} AND ${sessionConditions('s', filter, sql)}
        ORDER BY s.position LIMIT $2::int + 1
      ) s`,
    values: sql.values,
  };
  return onePage(await readPages(pool, query, [projectId], FEED_PAGE, { total: FEED_PAGE_BYTES, row: largestRow(limits) }));
}
