import { assertMay } from '../auth/authorize.ts';
import { AppError, conflict, sessionNotFound, tooLarge } from '../errors.ts';
import type { Event } from '../generated/prisma/client.ts';
import type { Scope } from '../scope.ts';
import { eventChange } from '../store/change.ts';
import type { Change } from '../store/change.ts';
import { fingerprint } from '../store/fingerprint.ts';
import { idFromKey, newId } from '../store/ids.ts';
import { EVENT_COLUMNS, toColumns, toEvent } from '../store/records.ts';
import type { JsonRow } from '../store/records.ts';
import { validate } from '../store/validate.ts';
import type { Outcome } from '../store/writer.ts';
import { EventInput } from './input.ts';
import { recogniseLlmCall } from './llm-call.ts';

/** A stored event, or why it was not: of a batch, each item has its own. */
export type Recorded = { event: Event; duplicate: boolean } | { error: AppError };

/**
 * Writes one event and returns it once it is committed. The id may be chosen by the client, or come from the
 * request's Idempotency-Key: the same id with the same content gives the event as it was first stored.
 * Throws BAD_USER_INPUT, TOO_LARGE, NOT_FOUND (session), CONFLICT (id with other content), OVERLOADED.
 */
export async function recordEvent(scope: Scope, input: unknown): Promise<Event> {
  const [recorded] = await recordEvents(scope, [input]);
  if (!recorded) throw new AppError('INTERNAL_SERVER_ERROR', 'An event was written and has no result');
  if ('error' in recorded) throw recorded.error;
  return recorded.event;
}

/**
 * Writes events and returns one result for each, in order. A bad item fails alone. What can't be told from a
 * single item (no key, no scope, no room) is thrown, and then none was written.
 */
export async function recordEvents(scope: Scope, inputs: readonly unknown[]): Promise<Recorded[]> {
  const { projectId } = assertMay(scope.caller, 'events:write');
  const results = new Array<Recorded>(inputs.length);
  const changes: Change[] = [];
  const places: number[] = [];
  inputs.forEach((input, i) => {
    try {
      const key = scope.idempotencyKey && (inputs.length === 1 ? scope.idempotencyKey : `${scope.idempotencyKey}#${i}`);
      changes.push(toChange(scope, projectId, input, key));
      places.push(i);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      results[i] = { error };
    }
  });
  const outcomes = changes.length === 0 ? [] : await scope.services.writer.write(changes);
  outcomes.forEach((outcome, n) => {
    results[places[n]!] = toResult(changes[n]!.row, outcome);
  });
  return results;
}

function toChange({ services }: Scope, projectId: string, input: unknown, idempotencyKey: string | undefined): Change {
  const { value, replaced, growth } = validate(EventInput, input, 'Event');
  const event = recogniseLlmCall(value);
  const chosenId = event.id ?? (idempotencyKey && idFromKey('evt', idempotencyKey));
  const row = toColumns(EVENT_COLUMNS, { ...event, projectId, id: chosenId ?? newId('evt') });
  if (chosenId) row['fingerprint'] = fingerprint(row);
  row['replaced'] = replaced;
  row['created_at'] = new Date().toISOString();
  const change = eventChange(projectId, row, growth);
  const { eventBytes } = services.limits;
  if (change.bytes > eventBytes) throw tooLarge('The event', change.bytes, eventBytes, 'MAX_EVENT_BYTES');
  return change;
}

function toResult(row: JsonRow, outcome: Outcome): Recorded {
  switch (outcome.outcome) {
    case 'stored':
      return { event: toEvent({ ...row, position: outcome.position }), duplicate: false };
    case 'duplicate':
      return { event: toEvent({ ...row, ...outcome.found, position: outcome.position }), duplicate: true };
    case 'conflict':
      return { error: conflict('Event', String(row['id'])) };
    case 'no_session':
    case 'no_project':
    case 'too_large': // told of sessions only
      return { error: sessionNotFound(String(row['session_id'])) };
    case 'failed':
      return { error: outcome.error };
  }
}
