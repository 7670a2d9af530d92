import { DatabaseError } from 'pg';
import { AppError, answerTooLarge, databaseUnavailable, readOverBudget } from '../errors.ts';

/** The database answered, and the answer cannot be had: it is too large, or the driver cannot read it. Its connection is closed. */
export class UnreadableAnswerError extends Error {
  override readonly name = 'UnreadableAnswerError';

  constructor(why: string, options?: ErrorOptions) {
    super(`The answer of the database could not be read: ${why}`, options);
  }

  static largerThan(bytes: number): UnreadableAnswerError {
    return new UnreadableAnswerError(`it is larger than ${Math.floor(bytes / (1024 * 1024))} MiB`);
  }
}

// Classes of SQLSTATE (PostgreSQL manual, appendix A) in which the statement itself was not at fault.
const PASSING = new Set([
  '08', // connection
  '25', // a transaction left open by a lost connection, or a read-only standby
  '40', // rolled back: serialisation, deadlock
  '53', // out of connections, memory, disk
  '55', // object not in the needed state, lock not available
  '57', // cancelled, shutting down, starting up
  '58', // I/O
]);

/**
 * `away`: the database did not answer, or not now; the same statement may succeed later.
 * `refused`: it answered that this statement cannot be carried out.
 */
export function classify(error: unknown): 'away' | 'refused' {
  if (error instanceof UnreadableAnswerError) return 'refused';
  if (!(error instanceof DatabaseError)) return 'away';
  const refusal = error.code !== undefined && !PASSING.has(error.code.slice(0, 2));
  return refusal ? 'refused' : 'away';
}

/** Whether the statement gave up waiting for a lock (SQLSTATE 55P03, lock_not_available). */
export const isLockTimeout = (error: unknown): boolean => error instanceof DatabaseError && error.code === '55P03';

// What pg, its pool and Prisma's adapter say when there is no connection to be had.
const NO_CONNECTION = /ECONNREFUSED|ECONNRESET|ETIMEDOUT|EPIPE|ENOTFOUND|Connection terminated|timeout exceeded|Query read timeout|Can't reach database|Server has closed the connection|the database system is/i;

/** Whether a read failed because the database is away rather than because of the read. */
export function isDatabaseAway(error: unknown): boolean {
  if (error instanceof UnreadableAnswerError) return false;
  if (error instanceof DatabaseError) return classify(error) === 'away';
  if (!(error instanceof Error)) return false;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  return NO_CONNECTION.test(`${code} ${error.message}`) || code === 'P1001' || code === 'P1017' || (error.cause !== undefined && isDatabaseAway(error.cause));
}

/** Whether a read failed for what a row holds, too much to be printed or damaged, so that the others can still be read. */
export function isRowsFault(error: unknown): boolean {
  if (error instanceof DatabaseError) return /^(53200|54|XX)/.test(error.code ?? ''); // out of memory; beyond a limit; corrupted
  return error instanceof Error && !(error instanceof AppError) && !isDatabaseAway(error); // what came was no answer to be read
}

/** PostgreSQL ended the statement: its time was over (statement_timeout), or somebody asked it to. */
const QUERY_CANCELED = '57014';

/** The SQLSTATE, also where Prisma has wrapped it. */
function sqlStateOf(error: Error): string | undefined {
  if (error instanceof DatabaseError) return error.code;
  const { meta } = error as { meta?: { driverAdapterError?: { cause?: { originalCode?: string } } } };
  return meta?.driverAdapterError?.cause?.originalCode;
}

/** What a caller is told of a request that failed in the database; undefined where the fault is ours. */
export function toldOfDatabase(error: unknown): AppError | undefined {
  if (error instanceof UnreadableAnswerError) return answerTooLarge(error);
  if (error instanceof Error && sqlStateOf(error) === QUERY_CANCELED) return readOverBudget();
  return isDatabaseAway(error) ? databaseUnavailable() : undefined;
}
