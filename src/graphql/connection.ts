import { badInput } from '../errors.ts';

/** The arguments of a Relay connection. */
export type PageArgs = { first?: number | null | undefined; after?: string | null | undefined; last?: number | null | undefined; before?: string | null | undefined };

/** A page as the domain reads it. */
type Page = { limit: number; after: string | undefined; before: string | undefined; fromEnd: boolean };

/** What it holds: at most `limit` rows, fewer where they are heavy; and whether more follow. */
type Rows<Row> = { rows: readonly Row[]; more: boolean };

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

/** The page of a list of which one row more than its limit was read, to know whether there are more. */
export function cut<Row>(rows: readonly Row[], page: Page): Rows<Row> {
  const more = rows.length > page.limit;
  return { rows: more ? (page.fromEnd ? rows.slice(rows.length - page.limit) : rows.slice(0, page.limit)) : rows, more };
}

/** Relay's connection from the rows of a page in the order of the list; of a page of none, whether there is any. */
export function connectionOf<Row>(found: Rows<Row>, page: Page, cursorOf: (row: Row) => string) {
  const rows = page.limit === 0 ? [] : found.rows;
  const more = found.more || rows.length < found.rows.length;
  const edges = rows.map((node) => ({ cursor: cursorOf(node), node }));
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
