import type { FastifyInstance, RouteOptions } from 'fastify';
import { methodNotAllowed } from '../errors.ts';

/**
 * Watches which methods the routes of a plugin are declared with. Once they are, call what it returns: every other
 * method of the same routes is then answered 405, with `Allow`.
 */
export function watchMethods(app: FastifyInstance): () => void {
  const declared = new Map<string, Set<string>>();
  app.addHook('onRoute', function (this: FastifyInstance, { routePath, method }: RouteOptions & { routePath: string }) {
    if (this !== app) return;
    const methods = declared.get(routePath) ?? new Set();
    declared.set(routePath, methods);
    for (const each of [method].flat()) methods.add(each);
    if (methods.has('GET')) methods.add('HEAD'); // Fastify's own route
  });

  return function refuseOtherMethods() {
    for (const [url, methods] of [...declared]) {
      const allowed = [...methods].sort().join(', ');
      app.route({
        method: app.supportedMethods.filter((method) => !methods.has(method)),
        url,
        schema: { hide: true },
        onRequest(request, reply) {
          reply.header('allow', allowed);
          throw methodNotAllowed(request.method, allowed);
        },
        handler: () => undefined,
      });
    }
  };
}
