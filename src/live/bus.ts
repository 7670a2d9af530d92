import type { JsonRow } from '../store/records.ts';

/** Said after each commit: this project's log now reaches `to`, and these are the events in (`from` - 1, `to`]. */
export type LogMessage = {
  topic: 'log';
  projectId: string;
  from: number;
  to: number;
  /** Every event of the range, with its position; left out when they are too large to send along. */
  rows?: readonly JsonRow[];
  /** Size of the rows. */
  bytes?: number;
};

/** A key was revoked: forget it, close its sockets. */
export type KeyMessage = { topic: 'keys'; hash: string };

export type BusMessage = LogMessage | KeyMessage;

export type Listener<M extends BusMessage> = (message: M) => void;

/**
 * Wakes readers; it is not the log. Both implementations keep these clauses (test/bus.test.ts):
 *
 * B1 `subscribe` resolves once every message published from then on will arrive. While Redis is away, or refuses, it
 *    resolves all the same: messages then arrive from the next `onGap` on.
 * B2 Messages of one publisher on one topic arrive in the order they were published.
 * B3 Listeners in the publishing process hear a message before `publish` returns, the others soon after.
 * B4 `publish` never throws and never waits: what can't be delivered is dropped, and counted.
 * B5 After a stretch in which messages may have been lost, `onGap` listeners are called: read the database.
 * B6 Ending a subscription takes effect at once.
 */
export type Bus = {
  publish(message: BusMessage): void;
  subscribeLog(projectId: string, listener: Listener<LogMessage>): Promise<Unsubscribe>;
  subscribeKeys(listener: Listener<KeyMessage>): Promise<Unsubscribe>;
  onGap(listener: () => void): Unsubscribe;
  /** `up`, or why not; for /readyz and /metrics. */
  state(): 'up' | 'down';
  close(): Promise<void>;
};

export type Unsubscribe = () => void;
