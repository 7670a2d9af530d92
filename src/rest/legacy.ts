import type { FastifyInstance } from 'fastify';
import { assertMay } from '../auth/authorize.ts';
import { noWorkflowVersions } from '../errors.ts';

/**
 * What published SDKs ask beside sessions and events. This server has no policies, overrides, workflow versions
 * or server-held PII rules, and says so in the form those SDKs read.
 */
export function legacyRoutes(app: FastifyInstance): void {
  const hidden = { schema: { hide: true } };
  app.get('/policies', hidden, (request) => (assertMay(request.scope.caller, 'read'), { rules: [] }));
  app.get('/sessions/:id/overrides', hidden, (request) => (assertMay(request.scope.caller, 'read'), { overrides: [] }));
  app.get('/promoted-overrides', hidden, (request) => (assertMay(request.scope.caller, 'read'), { overrides: [] }));
  app.get('/workflow-version', hidden, (request) => {
    assertMay(request.scope.caller, 'read');
    throw noWorkflowVersions();
  });
  app.get('/pii-config', hidden, (request) => {
    assertMay(request.scope.caller);
    return { config: null };
  });
}
