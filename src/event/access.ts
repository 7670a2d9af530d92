import type { Pool } from 'pg';
import { assertMay } from '../auth/authorize.ts';
import { eventNotFound, sessionNotFound } from '../errors.ts';
import type { Event } from '../generated/prisma/client.ts';
import { formatCursor, parseCursor } from '../live/cursor.ts';
import type { EventFilter, EventUpdate, LogReader } from '../live/hub.ts';
import type { Scope } from '../scope.ts';
import { clean } from '../store/clean.ts';
import { EVENT_COLUMNS, fromSelected, selectList } from '../store/records.ts';
import type { JsonRow } from '../store/records.ts';

export type EventField = Extract<keyof Event, string>;

/** Which page of which events. `before` and `after` are positions; `fromEnd` takes the page next to `before`. */
export type EventPage = {
  after?: number | undefined;
  before?: number | undefined;
  limit: number;
  fromEnd?: boolean;
  types?: readonly string[] | undefined;
  /** The fields to read; the others stay on disk. Default: all. */
  fields?: readonly EventField[] | undefined;
};

/** The event of this id. Throws NOT_FOUND. */
export async function getEvent(scope: Scope, id: string): Promise<Event> {
  const { projectId } = assertMay(scope.caller, 'read');
  const event = id.includes('\0') ? null : await scope.services.store.event.findUnique({ where: { projectId_id: { projectId, id } } });
  if (!event) throw eventNotFound(id);
  return event;
}

/** A page of events of each of several sessions, in position order: one statement, whatever their number. */
export async function eventPages(scope: Scope, sessionIds: readonly string[], page: EventPage): Promise<Map<string, Event[]>> {
  const { projectId } = assertMay(scope.caller, 'read');
  const fields = page.fields ? new Set<EventField>(['position', 'sessionId', ...page.fields]) : (Object.keys(EVENT_COLUMNS) as EventField[]);
  const text = `SELECT ${selectList(EVENT_COLUMNS, fields, 'e')}
    FROM unnest($2::text[]) AS wanted (session_id)
    CROSS JOIN LATERAL (
      SELECT * FROM event e
      WHERE e.project_id = $1 AND e.session_id = wanted.session_id AND e.position > $3 AND e.position < $4
        AND ($5::text[] IS NULL OR e.event_type = ANY ($5))
      ORDER BY e.position ${page.fromEnd ? 'DESC' : 'ASC'} LIMIT $6
    ) e`;
  // Whole rows, as REST reads them, are one statement: prepared once. What GraphQL clients select is without end.
  const name = page.fields ? undefined : `event_page_${page.fromEnd ? 'backward' : 'forward'}`;
  const { rows } = await scope.services.pool.query<Record<string, unknown>>({
    name,
    text,
    values: [
      projectId,
      sessionIds,
      page.after ?? 0,
      page.before ?? Number.MAX_SAFE_INTEGER,
      page.types ?? null,
      page.limit,
    ],
  });
  const pages = new Map<string, Event[]>(sessionIds.map((id) => [id, []]));
  for (const row of rows) pages.get(row['sessionId'] as string)!.push(fromSelected(EVENT_COLUMNS, row));
  for (const events of pages.values()) events.sort((a, b) => Number(a.position - b.position));
  return pages;
}

/** One page of a session's events, for the REST door. Throws NOT_FOUND (session), BAD_USER_INPUT (cursor). */
export async function sessionEvents(
  scope: Scope,
  sessionId: string,
  page: { limit: number; after: string | undefined; types: readonly string[] | undefined },
): Promise<{ events: Event[]; hasMore: boolean; nextCursor: string | undefined }> {
  const after = page.after === undefined ? 0 : parseCursor(page.after);
  const pages = sessionId.includes('\0') ? undefined : await eventPages(scope, [sessionId], { after, limit: page.limit + 1, types: page.types });
  const found = pages?.get(sessionId) ?? [];
  if (found.length === 0) await assertSessionExists(scope, sessionId);
  const events = found.slice(0, page.limit);
  const hasMore = found.length > page.limit;
  return { events, hasMore, nextCursor: hasMore ? formatCursor(events.at(-1)!.position) : undefined };
}

async function assertSessionExists(scope: Scope, id: string) {
  const { projectId } = assertMay(scope.caller, 'read');
  const session = id.includes('\0') ? null : await scope.services.store.session.findUnique({ where: { projectId_id: { projectId, id } }, select: { id: true } });
  if (!session) throw sessionNotFound(id);
}

/** Events after a cursor, as they are committed, for ever. Throws FORBIDDEN, BAD_USER_INPUT (cursor). */
export function watchEvents(scope: Scope, after: string | undefined, filter: EventFilter): Promise<AsyncGenerator<EventUpdate, void>> {
  const { projectId } = assertMay(scope.caller, 'read');
  return scope.services.hub.events(projectId, after === undefined ? undefined : parseCursor(after), {
    sessionId: filter.sessionId === undefined ? undefined : clean(filter.sessionId).value,
    types: filter.types,
  });
}

/** One read of the log takes at most this many rows, and about this many bytes, into memory. */
const LOG_PAGE_ROWS = 250;
const LOG_PAGE_BYTES = 1024 * 1024;
/** And looks at so many positions: a filter that finds nothing gets on all the same. */
const LOG_STRETCH = 20_000;

/** How the live hub reads the log. No caller: the hub is asked by a project's id, which its readers' keys decided. */
export function createLogReader(pool: Pool): LogReader {
  return {
    async heads(projectIds) {
      const { rows } = await pool.query<{ id: string; log_position: string }>({ name: 'log_heads', text: 'SELECT id, log_position FROM project WHERE id = ANY ($1)', values: [projectIds] });
      return new Map(rows.map(({ id, log_position }) => [id, Number(log_position)]));
    },
    async events(projectId, after, upTo, filter) {
      const end = Math.min(upTo, after + LOG_STRETCH);
      const rows = await readLog(pool, projectId, after, end, filter);
      const full = rows.length > 0 && rows.at(-1)!['more'] === true;
      return { rows, reached: full ? Number(rows.at(-1)!['position']) : end };
    },
  };
}

async function readLog(pool: Pool, projectId: string, after: number, upTo: number, filter: EventFilter): Promise<JsonRow[]> {
  // "before" sums the sizes of the rows in front: the page ends with the row that fills it, and always holds one.
  const { rows } = await pool.query<Record<string, unknown>>({
    name: filter.sessionId ? 'log_page_of_session' : 'log_page',
    text: `SELECT * FROM (
        SELECT e.*, sum(e.bytes) OVER (ORDER BY e.position) - e.bytes AS before, count(*) OVER () = $5 OR sum(e.bytes) OVER () > $6 AS more
        FROM (
          SELECT * FROM event
          WHERE project_id = $1 AND position > $2 AND position <= $3
            ${filter.sessionId ? 'AND session_id = $7' : 'AND $7::text IS NULL'}
            AND ($4::text[] IS NULL OR event_type = ANY ($4))
          ORDER BY position LIMIT $5
        ) e
      ) page WHERE before < $6 ORDER BY position`,
    values: [projectId, after, upTo, filter.types && filter.types.length > 0 ? filter.types : null, LOG_PAGE_ROWS, LOG_PAGE_BYTES, filter.sessionId ?? null],
  });
  return rows;
}
