import type { FastifyInstance, FastifyRequest } from 'fastify';
import { createAuthenticator } from './auth/authenticate.ts';
import type { Caller } from './auth/caller.ts';
import { createKeyRing } from './auth/key-ring.ts';
import { createRateLimit } from './auth/rate-limit.ts';
import { Budget, Places } from './budget.ts';
import type { Config } from './config.ts';
import { badInput } from './errors.ts';
import { createLogReader } from './event/access.ts';
import { graphqlPlugin } from './graphql/plugin.ts';
import { schema } from './graphql/schema.ts';
import { createWebsocketDoor } from './graphql/websocket.ts';
import { createGraphqlYoga } from './graphql/yoga.ts';
import { dashboardPlugin } from './http/dashboard.ts';
import { healthRoutes } from './http/health.ts';
import { loginRoutes } from './http/login.ts';
import { watchMethods } from './http/methods.ts';
import { createHttpServer } from './http/server.ts';
import { createHub } from './live/hub.ts';
import type { Logger } from './log.ts';
import type { Metrics } from './metrics.ts';
import { bootstrap } from './project/service.ts';
import type { Resources } from './resources/resources.ts';
import { registerOpenApi } from './rest/openapi.ts';
import { restPlugin, v1Plugin } from './rest/plugin.ts';
import type { Scope, Services } from './scope.ts';
import { createAnalytics } from './store/analytics.ts';
import { createStore } from './store/client.ts';
import { migrate } from './store/migrate.ts';
import { createWriter } from './store/writer.ts';

export type App = {
  http: FastifyInstance;
  services: Services;
  /** The key that a first start made; shown once. */
  firstKey: string | undefined;
  /** Stops accepting, finishes what was accepted, tells live clients to reconnect. The resources stay open. */
  close(): Promise<void>;
};

const LONGEST_IDEMPOTENCY_KEY = 255;

/** Puts a server together from what it holds open; knows no flavour. Migrates the database first. */
export async function createApp(resources: Resources, config: Config, using: { log: Logger; metrics: Metrics }): Promise<App> {
  const { pool, analyticsPool, writerPool, controlPool, migrationPool, bus } = resources;
  const { log, metrics } = using;
  const migrated = await migrate(migrationPool);
  metrics.databaseUp.set(1);
  if (migrated.length > 0) log.info({ migrations: migrated }, 'database migrated');

  const store = createStore(pool);
  const firstKey = await bootstrap(controlPool, config.bootstrapApiKey);
  const writer = createWriter({ pool: writerPool, maxQueueBytes: config.maxQueueBytes, limits: config.limits, log, metrics, onCommit: (range) => bus.publish({ topic: 'log', ...range }) });
  const hub = createHub({ bus, reader: createLogReader(pool, config.limits), log, metrics });
  const keyRing = await createKeyRing({ pool: controlPool, bus });
  const rateLimit = createRateLimit(resources.rateLimiter);
  const authenticator = createAuthenticator(keyRing, rateLimit, config.allowedOrigins);
  const services: Services = { store, pool, analytics: createAnalytics(analyticsPool), controlPool, writer, hub, keyRing, limits: config.limits, log };

  const places = new Places();
  const scopeFor = (caller: Caller, request: FastifyRequest): Scope => ({ caller, services, requestId: request.id, budget: new Budget(config.limits, places) });
  async function makeScope(request: FastifyRequest): Promise<Scope> {
    return { ...scopeFor(await authenticator.fromRequest(request), request), idempotencyKey: idempotencyKeyOf(request) };
  }

  const yoga = createGraphqlYoga({ schema, introspection: config.introspection, log });
  const websocket = createWebsocketDoor({ yoga, authenticator, keyRing, rateLimit, makeScope: scopeFor, log, metrics });

  const http = await createHttpServer({ maxBodyBytes: config.maxBodyBytes, trustProxy: config.trustProxy, log, metrics });
  let stopping = false;
  const refuseOtherMethods = watchMethods(http);
  await registerOpenApi(http);
  healthRoutes(http, { pool: controlPool, bus, writer, hub, metrics, stopping: () => stopping });
  loginRoutes(http, authenticator);
  refuseOtherMethods();
  await http.register(dashboardPlugin);
  await http.register(restPlugin(makeScope, config.maxBodyBytes), { prefix: '/api/sdk' });
  await http.register(v1Plugin(makeScope, config.maxBodyBytes), { prefix: '/v1' });
  await http.register(graphqlPlugin({ yoga, websocket, graphiql: config.introspection, maxBodyBytes: config.maxBodyBytes, makeScope }));

  return {
    http,
    services,
    firstKey,
    async close() {
      stopping = true;
      websocket.close();
      await http.close(); // ends SSE streams as well
      hub.close();
      await writer.close();
      keyRing.close();
      await store.$disconnect();
    },
  };
}

function idempotencyKeyOf(request: FastifyRequest): string | undefined {
  const key = request.headers['idempotency-key'];
  if (key === undefined || key === '') return undefined;
  if (typeof key !== 'string' || key.length > LONGEST_IDEMPOTENCY_KEY) throw badInput(`Idempotency-Key: expected at most ${LONGEST_IDEMPOTENCY_KEY} characters`);
  return key;
}
