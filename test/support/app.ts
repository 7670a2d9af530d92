import { createApp } from '../../src/app.ts';
import type { App } from '../../src/app.ts';
import { readConfig } from '../../src/config.ts';
import type { Config } from '../../src/config.ts';
import { createLogger } from '../../src/log.ts';
import { createMetrics } from '../../src/metrics.ts';
import type { Metrics } from '../../src/metrics.ts';
import { openResources } from '../../src/resources/open.ts';
import type { Resources } from '../../src/resources/resources.ts';
import { migratedHome } from './home.ts';
import { createTenant } from './tenant.ts';
import type { Tenant, TenantOptions } from './tenant.ts';

/** A real server in this process, listening on a free port, in the flavour of the vitest project. */
export interface TestApp extends AsyncDisposable {
  url: string;
  app: App;
  config: Config;
  resources: Resources;
  metrics: Metrics;
  /** A fresh project with a key of its own; every test makes one. */
  tenant(options?: TenantOptions): Promise<Tenant>;
  /** Another server on the same database and Redis (production only). */
  sibling(env?: Record<string, string>): Promise<TestApp>;
  close(): Promise<void>;
}

/** Starts one. `env` is set on top of what the flavour needs. */
export async function startApp(env: Record<string, string> = {}): Promise<TestApp> {
  const home = await migratedHome();
  return listen({ ...home.env, ...env }, () => home[Symbol.asyncDispose]());
}

async function listen(env: Readonly<Record<string, string>>, cleanUp: () => PromiseLike<void>): Promise<TestApp> {
  const config = readConfig({ LOG_LEVEL: process.env['TEST_LOG_LEVEL'] ?? 'silent', PORT: '0', ...env });
  const using = { log: createLogger(config.logLevel), metrics: createMetrics() };
  const resources = await openResources(config, using);
  const app = await createApp(resources, config, using);
  const url = await app.http.listen({ port: 0, host: '127.0.0.1' });
  let closed: Promise<void> | undefined;
  const close = () =>
    (closed ??= (async () => {
      await app.close();
      await resources.close();
      await cleanUp();
    })());
  return {
    url,
    app,
    config,
    resources,
    metrics: using.metrics,
    tenant: (options) => createTenant(url, app, options),
    sibling: (more = {}) => {
      if (!config.databaseUrl) throw new Error('an embedded server has its folder to itself');
      return listen({ ...env, ...more }, () => Promise.resolve());
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}
