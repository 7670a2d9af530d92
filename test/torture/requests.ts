import type { Fields } from './content.ts';
import type { Reply, Sending } from './http.ts';
import type { Verdict, Write } from './model.ts';

// Between what a writer wants stored and the two APIs: the request that says it, and what its answer means.

export type Api = 'rest' | 'graphql';

/** A write and how it is said: `fields` as REST takes them. */
export type Draft = {
  readonly write: Write;
  readonly fields: Readonly<Fields>;
  /** Of the session to update. */
  readonly sessionId?: string;
  /** The id is the server's, made from this; REST only. */
  readonly idempotencyKey?: string;
  /** JSON text to stand where a field says POISON: what JSON.stringify would not write. */
  readonly poison?: string;
};

export const POISON = '@poison@';

type Prepared = Sending & { read: (reply: Reply | undefined) => Verdict[] };

/** One request for one draft, or for several events. */
export function requestFor(drafts: readonly Draft[], api: Api): Prepared {
  const [draft] = drafts;
  if (!draft) throw new Error('nothing to send');
  const { method, path, body, read } = (api === 'rest' ? REST : GRAPHQL)[drafts.length > 1 ? 'events' : draft.write.kind](drafts);
  const text = JSON.stringify(body);
  return {
    method,
    path,
    key: draft.write.project.key,
    body: draft.poison === undefined ? text : text.replace(JSON.stringify(POISON), () => draft.poison!),
    idempotencyKey: draft.idempotencyKey,
    read: (reply) => (reply === undefined ? drafts.map(() => ({ outcome: 'unknown' })) : read(reply)),
  };
}

type Form = (drafts: readonly Draft[]) => { method: Sending['method']; path: string; body: unknown; read: (reply: Reply) => Verdict[] };
type Forms = Record<Write['kind'] | 'events', Form>;

const acknowledged = (row: Fields): Verdict => ({
  outcome: 'acknowledged',
  id: String(row['id']),
  createdAt: new Date(row['createdAt'] as string).toISOString(),
  ...(row['cursor'] !== undefined && { position: Number(row['cursor']) }),
});
const refused = (status: number, message: unknown): Verdict => (status === 503 ? { outcome: 'unknown' } : { outcome: 'refused', status, message: String(message).slice(0, 300) });

const single = (reply: Reply): Verdict[] => [reply.status === 200 ? acknowledged(reply.body) : refused(reply.status, reply.body['message'] ?? JSON.stringify(reply.body))];

const REST: Forms = {
  session: ([draft]) => ({ method: 'POST', path: '/api/sdk/sessions', body: draft!.fields, read: single }),
  update: ([draft]) => ({ method: 'PATCH', path: `/api/sdk/sessions/${draft!.sessionId}`, body: draft!.fields, read: single }),
  event: ([draft]) => ({ method: 'POST', path: '/api/sdk/events', body: draft!.fields, read: single }),
  events: (drafts) => ({
    method: 'POST',
    path: '/api/sdk/events/batch',
    body: { events: drafts.map(({ fields }) => fields) },
    read(reply) {
      const results = reply.body['results'] as { status: number; event?: Fields; message?: string }[] | undefined;
      if (reply.status !== 200 || results?.length !== drafts.length) return drafts.map(() => refused(reply.status === 200 ? 500 : reply.status, JSON.stringify(reply.body)));
      return results.map(({ status, event, message }) => (event ? acknowledged(event) : refused(status, message)));
    },
  }),
};

type Fault = { message: string; extensions?: { code?: string } };
type Result = { event: Fields | null; error: { code: string; message: string } | null };

const STATUS: { readonly [code: string]: number } = { BAD_USER_INPUT: 400, UNAUTHENTICATED: 401, FORBIDDEN: 403, NOT_FOUND: 404, CONFLICT: 409, TOO_LARGE: 413, OVERLOADED: 503 };
const faulty = ({ code, message }: { code: string | undefined; message: string }) => refused(STATUS[code ?? ''] ?? 500, `${code} ${message}`);

const mutation = (name: string, type: string, input: unknown, selection: string, read: (data: unknown) => Verdict[], count = 1) => ({
  method: 'POST' as const,
  path: '/graphql',
  body: { query: `mutation ($input: ${type}) { written: ${name}(input: $input) { ${selection} } }`, variables: { input } },
  read({ status, body }: Reply): Verdict[] {
    const data = (body['data'] as Fields | null | undefined)?.['written'];
    if (data) return read(data);
    const [error] = (body['errors'] as Fault[] | undefined) ?? [];
    // What is refused before GraphQL has it has an HTTP status that says more.
    const verdict = status === 413 || status === 503 ? refused(status, error?.message) : faulty({ code: error?.extensions?.code, message: `${status} ${error?.message}` });
    return Array.from({ length: count }, () => verdict);
  },
});

const WRITTEN = 'id createdAt cursor';
const one = (data: unknown) => [acknowledged(data as Fields)];
const TRACK: { readonly [eventType: string]: readonly [mutation: string, input: string, member: string] } = {
  tool_call: ['trackToolCall', 'TrackToolCallInput!', 'toolCall'],
  llm_decision: ['trackDecision', 'TrackDecisionInput!', 'decision'],
  llm_call: ['trackLlmCall', 'TrackLlmCallInput!', 'llmCall'],
  state_change: ['trackStateChange', 'TrackStateChangeInput!', 'stateChange'],
  error: ['trackError', 'TrackErrorInput!', 'error'],
};

function tracked({ eventType, ...input }: Readonly<Fields>) {
  const [name, type, member] = TRACK[String(eventType)] ?? TRACK['tool_call']!;
  return { name, type, member, input };
}

const sessionInput = ({ status, ...input }: Readonly<Fields>) => (status === undefined ? input : { ...input, status: (status as string).toUpperCase() });

const GRAPHQL: Forms = {
  session: ([draft]) => mutation('createSession', 'CreateSessionInput!', sessionInput(draft!.fields), WRITTEN, one),
  update: ([draft]) => {
    const ends = draft!.fields['status'] !== undefined;
    return mutation(ends ? 'completeSession' : 'updateSession', ends ? 'CompleteSessionInput!' : 'UpdateSessionInput!', { id: draft!.sessionId, ...sessionInput(draft!.fields) }, WRITTEN, one);
  },
  event: ([draft]) => {
    const { name, type, input } = tracked(draft!.fields);
    return mutation(name, type, input, WRITTEN, one);
  },
  events: (drafts) =>
    mutation(
      'recordEvents',
      '[EventInput!]!',
      drafts.map(({ fields }, n) => {
        const { member, input } = tracked(fields);
        return n % 3 === 0 ? { json: fields } : { [member]: input };
      }),
      `event { ${WRITTEN} } error { code message }`,
      (data) => (data as Result[]).map(({ event, error }) => (event ? acknowledged(event) : faulty(error!))),
      drafts.length,
    ),
};
