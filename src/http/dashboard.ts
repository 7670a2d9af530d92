import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import fastifyHelmet from '@fastify/helmet';
import fastifyStatic from '@fastify/static';
import type { FastifyInstance } from 'fastify';
import { AppError } from '../errors.ts';
import { watchMethods } from './methods.ts';

/** Where `npm run build` puts the page; the same from src/ and from dist/. */
const FOLDER = fileURLToPath(new URL('../../web/dist/', import.meta.url));

/** The page's own routes, as web/src/routes.tsx has them: each is answered with the page, which then reads the address. */
export const PAGES: readonly string[] = ['/', '/overview', '/sessions', '/sessions/:id', '/conversations', '/conversations/:id', '/agents', '/users', '/usage', '/settings'];

/** No script or style but our own files, no address but our own, no frame around it. */
const CONTENT_SECURITY_POLICY = {
  useDefaults: false,
  directives: {
    'default-src': ["'none'"],
    'script-src': ["'self'"],
    'style-src': ["'self'"],
    'img-src': ["'self'", 'data:'],
    'connect-src': ["'self'"],
    'base-uri': ["'none'"],
    'form-action': ["'none'"],
    'frame-ancestors': ["'none'"],
  },
};

/** The files of the dashboard. Those with a hash in their name never change; the page itself is never kept. */
export async function dashboardPlugin(app: FastifyInstance): Promise<void> {
  const refuseOtherMethods = watchMethods(app);
  await app.register(fastifyHelmet, {
    contentSecurityPolicy: CONTENT_SECURITY_POLICY,
    referrerPolicy: { policy: 'no-referrer' },
    hsts: false, // whoever ends TLS says so
  });
  await app.register(fastifyStatic, {
    root: `${FOLDER}assets/`,
    prefix: '/assets/',
    immutable: true,
    maxAge: '1y',
    index: false,
    decorateReply: false,
    preCompressed: true,
    schemaHide: true,
  });

  async function page(): Promise<Buffer> {
    return readFile(`${FOLDER}index.html`).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
      throw new AppError('NOT_FOUND', 'The dashboard is not built: run `npm run build`. GraphQL is at /graphql, the REST routes are listed in /openapi.json');
    });
  }
  for (const url of PAGES) {
    app.get(url, { schema: { hide: true } }, async (_request, reply) => reply.type('text/html; charset=utf-8').header('cache-control', 'no-store').send(await page()));
  }
  refuseOtherMethods();
}
