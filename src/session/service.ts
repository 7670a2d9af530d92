import { assertMay } from '../auth/authorize.ts';
import { AppError, badInput, conflict, sessionNotFound } from '../errors.ts';
import type { Session } from '../generated/prisma/client.ts';
import type { Scope } from '../scope.ts';
import { fingerprint } from '../store/fingerprint.ts';
import { idFromKey, newId } from '../store/ids.ts';
import { SESSION_COLUMNS, toColumns, toSession } from '../store/records.ts';
import type { JsonRow } from '../store/records.ts';
import { validate } from '../store/validate.ts';
import type { Outcome } from '../store/writer.ts';
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
 * Throws BAD_USER_INPUT, CONFLICT (id with other content), OVERLOADED.
 */
export async function createSession(scope: Scope, input: unknown): Promise<Session> {
  const { projectId } = assertMay(scope.caller, 'sessions:write');
  const { value, replaced } = validate(SessionInput, input, 'Session');
  const chosenId = value.id ?? (scope.idempotencyKey && idFromKey('sess', scope.idempotencyKey));
  const given = toColumns(SESSION_COLUMNS, { ...value, ...settled(value), projectId, id: chosenId ?? newId('sess') });
  const now = new Date().toISOString();
  const row: JsonRow = {
    ...EMPTY_ROLLUPS,
    status: 'active',
    ...given,
    fingerprint: chosenId ? fingerprint(given) : null,
    replaced,
    created_at: now,
    updated_at: now,
    completed_at: given['status'] && given['status'] !== 'active' ? now : null,
  };
  const [outcome] = await scope.services.writer.write([{ kind: 'session', projectId, row }]);
  return toResult(row, outcome!);
}

/**
 * Updates a session, running or ended, and returns it as it stands after the commit. Only what is given changes;
 * `metadata` and `customMetrics` are merged key by key. Status and success follow from one another where one is
 * missing; duration is counted from creation where it is not given.
 * Throws BAD_USER_INPUT, NOT_FOUND, CONFLICT (Idempotency-Key with other content), OVERLOADED.
 */
export async function updateSession(scope: Scope, id: string, input: unknown): Promise<Session> {
  const { projectId } = assertMay(scope.caller, 'sessions:write');
  const { value, replaced } = validate(SessionPatch, input, 'Session update');
  const patch = toColumns(SESSION_COLUMNS, { ...value, ...settled(value) });
  if (replaced) patch['replaced'] = true;
  const row: JsonRow = {
    project_id: projectId,
    session_id: storableId(id),
    at: new Date().toISOString(),
    patch,
    ...(scope.idempotencyKey && { key: fingerprint(scope.idempotencyKey), fingerprint: fingerprint({ id, patch }) }),
  };
  const [outcome] = await scope.services.writer.write([{ kind: 'update', projectId, row }]);
  return toResult({ ...row, id }, outcome!);
}

/** Ends a session: `success` (default true) decides between completed and failed, unless `status` says which. */
export async function completeSession(scope: Scope, id: string, input: { status?: unknown; success?: unknown }): Promise<Session> {
  return updateSession(scope, id, input.status == null && input.success == null ? { ...input, success: true } : input);
}

/** Removes a session and its events for good, and returns what it was. Throws NOT_FOUND. */
export async function deleteSession(scope: Scope, id: string): Promise<Session> {
  const { projectId } = assertMay(scope.caller, 'admin');
  return scope.services.store.$transaction(async (tx) => {
    // The project row first, like every writer: nothing is then appended to the session while it goes.
    await tx.$queryRaw`SELECT 1 FROM project WHERE id = ${projectId} FOR NO KEY UPDATE`;
    const where = { projectId_id: { projectId, id: storableId(id) } };
    const session = await tx.session.findUnique({ where });
    if (!session) throw sessionNotFound(id);
    await tx.event.deleteMany({ where: { projectId, sessionId: session.id } });
    await tx.sessionUpdate.deleteMany({ where: { projectId, sessionId: session.id } });
    return tx.session.delete({ where });
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

function toResult(row: JsonRow, outcome: Outcome): Session {
  switch (outcome.outcome) {
    case 'stored':
    case 'duplicate':
      return toSession(outcome.found ?? { ...row, position: outcome.position });
    case 'conflict':
      throw row['key'] ? keyConflict() : conflict('Session', String(row['id']));
    case 'no_session':
      throw sessionNotFound(String(row['id']));
    case 'no_project':
      throw new AppError('NOT_FOUND', 'The project of this API key was deleted');
    case 'failed':
      throw outcome.error;
  }
}

const keyConflict = () => new AppError('CONFLICT', 'This Idempotency-Key was used for another update. Send the same content to repeat a request, or a new key for a new one');
