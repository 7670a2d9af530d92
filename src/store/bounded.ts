import { TypeOverrides, types } from 'pg';
import { JsonText } from '../json-text.ts';
import type { Analytics } from './analytics.ts';
import { isRowsFault } from './database-error.ts';
import { fromSelected } from './records.ts';
import type { Columns } from './records.ts';

/*
 * Reads that are bounded in bytes. A page ends before the row that would pass its bound, always holds one, and a row
 * that is too heavy for it is given without its payloads: the database does not print them.
 */

/** What a read may bring, in bytes: all its rows together, and any one of them. The first row may take more than `total`. */
export type Room = { total: number; row: number };

/** A row as it was read. */
export type Read<Row> = Row & { withheld?: Withheld };

/** What there was no room for. */
export type Withheld = {
  /** The fields that have a value, which is left out. */
  fields: readonly string[];
  /** How heavy the row might have been; undefined where the database fails to print it. */
  room: number | undefined;
};

/** Part of a list, and whether more of it follows. */
export type Page<Row> = { rows: Read<Row>[]; more: boolean };

export type Found<Row> = {
  /** In the order of their pages; with each, how many rows its page has found, up to one more than its limit. */
  rows: { row: Read<Row>; found: number }[];
  /** What the rows weigh as they were read. */
  taken: number;
  /** What they and the rows left out weigh. */
  wanted: number;
};

type Query<Row> = {
  /** Prepared once, where there are few texts of it. */
  name?: string | undefined;
  columns: Columns<Row>;
  fields: readonly (keyof Row & string)[];
  /**
   * SQL of whole rows with two columns more: `place`, from 1 on each page, and `found`, as in Found. $1 are the keys
   * of the pages (text[]), $2 is how many rows a page may have (integer), of which one more is looked for.
   */
  candidates: string;
  /** $3 and so on. */
  values: readonly unknown[];
};

/** What a row weighs beside its payloads: numbers, times, names of fields. */
const ROW = 200;
/** Text up to this length in bytes is given however heavy its row is; so are all names and ids. */
const SHORT = 2_048;
/** Room for no row, were its weight 0. */
const NOTHING: Room = { total: -1, row: -1 };

const jsonAsText = new TypeOverrides();
jsonAsText.setTypeParser(types.builtins.JSONB, (text) => (text === 'null' ? null : new JsonText(text)));

/** Reads pages of rows: one of each key, all of them within one room. A limit of 0 looks for one, to know whether there is any. */
export function readPages<Row>(pool: Analytics, query: Query<Row>, keys: readonly string[], limit: number, room: Room): Promise<Found<Row>> {
  return pastFaults(keys, Math.max(1, limit), room, (keys, limit, room) => readOnce(pool, query, keys, limit, room));
}

/** The page of each key, by the field that holds it. */
export function pagesOf<Row>(keys: readonly string[], { rows }: Found<Row>, key: keyof Row): Map<string, Page<Row>> {
  const pages = new Map<string, Page<Row>>(keys.map((key) => [key, { rows: [], more: false }]));
  for (const { row, found } of rows) {
    const page = pages.get(String(row[key]))!;
    page.rows.push(row);
    page.more = found > page.rows.length;
  }
  return pages;
}

/** The page of a read that has one. */
export const onePage = <Row>({ rows }: Found<Row>): Page<Row> => ({ rows: rows.map(({ row }) => row), more: (rows[0]?.found ?? 0) > rows.length });

type Extra = { found: number; withheld: string[] | null; taken: number; wanted: number };

async function readOnce<Row>(pool: Analytics, query: Query<Row>, keys: readonly string[], limit: number, room: Room): Promise<Found<Row>> {
  const { rows } = await pool.query<Extra & Record<string, unknown>>({
    name: query.name,
    text: boundedSelect(query),
    values: [keys, limit, ...query.values, room.row, room.total],
    types: jsonAsText,
  });
  return {
    rows: rows.map((selected) => {
      const row = fromSelected<Row>(query.columns, selected) as Read<Row>;
      if (selected.withheld && selected.withheld.length > 0) row.withheld = { fields: selected.withheld, room: room.row };
      return { row, found: selected.found };
    }),
    taken: rows.reduce((sum, { taken }) => sum + taken, 0),
    wanted: rows[0]?.wanted ?? 0,
  };
}

