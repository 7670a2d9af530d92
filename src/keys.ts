import { ConfigError, configFromProcess } from './config.ts';
import { AppError } from './errors.ts';
import { readCommand, USAGE, UsageError } from './keys/arguments.ts';
import type { Command } from './keys/arguments.ts';
import { withDatabase } from './keys/database.ts';
import { Refusal } from './keys/keys.ts';
import type { Keys } from './keys/keys.ts';
import { keysOfServer } from './keys/server.ts';
import { printable, table } from './keys/table.ts';
import { DataFolderError } from './resources/data-folder.ts';
import { FolderLockedError } from './resources/folder-lock.ts';
import { isDatabaseAway } from './store/database-error.ts';
import { MigrationError } from './store/migrate.ts';

// The operator's command line: whoever may open the database may make keys, so it asks for none.

async function main() {
  const args = process.argv.slice(2);
  const command = readCommand(args[0] === 'keys' ? args.slice(1) : args); // scripts/start.js leaves its own argument in front
  if (command === 'help') return void process.stdout.write(USAGE);
  const config = configFromProcess();
  try {
    await withDatabase(config, command, (keys) => run(keys, command));
  } catch (error) {
    if (!(error instanceof FolderLockedError)) throw error;
    await run(await keysOfServer(config, command.project, error), command);
  }
}

async function run(keys: Keys, command: Command): Promise<void> {
  if (command.what === 'list') return void process.stdout.write(table(await keys.list()));
  if (command.what === 'revoke') {
    const { id, name } = await keys.revoke(command.id);
    return void process.stdout.write(`Revoked ${id} (${printable(name)}).\n`);
  }
  const { key, apiKey } = await keys.create(command.key);
  // The key alone on standard output, so that a script can take it from there.
  process.stderr.write(`Created ${apiKey.id} (${printable(apiKey.name)}): ${apiKey.scopes.join(', ')}. The key is shown this once:\n`);
  process.stdout.write(`${key}\n`);
}

function said(error: unknown): string {
  if (error instanceof UsageError) return `${error.message}\n\n${USAGE.trimEnd()}`;
  if ([Refusal, ConfigError, AppError, DataFolderError, MigrationError].some((known) => error instanceof known)) return (error as Error).message;
  if (!(error instanceof Error)) return String(error);
  return isDatabaseAway(error) ? `The database does not answer: ${error.message || String((error as NodeJS.ErrnoException).code)}.` : (error.stack ?? error.message);
}

main().catch((error: unknown) => {
  process.stderr.write(`${said(error)}\n`);
  process.exitCode = 1;
});
