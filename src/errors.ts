/**
 * The catalogue of errors. Everything a caller may be told is a line here; whatever else is thrown is a
 * fault of ours: it is masked by the door and logged once (http/errors.ts, graphql/errors.ts). What is wrong with
 * a field or parameter is said where that is read, by badInput.
 */
const CATALOGUE = {
  BAD_USER_INPUT: { status: 400, title: 'Bad Request' },
  UNAUTHENTICATED: { status: 401, title: 'Unauthorized' },
  FORBIDDEN: { status: 403, title: 'Forbidden' },
  NOT_FOUND: { status: 404, title: 'Not Found' },
  METHOD_NOT_ALLOWED: { status: 405, title: 'Method Not Allowed' },
  CONFLICT: { status: 409, title: 'Conflict' },
  TOO_LARGE: { status: 413, title: 'Payload Too Large' },
  UNSUPPORTED_MEDIA_TYPE: { status: 415, title: 'Unsupported Media Type' },
  UPGRADE_REQUIRED: { status: 426, title: 'Upgrade Required' },
  RATE_LIMITED: { status: 429, title: 'Too Many Requests' },
  INTERNAL_SERVER_ERROR: { status: 500, title: 'Internal Server Error' },
  OVERLOADED: { status: 503, title: 'Service Unavailable' },
} as const;

export type ErrorCode = keyof typeof CATALOGUE;

export type Issue = {
  /** Where in the input: `toolInput`, `events.3.confidence`. */
  path: string;
  message: string;
};

export class AppError extends Error {
  readonly code: ErrorCode;
  /** Each fault of the input, when there are several. */
  readonly issues: readonly Issue[];
  /** When trying again makes sense, in seconds. */
  readonly retryAfter: number | undefined;

  constructor(code: ErrorCode, message: string, more: { issues?: readonly Issue[]; retryAfter?: number; cause?: unknown } = {}) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause });
    this.name = 'AppError';
    this.code = code;
    this.issues = more.issues ?? [];
    this.retryAfter = more.retryAfter;
  }

  get status(): number {
    return CATALOGUE[this.code].status;
  }

  get title(): string {
    return CATALOGUE[this.code].title;
  }
}

export const badInput = (message: string, issues: readonly Issue[] = []) => new AppError('BAD_USER_INPUT', message, { issues });

export const unauthenticated = () => new AppError('UNAUTHENTICATED', 'Invalid or missing API key');

export const forbidden = (scope: string) =>
  new AppError('FORBIDDEN', `API key does not have access to this resource: it lacks the scope "${scope}"`);

/** A write that would answer with what the key may not read. */
export const mayNotSelect = (field: string, fields: readonly string[]) =>
  new AppError('FORBIDDEN', `API key does not have access to this resource: it lacks the scope "read", without which a session that was written shows ${fields.join(', ')}; "${field}" was selected. Nothing was written`);

/** A page of another site asks for the cookie. */
export const foreignPage = (origin: string) => new AppError('FORBIDDEN', `Pages of ${quoted(origin)} may not log in here; ALLOWED_ORIGINS can allow them`);

/** Something a client sent, short enough for a sentence. */
const quoted = (text: string) => `"${text.length > 100 ? `${text.slice(0, 100)}…` : text}"`;

export const sessionNotFound = (id: string) =>
  new AppError('NOT_FOUND', `Session ID not found: no session ${quoted(id)} in this project. Create it first with POST /api/sdk/sessions or createSession`);

export const eventNotFound = (id: string) => new AppError('NOT_FOUND', `Event ID not found: no event ${quoted(id)} in this project`);

export const conversationNotFound = (id: string) => new AppError('NOT_FOUND', `Conversation ID not found: no session of this project has convoId ${quoted(id)}`);

export const apiKeyNotFound = (id: string) => new AppError('NOT_FOUND', `API key not found: no key ${quoted(id)} in this project`);

export const keyConflict = () => new AppError('CONFLICT', 'This Idempotency-Key was used for another update. Send the same content to repeat a request, or a new key for a new one');

export const projectDeleted = () => new AppError('NOT_FOUND', 'The project of this API key was deleted');

export const noWorkflowVersions = () => new AppError('NOT_FOUND', 'This server keeps no workflow versions');

export const conflict = (what: string, id: string) =>
  new AppError('CONFLICT', `${what} ${quoted(id)} already exists with other content. Send the same content to repeat a request, or a new id for a new ${what.toLowerCase()}`);

