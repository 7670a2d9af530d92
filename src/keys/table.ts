import type { KeyRow } from './keys.ts';

/** Keys as lines for a terminal, under a line of titles. */
export function table(rows: readonly KeyRow[]): string {
  const day = (date: Date | null) => date?.toISOString().slice(0, 16).replace('T', ' ') ?? '-';
  const state = ({ revokedAt, expiresAt }: KeyRow) => (revokedAt ? 'revoked' : expiresAt && expiresAt.getTime() <= Date.now() ? 'expired' : 'active');
  const lines = rows.map((row) => [row.id, printable(row.name), `${row.prefix}…`, row.scopes.join(','), day(row.createdAt), day(row.expiresAt), state(row)]);
  const all = [['ID', 'NAME', 'BEGINS', 'SCOPES', 'CREATED', 'EXPIRES', 'STATE'], ...lines];
  const widths = all[0]!.map((_, column) => Math.max(...all.map((line) => line[column]!.length)));
  return all.map((line) => `${line.map((cell, column) => cell.padEnd(widths[column]!)).join('  ').trimEnd()}\n`).join('');
}

/** A name may hold anything; a terminal is not to be steered by it. */
export const printable = (text: string) => text.replace(/\p{C}/gu, '?');
