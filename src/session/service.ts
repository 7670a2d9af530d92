import { assertMay } from '../auth/authorize.ts';
import { badInput, conflict, keyConflict, projectDeleted, sessionNotFound, tooLarge } from '../errors.ts';
import type { Session } from '../generated/prisma/client.ts';
import type { Scope } from '../scope.ts';
import { sessionChange, updateChange } from '../store/change.ts';
import { printedBytes } from '../store/clean.ts';
import { fingerprint } from '../store/fingerprint.ts';
import { idFromKey, newId } from '../store/ids.ts';
import { SESSION_COLUMNS, toColumns, toSession } from '../store/records.ts';
import type { JsonRow } from '../store/records.ts';
import { transaction } from '../store/transaction.ts';
import { validate } from '../store/validate.ts';
import type { Outcome } from '../store/writer.ts';
import { findSession } from './access.ts';
import { SessionInput, SessionPatch } from './input.ts';
import type { SessionStatus } from './input.ts';

/** What a new row has where the input says nothing; append_to_log takes whole rows. */
const EMPTY_ROLLUPS = {
  event_count: 0,
  tool_call_count: 0,
  decision_count: 0,
  llm_call_count: 0,
  state_change_count: 0,
  error_count: 0,
  event_prompt_tokens: 0,
  event_completion_tokens: 0,
  event_total_tokens: 0,
  event_cost: 0,
};

/**
 * Creates a session and returns it once it is committed. The id may be chosen by the client, or come from the
 * request's Idempotency-Key: the same id with the same content gives the session as it stands.
 * Throws BAD_USER_INPUT, TOO_LARGE, CONFLICT (id with other content), OVERLOADED.
 */
export async function createSession(scope: Scope, input: unknown): Promise<Session> {
  const { projectId } = assertMay(scope.caller, 'sessions:write');
  const { value, replaced, growth } = validate(SessionInput, input, 'Session');
  assertFits(scope, value, growth);
  const chosenId = value.id ?? (scope.idempotencyKey && idFromKey('sess', scope.idempotencyKey));
  const given = toColumns(SESSION_COLUMNS, { ...value, ...settled(value), projectId, id: chosenId ?? newId('sess') });
  const now = new Date().toISOString();
  const row: JsonRow = {
    ...EMPTY_ROLLUPS,
    status: 'active',
    ...given,
    // When it was sent first is not what it says: sent again, it is the same session.
    fingerprint: chosenId ? fingerprint({ ...given, client_timestamp: undefined }) : null,
    replaced,
    created_at: now,
    updated_at: now,
    completed_at: given['status'] && given['status'] !== 'active' ? now : null,
  };
  const [outcome] = await scope.services.writer.write([sessionChange(projectId, row)]);
  return toResult(scope, projectId, row, outcome!);
}

/**
 * Updates a session, running or ended, and returns it as it stands after the commit. Only what is given changes;
 * `metadata` and `customMetrics` are merged key by key. Status and success follow from one another where one is
 * missing; duration is counted from creation where it is not given.
 * Throws BAD_USER_INPUT, TOO_LARGE (alone, or merged into what is there), NOT_FOUND, CONFLICT (Idempotency-Key with
 * other content), OVERLOADED.
 */
export async function updateSession(scope: Scope, id: string, input: unknown): Promise<Session> {
  const { projectId } = assertMay(scope.caller, 'sessions:write');
  const { value, replaced, growth } = validate(SessionPatch, input, 'Session update');
  assertFits(scope, value, growth);
  const patch = toColumns(SESSION_COLUMNS, { ...value, ...settled(value) });
  if (replaced) patch['replaced'] = true;
  // Running again: how long it took is counted anew when it ends.
  if (patch['status'] === 'active') patch['duration_ms'] ??= null;
  const row: JsonRow = {
    project_id: projectId,
    session_id: storableId(id),
    at: new Date().toISOString(),
    patch,
    ...(scope.idempotencyKey && { key: fingerprint(scope.idempotencyKey), fingerprint: fingerprint({ id, patch }) }),
  };
  const [outcome] = await scope.services.writer.write([updateChange(projectId, row)]);
  return toResult(scope, projectId, { ...row, id }, outcome!);
}

/** Ends a session: `success` (default true) decides between completed and failed, unless `status` says which. */
export async function completeSession(scope: Scope, id: string, input: { status?: unknown; success?: unknown }): Promise<Session> {
  return updateSession(scope, id, input.status == null && input.success == null ? { ...input, success: true } : input);
}