export const batchTooLong = (length: number, longest: number) => badInput(`A batch holds at most ${longest} events, got ${length}. Send it in parts`);

export const bodyTooLarge = () => new AppError('TOO_LARGE', 'The body is larger than this server takes (MAX_BODY_BYTES). Send less, or a batch in parts');

const grouped = (count: number) => count.toLocaleString('en-US');

/** `what` begins the sentence: "The event", "The session's metadata". `setting` is the variable that bounds it. */
export const tooLarge = (what: string, bytes: number, largest: number, setting: string) =>
  new AppError('TOO_LARGE', `${what} would take ${grouped(bytes)} bytes when it is read; at most ${grouped(largest)} are accepted (${setting}). Send less`);

/** A row of which a read left something out. `room` is how heavy it might have been; undefined: it could not be read. */
export const leftOut = (what: 'Event' | 'Session', id: string, bytes: number, room: number | undefined) =>
  new AppError(
    'TOO_LARGE',
    room === undefined
      ? `${what} ${quoted(id)} is given without its payload: the database could not read it`
      : `${what} ${quoted(id)} is given without its payload: it takes ${grouped(bytes)} bytes, and this answer has room for ${grouped(room)} (MAX_ANSWER_BYTES). Ask for it alone, or for fewer fields`,
  );

/** One field of an answer. */
export const fieldLeftOut = (field: string, bytes: number) =>
  new AppError('TOO_LARGE', `${field} takes ${grouped(bytes)} bytes, for which this answer has no room (MAX_ANSWER_BYTES). Ask for less at once`);

export const answersBusy = () => new AppError('OVERLOADED', 'Too many large answers are being read. Try again in 5 s, or ask for less: smaller pages, or no payloads', { retryAfter: 5 });

export const notDeclaredJson = () => new AppError('UNSUPPORTED_MEDIA_TYPE', 'Expected a JSON body with the header Content-Type: application/json');

/** `retryAfter` is in seconds. */
export const rateLimited = (perMinute: number, retryAfter: number) =>
  new AppError('RATE_LIMITED', `This API key made more than ${perMinute} requests in a minute. Try again in ${retryAfter} s`, { retryAfter });

/** `retryAfter` is in seconds. */
export const tooManyBadKeys = (perMinute: number, retryAfter: number) =>
  new AppError('RATE_LIMITED', `Invalid API key, and this address sent more than ${perMinute} of those in a minute. Correct the key, and try again in ${retryAfter} s`, { retryAfter });

/** `retryAfter` is in seconds. */
export const tooManyAnonymous = (perMinute: number, retryAfter: number) =>
  new AppError('RATE_LIMITED', `This address sent more than ${perMinute} GraphQL operations without an API key in a minute. Send a key, or try again in ${retryAfter} s`, { retryAfter });

export const methodNotAllowed = (method: string, allowed: string) => new AppError('METHOD_NOT_ALLOWED', `${method} is not allowed here. Send one of ${allowed}`);

export const noWebSocket = () => new AppError('NOT_FOUND', 'No WebSocket here. Open it at /graphql');

export const oldWebSocket = () => new AppError('UPGRADE_REQUIRED', 'Sec-WebSocket-Version: expected 13');

export const overloaded = (why: string, retryAfter = 1) =>
  new AppError('OVERLOADED', `${why}. Nothing of this request was accepted; try again`, { retryAfter });

export const databaseUnavailable = () =>
  new AppError('OVERLOADED', 'The database did not answer in time. Try again, with the same id or Idempotency-Key if one was sent', { retryAfter: 1 });

/** A read that was ended because its time was over (docs/architecture.md, "Reads and writes"). */
export const readOverBudget = () =>
  new AppError(
    'OVERLOADED',
    'This read took longer than a read may: 500 ms on the embedded database while others wait for it, 10 s on PostgreSQL. ' +
      'Ask for less (a shorter range, fewer or longer search words, a smaller page), or try again when less is going on',
    { retryAfter: 5 },
  );

export const tooManyReads = () => new AppError('OVERLOADED', 'Too many searches and statistics are being asked for. Try again in 5 s, and ask fewer at a time', { retryAfter: 5 });

export const answerTooLarge = (cause: unknown) =>
  new AppError('INTERNAL_SERVER_ERROR', 'What was asked for is larger than this server reads at once. Ask for less: a smaller page, fewer fields', { cause });

export const internalError = (cause?: unknown) =>
  new AppError('INTERNAL_SERVER_ERROR', 'Something went wrong on the server; the request id finds it in the log. Try again', { cause });
