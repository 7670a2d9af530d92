import type { JsonRow } from './records.ts';

/** One thing to write: a new session, an event, or an update of a session. */
export type Change = {
  kind: 'session' | 'event' | 'update';
  projectId: string;
  row: JsonRow;
  /** The row as append_to_log takes it. */
  json: string;
};

export const sessionChange = (projectId: string, row: JsonRow): Change => ({ kind: 'session', projectId, row, json: JSON.stringify(row) });

export const updateChange = (projectId: string, row: JsonRow): Change => ({ kind: 'update', projectId, row, json: JSON.stringify(row) });

/** With its weight, which bounds what reading it costs; `growth` is that of clean.ts. */
export function eventChange(projectId: string, row: JsonRow, growth: number): Change & { bytes: number } {
  const json = JSON.stringify(row);
  const bytes = Buffer.byteLength(json) + growth;
  return { kind: 'event', projectId, row: { ...row, bytes }, json: `${json.slice(0, -1)},"bytes":${bytes}}`, bytes };
}
