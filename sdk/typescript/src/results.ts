import type { EventFieldsFragment, SessionFieldsFragment } from './generated/operations.ts';
import type { RecordedEvent, Session } from './types.ts';

// What the server says, in the words of the SDK: the kinds and states in lower case, as on the REST wire.

const lower = <Name extends string>(name: Name) => name.toLowerCase() as Lowercase<Name>;

export const sessionOf = (session: SessionFieldsFragment): Session => ({
  ...session,
  status: lower(session.status),
  metadata: session.metadata as Session['metadata'],
  customMetrics: session.customMetrics as Session['customMetrics'],
});

export const eventOf = (event: EventFieldsFragment): RecordedEvent => ({
  ...event,
  eventType: lower(event.eventType),
  metadata: event.metadata as RecordedEvent['metadata'],
});
