import { pause } from './clock.ts';
import { SentrialError } from './errors.ts';
import type { ErrorCode } from './errors.ts';
import type { Operation } from './generated/operations.ts';
import { toJson } from './json.ts';
import type { Clock } from './types.ts';

export type TransportOptions = {
  apiUrl: string;
  apiKey: string;
  /** Of one request, in milliseconds. */
  timeout: number;
  /** How many more times a request is tried that failed for a passing reason. */
  maxRetries: number;
  fetch: typeof fetch;
  clock: Clock;
};

/** GraphQL over HTTP. Every write names its ids, so every request may be sent again. */
export interface Transport {
  /** The data of the answer. Rejects with a SentrialError. */
  request<Result, Variables>(operation: Operation<Result, Variables>, variables: Variables, signal: AbortSignal): Promise<Result>;
  /** The same with the variables as JSON text. */
  requestText<Result, Variables>(operation: Operation<Result, Variables>, variables: string, signal: AbortSignal): Promise<Result>;
}

/** Half a second, doubled each time, never more than half a minute; half of it is left to chance. */
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;
/** The longest that a server's Retry-After is followed. */
const LONGEST_WISH_MS = 60_000;

/** How long to wait before trying again for the `attempt`th time, from 1. */
export function backoff(attempt: number): number {
  const whole = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (attempt - 1));
  return whole / 2 + Math.random() * (whole / 2);
}

/** How long to wait after this error: as long as the server wishes, where it says so. */
export const waitFor = (error: SentrialError, attempt: number) =>
  error.retryAfterMs === undefined ? backoff(attempt) : Math.min(LONGEST_WISH_MS, error.retryAfterMs);

export function createTransport(options: TransportOptions): Transport {
  const { clock, maxRetries } = options;

  async function requestText<Result, Variables>(operation: Operation<Result, Variables>, variables: string, signal: AbortSignal): Promise<Result> {
    const body = `{"query":${JSON.stringify(operation)},"variables":${variables}}`;
    for (let attempt = 1; ; attempt += 1) {
      try {
        return (await post(options, body, signal)) as Result;
      } catch (thrown) {
        const error = thrown as SentrialError;
        if (!error.retryable || attempt > maxRetries || signal.aborted) throw error;
        await pause(clock, waitFor(error, attempt), signal);
        if (signal.aborted) throw error;
      }
    }
  }

  return {
    requestText,
    request: (operation, variables, signal) => requestText(operation, toJson(variables), signal),
  };
}

/** One attempt. Resolves with `data`; rejects with a SentrialError only. */
async function post({ apiUrl, apiKey, timeout, fetch, clock }: TransportOptions, body: string, signal: AbortSignal): Promise<unknown> {
  const controller = new AbortController();
  let late = false;
  const abort = () => controller.abort();
  const cancel = clock.setTimer(() => {
    late = true;
    abort();
  }, timeout);
  signal.addEventListener('abort', abort);
  if (signal.aborted) abort();
  try {
    const response = await fetch(`${apiUrl}/graphql`, {
      method: 'POST',
      headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json', accept: 'application/json' },
      body,
      // A redirected POST arrives as a GET.
      redirect: 'manual',
      signal: controller.signal,
    });
    return dataOf(response, await response.text(), clock);
  } catch (thrown) {
    if (thrown instanceof SentrialError) throw thrown;
    if (signal.aborted) throw new SentrialError('ABORTED', `The request to ${apiUrl} was given up`, { cause: thrown, retryable: true });
    if (late) throw new SentrialError('TIMEOUT', `${apiUrl} did not answer within ${timeout} ms`, { cause: thrown, retryable: true });
    throw new SentrialError('NETWORK', `${apiUrl} cannot be reached: ${reasonOf(thrown)}`, { cause: thrown, retryable: true });
  } finally {
    cancel();
    signal.removeEventListener('abort', abort);
  }
}

type Answer = { data?: unknown; errors?: { message: string; extensions?: { code?: string } }[] };

const PASSING = new Set([408, 425, 429]);

function dataOf(response: Response, text: string, clock: Clock): unknown {
  const { status } = response;
  const answer = parse(text);
  const retryAfterMs = waitOf(response.headers.get('retry-after'), clock);
  if (!response.ok) {
    const said = answer?.errors?.[0];
    throw new SentrialError(codeOf(status, said?.extensions?.code), said ? said.message : `The server answered ${status}${hint(response)}`, {
      status,
      retryAfterMs,
      retryable: PASSING.has(status) || status >= 500,
    });
  }
  if (!answer || typeof answer !== 'object' || !('data' in answer || 'errors' in answer)) {
    throw new SentrialError('MALFORMED', `The answer is not one of a GraphQL server: ${JSON.stringify(text.slice(0, 80))}. Is apiUrl right?`, { status, retryable: true });
  }
  const [error] = answer.errors ?? [];
  if (error) {
    const code = codeOf(status, error.extensions?.code);
    throw new SentrialError(code, error.message, { status, retryAfterMs, retryable: isPassing(code) });
  }
  return answer.data;
}

/** Whether what failed with this code may succeed later. */
export const isPassing = (code: string) => code === 'OVERLOADED' || code === 'INTERNAL_SERVER_ERROR';

function parse(text: string): Answer | undefined {
  try {
    return JSON.parse(text) as Answer;
  } catch {
    return undefined;
  }
}

function codeOf(status: number, code: string | undefined): ErrorCode {
  if (status === 413) return 'TOO_LARGE';
  if (code !== undefined) return code as ErrorCode;
  if (status === 401) return 'UNAUTHENTICATED';
  if (status === 403) return 'FORBIDDEN';
  return 'HTTP';
}

const hint = (response: Response) =>
  response.type === 'opaqueredirect' || (response.status >= 300 && response.status < 400)
    ? ` and sends elsewhere (${response.headers.get('location') ?? 'unknown'}). Set apiUrl to where it is`
    : '';

/** Retry-After in milliseconds: it is a count of seconds, or a date. */
function waitOf(header: string | null, clock: Clock): number | undefined {
  if (header === null) return undefined;
  const ms = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - clock.now();
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
}

/** Fetch says "fetch failed", and why in the cause. */
function reasonOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  const { cause } = thrown;
  return cause instanceof Error ? cause.message || (cause as NodeJS.ErrnoException).code || cause.name : thrown.message;
}
