import { isUtf8 } from 'node:buffer';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { assertMay } from '../auth/authorize.ts';
import { badInput } from '../errors.ts';
import { eventRoutes } from '../event/rest.ts';
import { watchMethods } from '../http/methods.ts';
import { stringify } from '../json-text.ts';
import type { Scope } from '../scope.ts';
import { sessionRoutes } from '../session/rest.ts';
import { handleError } from './errors.ts';
import { legacyRoutes } from './legacy.ts';
import { handleV1Error, v1Routes } from './v1.ts';

type MakeScope = (request: FastifyRequest) => Promise<Scope>;

/** The REST door, under /api/sdk. */
export const restPlugin = (makeScope: MakeScope, maxBodyBytes: number) =>
  jsonDoor(makeScope, maxBodyBytes, handleError, (app) => {
    sessionRoutes(app);
    eventRoutes(app);
    legacyRoutes(app);
  });

/** The first generation of the API, under /v1: the same log, said in its own way. */
export const v1Plugin = (makeScope: MakeScope, maxBodyBytes: number) => jsonDoor(makeScope, maxBodyBytes, handleV1Error, v1Routes);

/** Who asks, bodies of JSON, and routes; true of every generation of the REST door. */
function jsonDoor(makeScope: MakeScope, maxBodyBytes: number, onError: typeof handleError, routes: (app: FastifyInstance) => void) {
  return function door(app: FastifyInstance, _options: unknown, done: () => void): void {
    const refuseOtherMethods = watchMethods(app);
    app.addHook('onRoute', (route) => void (route.bodyLimit = maxBodyBytes));
    // The domain validates, the schemas of the routes only describe (OpenAPI); answers are plain JSON.
    app.setValidatorCompiler(() => () => true);
    app.setReplySerializer(stringify);
    app.setErrorHandler(onError);
    app.removeAllContentTypeParsers();
    app.addContentTypeParser(['application/json', 'text/json'], { parseAs: 'buffer' }, (_request, body: Buffer, parsed) => {
      try {
        parsed(null, parseJson(body));
      } catch (error) {
        parsed(error as Error);
      }
    });
    app.decorateRequest('scope');
    // Before the body is read: who has no key gets no 16 MB parsed.
    app.addHook('onRequest', async (request) => {
      request.scope = await makeScope(request);
      assertMay(request.scope.caller);
    });
    // The answer is written; where nobody was let in there is none to make.
    app.addHook('onSend', (request, _reply, _payload, sent) => {
      (request.scope as Scope | undefined)?.budget.close();
      sent();
    });
    routes(app);
    refuseOtherMethods();
    done();
  };
}

function parseJson(body: Buffer): unknown {
  if (body.length === 0) throw badInput('Expected a JSON object as the body, got nothing');
  if (!isUtf8(body)) throw badInput('The body is not valid UTF-8');
  try {
    return JSON.parse(body.toString('utf8'));
  } catch (error) {
    throw badInput(`The body is not valid JSON: ${error instanceof Error ? error.message : 'it could not be read'}`);
  }
}
