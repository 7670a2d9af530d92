import type { VariablesOf } from 'gql.tada';
import { isRange, RANGES } from '../range.ts';
import type { RangeName } from '../range.ts';
import { STATUSES } from '../../ui/status.tsx';
import type { Status } from '../../ui/status.tsx';
import type { SESSIONS } from './documents.ts';

/** What the list of sessions shows; the address holds all of it. */
export type View = {
  q?: string;
  status?: string;
  agent?: string;
  user?: string;
  convo?: string;
  /** key=value, several separated by commas. */
  meta?: string;
  range?: RangeName;
  from?: string;
  to?: string;
  errors?: 'yes' | 'no';
  sort?: Sort;
  order?: 'asc';
};

export type Sort = 'changed' | 'duration' | 'cost';
export type Filter = NonNullable<VariablesOf<typeof SESSIONS>['filter']>;
export type Order = NonNullable<VariablesOf<typeof SESSIONS>['orderBy']>;

const text = (value: unknown) => (typeof value === 'string' && value.trim() !== '' ? value : undefined);
const moment = (value: unknown) => (typeof value === 'string' && !Number.isNaN(Date.parse(value)) ? value : undefined);
const isStatus = (value: string): value is Status => value in STATUSES;

export function parseView(search: Record<string, unknown>): View {
  const view: Record<keyof View, string | undefined> = {
    q: text(search['q']),
    status: text(search['status']),
    agent: text(search['agent']),
    user: text(search['user']),
    convo: text(search['convo']),
    meta: text(search['meta']),
    range: isRange(search['range']) ? search['range'] : undefined,
    from: moment(search['from']),
    to: moment(search['to']),
    errors: search['errors'] === 'yes' || search['errors'] === 'no' ? search['errors'] : undefined,
    sort: ['changed', 'duration', 'cost'].includes(String(search['sort'])) ? (search['sort'] as string) : undefined,
    order: search['order'] === 'asc' ? 'asc' : undefined,
  };
  return Object.fromEntries(Object.entries(view).filter(([, value]) => value !== undefined));
}

export const statusesOf = (view: View): Status[] => (view.status ?? '').split(',').filter(isStatus);

/** What the server is asked for. */
export function filterOf(view: View, now: number): Filter {
  const metadata = (view.meta ?? '').split(',').flatMap((entry) => {
    const at = entry.indexOf('=');
    return at > 0 ? [{ key: entry.slice(0, at).trim(), value: entry.slice(at + 1).trim() }] : [];
  });
  const statuses = statusesOf(view);
  const from = view.range ? new Date(now - RANGES[view.range].ms).toISOString() : view.from && new Date(view.from).toISOString();
  return {
    ...(statuses.length > 0 && { statuses }),
    ...(view.q && { search: view.q.trim().split(/\s+/).slice(0, 10).join(' ') }),
    ...(view.agent && { agentName: view.agent }),
    ...(view.user && { userId: view.user }),
    ...(view.convo && { convoId: view.convo }),
    ...(metadata.length > 0 && { metadata }),
    ...(from && { createdAfter: from }),
    ...(view.to && { createdBefore: new Date(view.to).toISOString() }),
    ...(view.errors && { hasErrors: view.errors === 'yes' }),
  };
}

const FIELDS = { changed: 'LAST_CHANGE', duration: 'DURATION', cost: 'COST' } as const;

export const orderOf = (view: View): Order => ({ field: view.sort ? FIELDS[view.sort] : 'CREATED_AT', direction: view.order === 'asc' ? 'ASC' : 'DESC' });

export const NO_FILTER: Partial<View> = Object.fromEntries((['q', 'status', 'agent', 'user', 'convo', 'meta', 'range', 'from', 'to', 'errors'] satisfies (keyof View)[]).map((name) => [name, undefined]));

export const isFiltered = ({ sort: _sort, order: _order, ...filters }: View) => Object.keys(filters).length > 0;
