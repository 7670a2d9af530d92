import { clean } from '../store/clean.ts';
import type { Parameters } from '../store/parameters.ts';

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

/** WHERE of the sessions `alias` that a filter wants. Names are looked for as they would have been stored. */
export function sessionConditions(alias: string, filter: SessionFilter, { bind }: Parameters): string {
  const label = (column: string, value: string | null | undefined) => value && `${alias}.${column} = ${bind(clean(value).value)}`;
  return [
    'true',
    filter.statuses?.length && `${alias}.status = ANY (${bind([...filter.statuses])})`,
    label('agent_name', filter.agentName),
    label('user_id', filter.userId),
    label('convo_id', filter.convoId),
    label('parent_session_id', filter.parentSessionId),
    filter.createdAfter && `${alias}.created_at > ${bind(filter.createdAfter)}`,
    filter.createdBefore && `${alias}.created_at < ${bind(filter.createdBefore)}`,
    filter.hasErrors === true && `${alias}.error_count > 0`,
    filter.hasErrors === false && `${alias}.error_count = 0`,
  ]
    .filter(Boolean)
    .join(' AND ');
}