/**
 * The rows in order, first those that stand first on their page, the light ones before the heavy: so a page that a
 * heavy row stands on takes no room from the others, and what is left out of each page is its end.
 */
function boundedSelect<Row>({ columns, fields, candidates, values }: Query<Row>): string {
  const [row, total] = [`$${values.length + 3}::float8`, `$${values.length + 4}::float8`];
  const ofKind = (wanted: string) => fields.filter((field) => columns[field][1] === wanted).map((field) => ({ field, column: `r."${columns[field][0]}"` }));
  const [json, text] = [ofKind('json'), ofKind('text')];
  // How long text is says its header; how long JSON is when it is printed, only the weight that was stored with the row.
  const weight = json.length > 0 ? 'r.bytes::float8' : ['0::float8', ...text.map(({ column }) => `coalesce(octet_length(${column}), 0)`)].join(' + ');
  const left = [
    ...json.map(({ field, column }) => `CASE WHEN ${column} IS NOT NULL THEN '${field}' END`),
    ...text.map(({ field, column }) => `CASE WHEN octet_length(${column}) > ${SHORT} THEN '${field}' END`),
  ];
  const bounded = new Map([
    ...json.map(({ field, column }) => [field, `CASE WHEN fits THEN ${column} END`] as const),
    ...text.map(({ field, column }) => [field, `CASE WHEN fits OR octet_length(${column}) <= ${SHORT} THEN ${column} END`] as const),
  ]);
  const list = Array.from(new Set([...fields, 'bytes' as keyof Row & string]), (field) => `${bounded.get(field) ?? `r."${columns[field][0]}"`} AS "${field}"`);
  return `SELECT ${list.join(', ')}, found::int, wanted, CASE WHEN fits THEN size ELSE ${ROW} END AS taken,
      CASE WHEN NOT fits THEN array_remove(ARRAY[${left.join(', ')}]::text[], NULL) END AS withheld
    FROM (
      SELECT r.*, weight <= ${row} AND (upto <= ${total} OR upto = size) AS fits
      FROM (
        SELECT r.*, sum(size) OVER (ORDER BY place, size ROWS UNBOUNDED PRECEDING) AS upto, sum(${ROW} + weight) OVER () AS wanted
        FROM (
          SELECT r.*, ${ROW} + CASE WHEN weight <= ${row} THEN weight ELSE 0 END AS size
          FROM (SELECT r.*, ${weight} AS weight FROM (${candidates}) r WHERE place <= $2::int) r
        ) r
      ) r
      WHERE upto <= ${total} OR place = 1
    ) r
    ORDER BY place`;
}

/**
 * A read that one row makes fail (it is damaged, or heavier than is known) is tried with fewer rows, until that row
 * stands alone; it is then read without its payloads.
 */
async function pastFaults<Row>(
  keys: readonly string[],
  limit: number,
  room: Room,
  read: (keys: readonly string[], limit: number, room: Room) => Promise<Found<Row>>,
): Promise<Found<Row>> {
  try {
    return await read(keys, limit, room);
  } catch (error) {
    if (!isRowsFault(error)) throw error;
  }
  if (keys.length > 1) {
    const middle = keys.length >> 1;
    const first = await pastFaults(keys.slice(0, middle), limit, room, read);
    const left = Math.max(0, room.total - first.taken);
    const second = await pastFaults(keys.slice(middle), limit, { total: left, row: Math.min(room.row, left) }, read);
    return { rows: [...first.rows, ...second.rows], taken: first.taken + second.taken, wanted: first.wanted + second.wanted };
  }
  if (limit > 1) return pastFaults(keys, limit >> 1, room, read);
  const alone = await read(keys, limit, NOTHING);
  for (const { row } of alone.rows) if (row.withheld) row.withheld.room = undefined;
  return alone;
}
