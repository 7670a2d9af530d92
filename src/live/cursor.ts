import { badInput } from '../errors.ts';

/** A cursor is a position in the project's log, written in decimal: "0" is before everything. */
export function parseCursor(cursor: string): number {
  const position = /^\d{1,16}$/.test(cursor) ? Number(cursor) : NaN;
  if (!Number.isSafeInteger(position)) {
    throw badInput(`"${cursor.slice(0, 40)}" is not a cursor. Send one that the server gave you, or "0" to replay everything`);
  }
  return position;
}

export const formatCursor = (position: number | bigint) => String(position);
