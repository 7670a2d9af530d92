import { assertType, expectTypeOf, test } from 'vitest';
import { SentrialClient, begin, configure, newEventId } from '../src/index.ts';
import type { CreateSessionParams, EventUpdate, FlushReport, Interaction, Recorder, Session, SessionUpdate, Spool, TrackEventParams, TrackToolCallParams } from '../src/index.ts';

const client = new SentrialClient();

test('a client needs no configuration, and knows its options', () => {
  assertType(new SentrialClient({ apiKey: 'k', apiUrl: 'u', projectId: 'p', timeout: 1, maxRetries: 1, failSilently: false, batching: false, pii: true, onError: () => undefined }));
  assertType(new SentrialClient({ batching: { maxEvents: 1 }, pii: { mode: 'hash', custom: [{ pattern: /x/, label: 'X' }] }, spool: { folder: 'f' }, fetch, webSocket: WebSocket }));
  // @ts-expect-error not an option
  assertType(new SentrialClient({ apikey: 'k' }));
  // @ts-expect-error not a mode
  assertType(new SentrialClient({ pii: { mode: 'blur' } }));
});

test('methods take what they need and give ids', () => {
  expectTypeOf(client.createSession({ name: 'n', agentName: 'a', userId: 'u' })).resolves.toEqualTypeOf<string | null>();
  expectTypeOf(client.trackToolCall({ sessionId: 's', toolName: 't', toolInput: new Map(), toolError: 'no' })).resolves.toEqualTypeOf<string | null>();
  expectTypeOf(client.getSession('s')).resolves.toEqualTypeOf<Session | null>();
  expectTypeOf(client.flush(100, { signal: AbortSignal.timeout(1) })).resolves.toEqualTypeOf<FlushReport>();
  expectTypeOf(client.recorder).toEqualTypeOf<Recorder>();
  expectTypeOf(client.recorder.trackError({ sessionId: 's', errorMessage: 'e' })).toEqualTypeOf<string>();
  expectTypeOf(newEventId()).toEqualTypeOf<string>();
  // @ts-expect-error no agentName
  void client.createSession({ name: 'n' } satisfies CreateSessionParams);
  // @ts-expect-error no toolName
  void client.trackToolCall({ sessionId: 's' } satisfies TrackToolCallParams);
  // @ts-expect-error not a status
  void client.completeSession({ sessionId: 's', status: 'lost' });
});

test('trackEvent asks for the fields of its kind', () => {
  assertType<TrackEventParams>({ eventType: 'llm_call', sessionId: 's', model: 'm' });
  // @ts-expect-error a tool call has a name
  assertType<TrackEventParams>({ eventType: 'tool_call', sessionId: 's' });
  // @ts-expect-error no such kind
  assertType<TrackEventParams>({ eventType: 'dance', sessionId: 's' });
});

test('an interaction knows its session', () => {
  expectTypeOf(begin({ userId: 'u', event: 'e' })).toEqualTypeOf<Interaction>();
  expectTypeOf(configure()).toEqualTypeOf<SentrialClient>();
  const interaction = client.begin({ userId: 'u', event: 'e', input: { any: 'thing' } });
  expectTypeOf(interaction.trackDecision({ reasoning: 'r' })).resolves.toEqualTypeOf<string | null>();
  void interaction.trackEvent({ eventType: 'error', errorMessage: 'e' });
  // @ts-expect-error the session is the interaction's
  void interaction.trackToolCall({ toolName: 't', sessionId: 's' });
  // @ts-expect-error no event
  client.begin({ userId: 'u' });
});

test('what is watched is typed', () => {
  expectTypeOf(client.watch({ types: ['tool_call'] })).toExtend<AsyncIterable<EventUpdate>>();
  expectTypeOf(client.watchSessions({ agentName: 'a' })).toExtend<AsyncIterable<SessionUpdate>>();
  expectTypeOf<Session['status']>().toEqualTypeOf<'active' | 'completed' | 'failed' | 'cancelled'>();
  // @ts-expect-error not a kind of event
  client.watch({ types: ['TOOL_CALL'] });
});

test('a spool of your own is an object with three methods', () => {
  const spool: Spool = { append: (lines) => Promise.resolve(lines.length), async *replay() {}, close: () => Promise.resolve() };
  assertType(new SentrialClient({ spool }));
});
