import { stringifySetCookie } from 'cookie';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { KEY_COOKIE } from '../auth/authenticate.ts';
import type { Authenticator } from '../auth/authenticate.ts';
import { foreignPage } from '../errors.ts';
import { validate } from '../store/validate.ts';

/** How long a browser stays logged in, in seconds. */
const LOGIN_SECONDS = 30 * 24 * 60 * 60;

const Login = z.object({ apiKey: z.string().min(1).max(200) });

/**
 * POST /login exchanges an API key for a cookie that scripts cannot read and other sites cannot send; POST /logout
 * ends it. Both are for the dashboard, so only our own page, or an allowed origin, may call them.
 */
export function loginRoutes(app: FastifyInstance, authenticator: Authenticator): void {
  function setCookie(request: FastifyRequest, reply: FastifyReply, apiKey: string, maxAge: number): FastifyReply {
    const secure = request.headers['x-forwarded-proto'] === 'https';
    return reply.header('cache-control', 'no-store').header('set-cookie', stringifySetCookie({ name: KEY_COOKIE, value: apiKey, httpOnly: true, sameSite: 'strict', secure, path: '/', maxAge }));
  }
  function assertOwnPage({ headers }: FastifyRequest) {
    if (!authenticator.isOwnPage(headers)) throw foreignPage(String(headers.origin));
  }

  app.post('/login', { schema: { hide: true } }, async (request, reply) => {
    assertOwnPage(request);
    const { apiKey } = validate(Login, request.body, 'Login').value;
    await authenticator.fromKey(apiKey, request);
    return setCookie(request, reply, apiKey, LOGIN_SECONDS).code(204).send();
  });

  app.post('/logout', { schema: { hide: true } }, (request, reply) => {
    assertOwnPage(request);
    return setCookie(request, reply, '', 0).code(204).send();
  });
}
