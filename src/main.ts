import { ConfigError, configFromProcess } from './config.ts';
import { createLogger } from './log.ts';
import { createMetrics } from './metrics.ts';
import { openResources } from './resources/open.ts';

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

  const url = await app.http.listen({ port: config.port, host: config.host });
  if (app.firstKey) {
    process.stdout.write(`\n  API key of project "default", shown this once:\n\n    ${app.firstKey}\n\n  Open the dashboard, logged in with it:\n\n    ${url}/#key=${app.firstKey}\n\n`);
  }
  log.info({ url, flavour: resources.flavour }, `listening on ${url}`);
}

main().catch((error: unknown) => {
  // A fault of the configuration or the folder is the operator's to mend: a sentence, not a stack.
  const known = error instanceof ConfigError || (error instanceof Error && error.name === 'FolderLockedError');
  process.stderr.write(`${known ? error.message : error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exit(1);
});
