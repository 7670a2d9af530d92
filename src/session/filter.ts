import { badInput } from '../errors.ts';
import { clean } from '../store/clean.ts';
import type { Parameters } from '../store/parameters.ts';

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

type MetadataEntry = { key: string; value: string };

const MOST_WORDS = 10;
const MOST_IDS = 200;

/** Whether the filter has what no index of the list's order has: finding a page may take a look at every session. */
export const isSearch = ({ search, metadata, hasErrors }: SessionFilter): boolean => Boolean(search) || (metadata?.length ?? 0) > 0 || hasErrors != null;

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
