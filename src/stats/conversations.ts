import { assertMay } from '../auth/authorize.ts';
import { conversationNotFound } from '../errors.ts';
import type { Scope } from '../scope.ts';
import { sessionConditions } from '../session/filter.ts';
import { parameters } from '../store/parameters.ts';
import type { Parameters } from '../store/parameters.ts';
import { checkedRange } from './bounds.ts';
import type { TimeRange } from './bounds.ts';
import { inRange, RUN_COLUMNS, RUN_COUNTS } from './sql.ts';
import type { RunCounts } from './sql.ts';

/** Conversations with a session that matches; what is left out does not narrow. */
type ConversationFilter = { userId?: string | null | undefined; agentName?: string | null | undefined; range?: TimeRange | null | undefined };

/** A page by position of the latest change, newest first. `fromEnd` takes the page next to `before`. */
export type ConversationPage = { limit: number; after?: number | undefined; before?: number | undefined; fromEnd: boolean };

export type Conversation = RunCounts & { convoId: string; position: string; firstAt: Date; lastAt: Date; agentNames: string[]; userIds: string[] };

/** How many agents and users a conversation names. */
const MOST_NAMES = 100;

/** A conversation stands in the log where its latest session stands. */
const FIGURES = `max(position) AS position, min(created_at) AS "firstAt", max(updated_at) AS "lastAt",
  (array_agg(DISTINCT agent_name))[1:${MOST_NAMES}] AS "agentNames", (array_agg(DISTINCT user_id))[1:${MOST_NAMES}] AS "userIds",
  ${RUN_COUNTS}`;
const figuresOf = (project: string, convoId: string) => `SELECT ${FIGURES}
  FROM (SELECT ${RUN_COLUMNS}, s.position, s.agent_name, s.user_id FROM session s WHERE s.project_id = ${project} AND s.convo_id = ${convoId}) run`;

/** The conversation of this id. Throws NOT_FOUND where no session of the project belongs to it. */
export async function getConversation(scope: Scope, convoId: string): Promise<Conversation> {
  const { projectId } = assertMay(scope.caller, 'read');
  const text = `SELECT $2 AS "convoId", figures.* FROM (${figuresOf('$1', '$2')}) figures WHERE runs > 0`;
  const { rows } = convoId.includes('\0') ? { rows: [] } : await scope.services.analytics.query<Conversation>(text, [projectId, convoId]);
  if (!rows[0]) throw conversationNotFound(convoId);
  return rows[0];
}

/**
 * Conversations with a session that the filter wants, newest activity first; their figures are of all their
 * sessions. One statement. Throws BAD_USER_INPUT (range).
 */
export async function listConversations(scope: Scope, filter: ConversationFilter, page: ConversationPage): Promise<Conversation[]> {
  const { projectId } = assertMay(scope.caller, 'read');
  const sql = parameters();
  const project = sql.bind(projectId);
  const whole = !filter.userId && !filter.agentName && !filter.range;
  const text = `WITH RECURSIVE ${whole && !page.fromEnd && page.before === undefined ? walked(project, page, sql) : gathered(project, filter, page, sql)}
    SELECT page.convo_id AS "convoId", figures.*
    FROM page CROSS JOIN LATERAL (${figuresOf(project, 'page.convo_id')}) figures
    ORDER BY page.position DESC`;
  const { rows } = await scope.services.analytics.query<Conversation>(text, sql.values);
  return rows;
}

/** The page of a filter: every conversation that matches, with the place of its latest session. */
function gathered(project: string, filter: ConversationFilter, page: ConversationPage, sql: Parameters): string {
  return `page AS MATERIALIZED (
    SELECT wanted.convo_id, latest.position
    FROM (
      SELECT DISTINCT m.convo_id FROM session m
      WHERE m.project_id = ${project} AND m.convo_id IS NOT NULL AND ${sessionConditions('m', { userId: filter.userId, agentName: filter.agentName }, sql)}
        ${filter.range ? `AND ${inRange('m', checkedRange(filter.range), sql)}` : ''}
    ) wanted
    CROSS JOIN LATERAL (SELECT max(s.position) AS position FROM session s WHERE s.project_id = ${project} AND s.convo_id = wanted.convo_id) latest
    WHERE true
      ${page.after === undefined ? '' : `AND latest.position < ${sql.bind(page.after)}`}
      ${page.before === undefined ? '' : `AND latest.position > ${sql.bind(page.before)}`}
    ORDER BY latest.position ${page.fromEnd ? 'ASC' : 'DESC'} LIMIT ${sql.bind(page.limit)}
  )`;
}

/**
 * The page of all conversations: the log is walked from its end, and the first session met of a conversation is
 * its latest, unless that stands on an earlier page. Reads the sessions
 * between the page's first place and its last: more than the page has where long conversations stand in between, or
 * ones that an earlier page has.
 */
function walked(project: string, page: ConversationPage, sql: Parameters): string {
  const end = `${sql.bind(page.after ?? Number.MAX_SAFE_INTEGER)}::bigint`;
  // Counted, not NOT EXISTS: that may become a join, for which the walk would have to go to its end.
  const earlier = `(SELECT count(*) FROM session s WHERE s.project_id = ${project} AND s.convo_id = walk.convo_id AND s.position >= ${end})`;
  return `walk AS (
    SELECT NULL::text AS convo_id, ${end} AS position, '{}'::text[] AS seen
    UNION ALL
    SELECT next.convo_id, next.position, walk.seen || next.convo_id
    FROM walk CROSS JOIN LATERAL (
      SELECT s.convo_id, s.position FROM session s
      WHERE s.project_id = ${project} AND s.convo_id IS NOT NULL AND s.position < walk.position AND s.convo_id <> ALL (walk.seen)
      ORDER BY s.position DESC LIMIT 1
    ) next
  ),
  page AS MATERIALIZED (
    SELECT convo_id, position FROM walk
    WHERE convo_id IS NOT NULL ${page.after === undefined ? '' : `AND ${earlier} = 0`}
    LIMIT ${sql.bind(page.limit)}
  )`;
}
