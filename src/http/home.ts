import type { FastifyInstance } from 'fastify';

const PAGE = `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Sentrial</title></head>
<body>
<h1>Sentrial is running</h1>
<ul>
<li><a href="/graphql">GraphQL</a>: queries, mutations, subscriptions</li>
<li><a href="/openapi.json">OpenAPI</a> of the REST routes under /api/sdk</li>
<li><a href="/readyz">Readiness</a>, <a href="/healthz">health</a>, <a href="/metrics">metrics</a></li>
</ul>
</body>
</html>
`;

/** What a browser finds at the root. */
export function homeRoutes(app: FastifyInstance): void {
  app.get('/', { schema: { hide: true } }, (_request, reply) =>
    reply.type('text/html; charset=utf-8').header('content-security-policy', "default-src 'none'").header('x-content-type-options', 'nosniff').send(PAGE),
  );
}
