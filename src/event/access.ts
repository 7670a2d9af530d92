import type { Pool } from 'pg';
import { assertMay } from '../auth/authorize.ts';
import { largestRow } from '../budget.ts';
import type { Limits } from '../config.ts';
import { sessionNotFound } from '../errors.ts';
import type { Event } from '../generated/prisma/client.ts';
import { formatCursor, parseCursor } from '../live/cursor.ts';
import type { EventFilter, EventUpdate, LogReader } from '../live/hub.ts';
import type { Scope } from '../scope.ts';
import { onePage, pagesOf, readPages } from '../store/bounded.ts';
import type { Page, Read } from '../store/bounded.ts';
import { clean } from '../store/clean.ts';
import { EVENT_COLUMNS } from '../store/records.ts';
import { wireEventTypeOf } from './llm-call.ts';

export type EventField = Extract<keyof Event, string>;
const EVERY_FIELD = Object.keys(EVENT_COLUMNS) as EventField[];

/** Which page of which events. `before` and `after` are positions; `fromEnd` takes the page next to `before`. */
export type EventPage = {
  after?: number | undefined;
  before?: number | undefined;
  limit: number;
  fromEnd?: boolean;
  types?: readonly string[] | undefined;
  /** The kind as REST names it. */
  wireType?: string | undefined;
  /** The fields to read; the others stay on disk. Default: all. */
  fields?: readonly EventField[] | undefined;
};

/** The events of these ids, with the fields asked for; those that this project does not have are left out. */
export async function eventsById(scope: Scope, ids: readonly string[], fields: readonly EventField[]): Promise<Map<string, Read<Event>>> {
  const { projectId } = assertMay(scope.caller, 'read');
  const query = {
    columns: EVENT_COLUMNS,
    fields: [...new Set<EventField>(['id', ...fields])],
    candidates: 'SELECT e.*, 1 AS place, 1 AS found FROM event e WHERE e.project_id = $3 AND e.id = ANY ($1::text[])',
    values: [projectId],
  };
  const wanted = ids.filter((id) => !id.includes('\0'));
  const { rows } = await scope.budget.read((room) => readPages(scope.services.pool, query, wanted, 1, room));
  return new Map(rows.map(({ row }) => [row.id, row]));
}

/** A page of events of each of several sessions, in position order: one statement, whatever their number. */
export async function eventPages(scope: Scope, sessionIds: readonly string[], page: EventPage): Promise<Map<string, Page<Event>>> {
  const { projectId } = assertMay(scope.caller, 'read');
  const direction = page.fromEnd ? 'DESC' : 'ASC';
  const query = {
    // Whole rows, as REST reads them, are one statement: prepared once. What GraphQL clients select is without end.
    name: page.fields ? undefined : `event_page_${direction}`,
    columns: EVENT_COLUMNS,
    fields: page.fields ? [...new Set<EventField>(['position', 'sessionId', ...page.fields])] : EVERY_FIELD,
    candidates: `SELECT e.*
      FROM unnest($1::text[]) AS wanted (session_id)
      CROSS JOIN LATERAL (
        SELECT e.*, row_number() OVER (ORDER BY e.position ${direction}) AS place, count(*) OVER () AS found
        FROM (
          SELECT * FROM event e
          WHERE e.project_id = $3 AND e.session_id = wanted.session_id AND e.position > $4 AND e.position < $5
            AND ($6::text[] IS NULL OR e.event_type = ANY ($6))
            AND ($7::text IS NULL OR ${wireEventTypeOf('e')} = $7)
          ORDER BY e.position ${direction} LIMIT $2::int + 1
        ) e
      ) e`,
    values: [projectId, page.after ?? 0, page.before ?? Number.MAX_SAFE_INTEGER, page.types ?? null, page.wireType ?? null],
  };
  const found = await scope.budget.read((room) => readPages(scope.services.pool, query, sessionIds, page.limit, room));
  const pages = pagesOf(sessionIds, found, 'sessionId');
  if (page.fromEnd) for (const { rows } of pages.values()) rows.reverse();
  return pages;
}

/** One page of a session's events, for the REST door. Throws NOT_FOUND (session), BAD_USER_INPUT (cursor). */
export async function sessionEvents(
  scope: Scope,
  sessionId: string,
  page: { limit: number; after: string | undefined; type: string | undefined },
): Promise<{ events: Read<Event>[]; hasMore: boolean; nextCursor: string | undefined }> {
  const after = page.after === undefined ? 0 : parseCursor(page.after);
  const pages = sessionId.includes('\0') ? undefined : await eventPages(scope, [sessionId], { after, limit: page.limit, wireType: page.type });
  const { rows: events, more: hasMore } = pages?.get(sessionId) ?? { rows: [], more: false };
  if (events.length === 0) await assertSessionExists(scope, sessionId);
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

/** One read of the log takes at most this many rows, and this many bytes unless one row has more, into memory. */
const LOG_PAGE_ROWS = 250;
const LOG_PAGE_BYTES = 1024 * 1024;
/** And looks at so many positions: a filter that finds nothing gets on all the same. */
const LOG_STRETCH = 20_000;

/** How the live hub reads the log. No caller: the hub is asked by a project's id, which its readers' keys decided. */
export function createLogReader(pool: Pool, limits: Limits): LogReader {
  return {
    async heads(projectIds) {
      const { rows } = await pool.query<{ id: string; log_position: string }>({ name: 'log_heads', text: 'SELECT id, log_position FROM project WHERE id = ANY ($1)', values: [projectIds] });
      return new Map(rows.map(({ id, log_position }) => [id, Number(log_position)]));
    },
    async events(projectId, after, upTo, filter) {
      const end = Math.min(upTo, after + LOG_STRETCH);
      const { rows, more } = await readLog(projectId, after, end, filter);
      return { events: rows, reached: more ? Number(rows.at(-1)!.position) : end };
    },
  };

  async function readLog(projectId: string, after: number, upTo: number, filter: EventFilter): Promise<Page<Event>> {
    const query = {
      name: filter.sessionId ? 'log_page_of_session' : 'log_page',
      columns: EVENT_COLUMNS,
      fields: EVERY_FIELD,
      candidates: `SELECT e.*, row_number() OVER (ORDER BY e.position) AS place, count(*) OVER () AS found
        FROM (
          SELECT * FROM event
          WHERE project_id = ($1::text[])[1] AND position > $3 AND position <= $4
            ${filter.sessionId ? 'AND session_id = $6' : 'AND $6::text IS NULL'}
            AND ($5::text[] IS NULL OR event_type = ANY ($5))
          ORDER BY position LIMIT $2::int + 1
        ) e`,
      values: [after, upTo, filter.types && filter.types.length > 0 ? filter.types : null, filter.sessionId ?? null],
    };
    return onePage(await readPages(pool, query, [projectId], LOG_PAGE_ROWS, { total: LOG_PAGE_BYTES, row: largestRow(limits) }));
  }
}
