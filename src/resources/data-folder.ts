import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** The version of PostgreSQL that PGlite is. */
const POSTGRES_MAJOR = '18';
/** What every database has and cannot do without. */
const PARTS = ['PG_VERSION', 'global/pg_control', 'global/pg_filenode.map', 'base', 'pg_wal', 'pg_xact', 'pg_multixact', 'pg_notify', 'postgresql.conf'];
const RESTORE = 'Restore the folder from a backup, or move it away to begin with an empty database.';

/** A fault of the disk or of the files on it. The message says what the operator can do. */
export class DataFolderError extends Error {
  override readonly name = 'DataFolderError';
}

/**
 * Whether the folder has a database rather than nothing. Throws DataFolderError where it has something else, such as
 * a part of a database: PGlite would take that for nothing, and make a new one over it.
 */
export async function hasDatabase(folder: string): Promise<boolean> {
  const found = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  if (found.length === 0) return false;
  const there = await Promise.all(PARTS.map((part) => exists(join(folder, part))));
  const missing = PARTS.filter((_, n) => !there[n]);
  if (missing.length === PARTS.length) throw new DataFolderError(`Expected a database or nothing in ${folder}, and found ${listed(found)}. Move that away, or set SENTRIAL_DATA_DIR to another folder.`);
  if (missing.length > 0) throw new DataFolderError(`The database in ${folder} is not whole: ${listed(missing)} ${missing.length === 1 ? 'is' : 'are'} missing. Nothing was changed. ${RESTORE}`);
  const version = (await readFile(join(folder, 'PG_VERSION'), 'utf8')).trim();
  if (version !== POSTGRES_MAJOR) throw new DataFolderError(`The database in ${folder} was made by PostgreSQL ${version}, and this server has ${POSTGRES_MAJOR}. Nothing was changed. Start it with the release that made it, or move it away.`);
  return true;
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return false;
      throw error;
    },
  );

const listed = (names: readonly string[]) => (names.length > 3 ? `${names.slice(0, 3).join(', ')} and ${names.length - 3} more` : names.join(', '));

/** The error as a sentence for the operator, where it is a fault of the disk or the files. `running`: once the database was open. */
export function explained(error: unknown, folder: string, { running = false } = {}): DataFolderError | undefined {
  if (!(error instanceof Error) || error instanceof DataFolderError) return undefined;
  const said = /(?:FATAL|PANIC): +(.*)/.exec(error.message)?.[1]; // by PostgreSQL
  const sentence = diskFault(said ?? error.message.split('\n')[0]!, folder) ?? (said && postgresFault(said, folder, running));
  return sentence ? new DataFolderError(sentence, { cause: error }) : undefined;
}

function diskFault(reason: string, folder: string): string | undefined {
  if (/ENOSPC|EDQUOT|no space left|quota exceeded/i.test(reason)) return `The disk of ${folder} is full (${reason}). Make room and start the server again: what was acknowledged is there.`;
  // Where it may not make a folder with its parents, Node says that there is no such folder.
  if (/EACCES|EPERM|EROFS|ENOENT.*mkdir|permission denied|not permitted|read-only file system/i.test(reason)) {
    return `The server cannot read and write in ${folder} (${reason}). Let the user that it runs as do so, or set SENTRIAL_DATA_DIR to another folder.`;
  }
  if (/EEXIST|ENOTDIR/.test(reason)) return `Expected a folder at ${folder}, and found a file (${reason}). Move it away, or set SENTRIAL_DATA_DIR to another folder.`;
  return undefined;
}

function postgresFault(reason: string, folder: string, running: boolean): string {
  if (running) return `The database in ${folder} has stopped: ${reason}. Start the server again: what was acknowledged is there.`;
  return `The database in ${folder} cannot be opened: ${reason}. ${RESTORE}`;
}