/** How many events one statement deletes. */
const DELETED_AT_ONCE = 5_000;

/**
 * Removes a session and its events for good, and returns what it was. Throws NOT_FOUND. Most events go before the
 * session does, a part at a time, while the project's writers go on: where that is broken off, it can be asked again.
 */
export async function deleteSession(scope: Scope, id: string): Promise<Session> {
  const { projectId } = assertMay(scope.caller, 'admin');
  const { controlPool: pool } = scope.services;
  const session = [projectId, storableId(id)];
  const was = await findSession(scope, projectId, id);
  if (!was) throw sessionNotFound(id);
  for (let deleted = DELETED_AT_ONCE; deleted === DELETED_AT_ONCE; ) {
    const { rowCount } = await pool.query(
      `DELETE FROM event WHERE project_id = $1 AND position IN (SELECT position FROM event WHERE project_id = $1 AND session_id = $2 LIMIT ${DELETED_AT_ONCE})`,
      session,
    );
    deleted = rowCount ?? 0;
  }
  return transaction(pool, async (client) => {
    // The project row first, like every writer: nothing is then appended to the session while it goes.
    await client.query('SELECT 1 FROM project WHERE id = $1 FOR NO KEY UPDATE', [projectId]);
    await client.query('DELETE FROM event WHERE project_id = $1 AND session_id = $2', session);
    await client.query('DELETE FROM session_update WHERE project_id = $1 AND session_id = $2', session);
    const { rowCount: deleted } = await client.query('DELETE FROM session WHERE project_id = $1 AND id = $2', session);
    if (!deleted) throw sessionNotFound(id);
    return was;
  });
}

/** Status and success, each from the other where only one is given. */
function settled(input: { status?: SessionStatus | null | undefined; success?: boolean | null | undefined }) {
  const status = input.status ?? (input.success == null ? undefined : input.success ? 'completed' : 'failed');
  const success = input.success ?? (status === 'completed' ? true : status === 'failed' ? false : undefined);
  return { status, success };
}

/** PostgreSQL has no U+0000 in text: an id with one is refused here rather than by the database. */
function storableId(id: string): string {
  if (id.includes('\0') || !id.isWellFormed()) throw badInput('A session ID holds characters that cannot be stored');
  return id;
}

const SETTINGS = { session: 'MAX_SESSION_BYTES', metadata: 'MAX_METADATA_BYTES', customMetrics: 'MAX_METADATA_BYTES' } as const;
const WHAT = { session: 'The session', metadata: "The session's metadata", customMetrics: "The session's customMetrics" } as const;
const sessionTooLarge = (what: keyof typeof WHAT, bytes: number, largest: number) => tooLarge(WHAT[what], bytes, largest, SETTINGS[what]);

/** Of itself; append_to_log says the same of what an update is merged into. */
function assertFits({ services }: Scope, value: SessionPatch, growth: number): void {
  const { sessionBytes, metadataBytes } = services.limits;
  for (const what of ['metadata', 'customMetrics'] as const) {
    const bytes = value[what] ? printedBytes(value[what]) : 0;
    if (bytes > metadataBytes) throw sessionTooLarge(what, bytes, metadataBytes);
  }
  const bytes = Buffer.byteLength(JSON.stringify(value)) + growth;
  if (bytes > sessionBytes) throw sessionTooLarge('session', bytes, sessionBytes);
}

async function toResult(scope: Scope, projectId: string, row: JsonRow, change: Outcome): Promise<Session> {
  switch (change.outcome) {
    case 'stored':
    case 'duplicate':
      if (change.found) return toSession(change.found);
      if (row['created_at'] && change.outcome === 'stored') return toSession({ ...row, position: change.position });
      return (await findSession(scope, projectId, String(row['id']))) ?? Promise.reject(sessionNotFound(String(row['id'])));
    case 'conflict':
      throw row['key'] ? keyConflict() : conflict('Session', String(row['id']));
    case 'no_session':
      throw sessionNotFound(String(row['id']));
    case 'no_project':
      throw projectDeleted();
    case 'too_large': {
      const { what, bytes, largest } = change.found as { what: keyof typeof WHAT; bytes: number; largest: number };
      throw sessionTooLarge(what, bytes, largest);
    }
    case 'failed':
      throw change.error;
  }
}
