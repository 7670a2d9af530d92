import { ConfigError, configFromProcess } from './config.ts';
import { createLogger } from './log.ts';
import { createMetrics } from './metrics.ts';
import { DataFolderError } from './resources/data-folder.ts';
import { FolderLockedError } from './resources/folder-lock.ts';
import { openResources } from './resources/open.ts';
import { MigrationError } from './store/migrate.ts';

/** After this long a stop is no longer graceful, in milliseconds. */
const STOP_WITHIN_MS = 9_500;

async function main() {
  const config = configFromProcess();
  const log = createLogger(config.logLevel);
  const using = { log, metrics: createMetrics() };
  // The embedded database opens in its own thread: meanwhile this one loads the rest.
  const [resources, { createApp }] = await Promise.all([openResources(config, using), import('./app.ts')]);
  const app = await createApp(resources, config, using);

  let stopping = false;
  function stop(signal: NodeJS.Signals) {
    if (stopping) return;
    stopping = true;
    log.info({ signal }, 'stopping: what was accepted is finished');
    setTimeout(() => {
      log.error('could not stop in time');
      process.exit(1);
    }, STOP_WITHIN_MS).unref();
    void app
      .close()
      .then(() => resources.close())
      .then(
        () => process.exit(0),
        (error: unknown) => {
          log.error({ err: error }, 'stopping failed');
          process.exit(1);
        },
      );
  }
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);

  void resources.failed.then((error) => {
    if (stopping) return;
    if (error instanceof DataFolderError) log.fatal(error.message);
    else log.fatal({ err: error }, 'nothing is left to serve');
    process.exit(1);
  });

  // Before anything else can fail: the next start finds the key and does not know it.
  if (app.firstKey) process.stdout.write(`\n  API key of project "default", shown this once:\n\n    ${app.firstKey}\n\n`);
  const url = await app.http.listen({ port: config.port, host: config.host });
  if (app.firstKey) process.stdout.write(`  Open the dashboard, logged in with it:\n\n    ${url}/#key=${app.firstKey}\n\n`);
  log.info({ url, flavour: resources.flavour }, `listening on ${url}`);
}

/** What is the operator's to mend is a sentence, anything else a stack. */
function faultOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if ([ConfigError, DataFolderError, FolderLockedError, MigrationError].some((known) => error instanceof known)) return error.message;
  if ('code' in error && error.code === 'EADDRINUSE') return `Another process listens there (${error.message}). Stop it, or set PORT`;
  return error.stack ?? error.message;
}

main().catch((error: unknown) => {
  process.stderr.write(`${faultOf(error)}\n`);
  process.exit(1);
});
