import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inject } from 'vitest';
import { createApp } from '../../src/app.ts';
import type { App } from '../../src/app.ts';
import { readConfig } from '../../src/config.ts';
import type { Config } from '../../src/config.ts';
import { createLogger } from '../../src/log.ts';
import { createMetrics } from '../../src/metrics.ts';
import type { Metrics } from '../../src/metrics.ts';
import type { Resources } from '../../src/resources/resources.ts';
import { createDatabase } from './postgres.ts';
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

declare module 'vitest' {
  export interface ProvidedContext {
    /** A migrated data folder that each embedded server copies; set by global-setup-embedded.ts. */
    embeddedTemplate: string;
  }
}

/** Starts one. `env` is set on top of what the flavour needs. */
export async function startApp(env: Record<string, string> = {}): Promise<TestApp> {
  return inject('flavour') === 'embedded' ? startEmbedded(env) : startProduction(env);
}

async function startEmbedded(env: Record<string, string>): Promise<TestApp> {
  const folder = await mkdtemp(join(tmpdir(), 'sentrial-app-'));
  await cp(inject('embeddedTemplate'), folder, { recursive: true });
  return listen({ SENTRIAL_DATA_DIR: folder, ...env }, () => rm(folder, { recursive: true, force: true, maxRetries: 5 }));
}

async function startProduction(env: Record<string, string>): Promise<TestApp> {
  const production = inject('production');
  if ('missing' in production) throw new Error(production.missing);
  const databaseUrl = env['DATABASE_URL'] ?? (await createDatabase(production.databaseUrl, `test_${crypto.randomUUID().replaceAll('-', '')}`));
  return listen({ DATABASE_URL: databaseUrl, REDIS_URL: production.redisUrl, ...env }, () => Promise.resolve());
}

async function listen(env: Record<string, string>, cleanUp: () => Promise<void>): Promise<TestApp> {
  const config = readConfig({ LOG_LEVEL: process.env['TEST_LOG_LEVEL'] ?? 'silent', PORT: '0', ...env });
  const using = { log: createLogger(config.logLevel), metrics: createMetrics() };
  const resources =
    config.databaseUrl === undefined
      ? await (await import('../../src/resources/embedded.ts')).openEmbedded(config, using)
      : (await import('../../src/resources/production.ts')).openProduction(config, config.databaseUrl, using);
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
