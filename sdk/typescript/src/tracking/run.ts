import { newSessionId } from '../ids.ts';
import type { CompleteSessionParams, CreateSessionParams } from '../types.ts';
import { attempt } from './attempt.ts';
import type { TrackingClient } from './attempt.ts';
import { messageOf } from './failure.ts';
import { defined } from './value.ts';

/** A value, or a function that is asked for it whenever a session begins. */
export type Resolvable = string | (() => string | null | undefined);

export type RunOptions = {
  /** Where to record. */
  client: TrackingClient;
  /** Groups sessions by agent. */
  defaultAgent?: string;
  /** The end user. Default: `anonymous`. */
  userId?: Resolvable;
  /** Links sessions into one conversation. */
  convoId?: Resolvable;
  /** Merged into the metadata of every session. */
  extraMetadata?: Record<string, unknown>;
};

/** The text, or what the function says; undefined where it says none, or fails, which is reported. */
function resolve(client: TrackingClient, value: Resolvable | undefined): string | undefined {
  const said: unknown = typeof value === 'function' ? attempt(client, () => value()) : value;
  return typeof said === 'string' && said !== '' ? said : undefined;
}

export type RunStart = Pick<CreateSessionParams, 'name' | 'userInput' | 'metadata' | 'parentSessionId'> & { agentName?: string };

/** Begins a session for a wrapper and returns its id. */
export function beginSession(options: RunOptions, start: RunStart): string {
  const { client, extraMetadata } = options;
  const id = newSessionId();
  const userId = resolve(client, options.userId);
  const convoId = resolve(client, options.convoId);
  const metadata = { ...start.metadata, ...extraMetadata };
  attempt(client, (recorder) =>
    recorder.createSession(defined({ agentName: options.defaultAgent ?? 'agent', ...start, id, userId: userId ?? 'anonymous', convoId, metadata: Object.keys(metadata).length > 0 ? metadata : undefined })),
  );
  return id;
}

/** Where the calls of a model are recorded: a session of the caller's, or one of their own. */
export interface Run {
  readonly sessionId: string;
  /** Ends the session, if it is its own. */
  end(outcome: Omit<CompleteSessionParams, 'sessionId'>): void;
}

/** What ends a session that was left before its end. */
export const closedEarly = { status: 'cancelled', success: false, failureReason: 'Stream closed early' } as const;

export const failedWith = (error: unknown) => ({ success: false, failureReason: messageOf(error) });

/** A run in the session that the caller names; without one, in a session of its own. */
export function openRun(options: RunOptions & { sessionId?: Resolvable }, start: RunStart): Run {
  const given = resolve(options.client, options.sessionId);
  if (given !== undefined) return { sessionId: given, end: () => undefined };
  const sessionId = beginSession(options, start);
  const startedAt = Date.now();
  return { sessionId, end: (outcome) => void attempt(options.client, (recorder) => recorder.completeSession({ durationMs: Date.now() - startedAt, ...outcome, sessionId })) };
}
