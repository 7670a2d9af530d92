import swagger from '@fastify/swagger';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';

/** JSON Schema (2020-12, as OpenAPI 3.1 takes it) of the zod schema that validates. */
export function jsonSchema(schema: z.ZodType): Record<string, unknown> {
  const { $schema: _, ...json } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  return json;
}

const ErrorBody = {
  type: 'object',
  required: ['error', 'message'],
  properties: {
    error: { type: 'string', description: 'Title of the status.' },
    message: { type: 'string', description: 'What was expected, what came, what to do.' },
    issues: { type: 'array', items: { type: 'object', properties: { path: { type: 'string' }, message: { type: 'string' } } } },
  },
};
const TITLES: { readonly [status: number]: string } = {
  400: 'Missing required fields or invalid data',
  401: 'Invalid or missing API key',
  403: 'The API key lacks the scope',
  404: 'Not found in this project',
  409: 'The id or Idempotency-Key was used with other content',
  413: 'The body is too large',
  415: 'The body is not JSON',
  429: 'Too many requests of this key in a minute; see Retry-After',
  503: 'Nothing was accepted; see Retry-After',
};

/** The answers of a route: 200 with this body, and these errors with the envelope. */
export function answers(body: z.ZodType, ...errors: number[]): Record<string, unknown> {
  return {
    200: { description: 'Committed, or read', ...jsonSchema(body) },
    ...Object.fromEntries(errors.map((status) => [status, { description: TITLES[status], ...ErrorBody }])),
  };
}

/** Collects the schemas of the routes registered after it; `/openapi.json` serves the document. */
export async function registerOpenApi(app: FastifyInstance): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Sentrial', version: '1', description: 'REST door of a Sentrial server. camelCase and snake_case are both accepted; null counts as absent; unknown fields are kept in metadata.', license: { name: 'MIT', identifier: 'MIT' } },
      components: { securitySchemes: { apiKey: { type: 'http', scheme: 'bearer', description: 'sentrial_live_…' } } },
      security: [{ apiKey: [] }],
    },
  });
  app.get('/openapi.json', { schema: { hide: true } }, () => app.swagger());
}
