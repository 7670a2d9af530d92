import { badInput } from '../errors.ts';

/** The arguments of a Relay connection. */
export type PageArgs = { first?: number | null | undefined; after?: string | null | undefined; last?: number | null | undefined; before?: string | null | undefined };

/** A page as the domain reads it. `limit` rows are shown; one more is asked for, to know whether there are more. */
type Page = { limit: number; after: string | undefined; before: string | undefined; fromEnd: boolean };

const DEFAULT_PAGE = 50;
const LARGEST_PAGE = 200;

/** Throws BAD_USER_INPUT for a page without bounds. */
export function pageOf(args: PageArgs): Page {
  if (args.first != null && args.last != null) throw badInput('Ask for "first" or for "last", not both');
  const limit = args.first ?? args.last ?? DEFAULT_PAGE;
  if (limit < 0 || limit > LARGEST_PAGE) throw badInput(`A page has at most ${LARGEST_PAGE} items and at least 0, got ${limit}`);
  return { limit, after: args.after ?? undefined, before: args.before ?? undefined, fromEnd: args.last != null };
}

/** Cost of a connection: what stands in its nodes, times its page. */
export const pageComplexity = (args: PageArgs) => ({ field: 1, multiplier: Math.max(1, args.first ?? args.last ?? DEFAULT_PAGE) });

/** Relay's connection from `limit + 1` rows in the order of the list. */
export function connectionOf<Row>(rows: readonly Row[], page: Page, cursorOf: (row: Row) => string) {
  const more = rows.length > page.limit;
  const shown = more ? (page.fromEnd ? rows.slice(rows.length - page.limit) : rows.slice(0, page.limit)) : rows;
  const edges = shown.map((node) => ({ cursor: cursorOf(node), node }));
  return {
    edges,
    pageInfo: {
      hasNextPage: page.fromEnd ? page.before !== undefined : more,
      hasPreviousPage: page.fromEnd ? more : page.after !== undefined,
      startCursor: edges[0]?.cursor ?? null,
      endCursor: edges.at(-1)?.cursor ?? null,
    },
  };
}
