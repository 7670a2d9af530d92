import { assertMay } from '../auth/authorize.ts';
import { badInput, sessionNotFound } from '../errors.ts';
import type { Session } from '../generated/prisma/client.ts';
import type { Scope } from '../scope.ts';
import { clean } from '../store/clean.ts';
import { parameters } from '../store/parameters.ts';
import type { Parameters } from '../store/parameters.ts';
import { SESSION_COLUMNS, fromSelected, selectList, toSession } from '../store/records.ts';
import type { JsonRow } from '../store/records.ts';
import { LATEST } from '../store/validate.ts';

/** Which sessions; what is left out does not narrow. */
export type SessionFilter = {
  ids?: readonly string[] | null | undefined;
  statuses?: readonly string[] | null | undefined;
  agentName?: string | null | undefined;
  userId?: string | null | undefined;
  convoId?: string | null | undefined;
  parentSessionId?: string | null | undefined;
  createdAfter?: Date | null | undefined;
  createdBefore?: Date | null | undefined;
  hasErrors?: boolean | null | undefined;
  /** Words that all have to occur in the text of the session (migrations/0002_session_text says which). */
  search?: string | null | undefined;
  /** Top-level entries that metadata has to have; a value as text. */
  metadata?: readonly MetadataEntry[] | null | undefined;
};

export type MetadataEntry = { key: string; value: string };

/** `createdAt`: when it began. `position`: when it last changed. The other two: of the sessions that have ended. Each is an index. */
export type SessionOrder = { by: keyof typeof ORDERS; direction: 'asc' | 'desc' };

export type SessionPage = { limit: number; after?: string | undefined; before?: string | undefined; fromEnd?: boolean; offset?: number };

const NEWEST_FIRST: SessionOrder = { by: 'createdAt', direction: 'desc' };

const MOST_WORDS = 10;
const MOST_IDS = 200;

/** WHERE of the sessions `alias` that a filter wants. Text is looked for as it would have been stored. Throws BAD_USER_INPUT. */
export function sessionConditions(alias: string, filter: SessionFilter, { bind }: Parameters): string {
  const stored = <T>(value: T) => bind(clean(value).value);
  if ((filter.ids?.length ?? 0) > MOST_IDS) throw badInput(`A filter has at most ${MOST_IDS} ids, got ${filter.ids!.length}`);
  return [
    'true',
    filter.ids && `${alias}.id = ANY (${stored([...filter.ids])})`,
    filter.statuses?.length && `${alias}.status = ANY (${bind([...filter.statuses])})`,
    filter.agentName && `${alias}.agent_name = ${stored(filter.agentName)}`,
    filter.userId && `${alias}.user_id = ${stored(filter.userId)}`,
    filter.convoId && `${alias}.convo_id = ${stored(filter.convoId)}`,
    filter.parentSessionId && `${alias}.parent_session_id = ${stored(filter.parentSessionId)}`,
    filter.createdAfter && `${alias}.created_at > ${bind(filter.createdAfter)}`,
    filter.createdBefore && `${alias}.created_at < ${bind(filter.createdBefore)}`,
    filter.hasErrors === true && `${alias}.error_count > 0`,
    filter.hasErrors === false && `${alias}.error_count = 0`,
    textCondition(alias, filter, stored),
  ]
    .filter(Boolean)
    .join(' AND ');
}

/** Text and metadata stand in a table of their own, so that events, which change the session's row, do not touch their indexes. */
function textCondition(alias: string, { search, metadata }: SessionFilter, stored: (value: unknown) => string): string | undefined {
  const words = search?.split(/\s+/).filter(Boolean) ?? [];
  if (words.length > MOST_WORDS) throw badInput(`A search has at most ${MOST_WORDS} words, got ${words.length}`);
  const conditions = words.map((word) => `t.text ILIKE ${stored(`%${word.replace(/[\\%_]/g, '\\$&')}%`)}`);
  if (metadata?.length) conditions.push(`t.metadata @> ${stored(metadata.map(metadataPair))}::text[]`);
  if (conditions.length === 0) return undefined;
  return `EXISTS (SELECT FROM session_text t WHERE t.project_id = ${alias}.project_id AND t.session_id = ${alias}.id AND ${conditions.join(' AND ')})`;
}

/** An entry as session_text keeps it: at most so many characters (code points, as PostgreSQL counts). */
const metadataPair = ({ key, value }: MetadataEntry) => `${Array.from(key).slice(0, 100).join('')}=${Array.from(value).slice(0, 200).join('')}`;

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
  const found = await sessionPage(scope, filter, NEWEST_FIRST, { ...page, limit: page.limit + 1, fields: EVERY_FIELD });
  const sessions = found.slice(0, page.limit);
  const hasMore = found.length > page.limit;
  return { sessions, hasMore, nextCursor: hasMore ? sessionCursor(sessions.at(-1)!, NEWEST_FIRST) : undefined };
}

/** A page of sessions in the order of the list, with the fields asked for and those of its cursors. Throws BAD_USER_INPUT (cursor). */
export async function sessionPage(scope: Scope, filter: SessionFilter, order: SessionOrder, page: SessionPage & { fields: readonly SessionField[] }): Promise<Session[]> {
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
  const { rows } = await scope.services.pool.query<Record<string, unknown>>(
    `SELECT ${selectList(SESSION_COLUMNS, new Set<SessionField>([...page.fields, 'id', ...fields]), 's')} FROM session s
     WHERE ${conditions.join(' AND ')}
     ORDER BY ${column} ${direction}, s.id ${direction} LIMIT ${sql.bind(page.limit)} OFFSET ${sql.bind(page.offset ?? 0)}`,
    sql.values,
  );
  const sessions = rows.map((row) => fromSelected(SESSION_COLUMNS, row));
  return page.fromEnd ? sessions.reverse() : sessions;
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

/** Sessions changed after a position, in the order of their latest change: the log, compacted. */
export async function sessionsChangedAfter(scope: Scope, filter: SessionFilter, after: number): Promise<{ sessions: Session[]; more: boolean }> {
  const { projectId } = assertMay(scope.caller, 'read');
  const sql = parameters();
  const { rows } = await scope.services.pool.query<JsonRow>(
    `SELECT s.* FROM session s
     WHERE s.project_id = ${sql.bind(projectId)} AND s.position > ${sql.bind(after)} AND ${sessionConditions('s', filter, sql)}
     ORDER BY s.position LIMIT ${FEED_PAGE}`,
    sql.values,
  );
  return { sessions: rows.map(toSession), more: rows.length === FEED_PAGE };
}
