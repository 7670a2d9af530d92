import { z } from 'zod';
import type { Config } from '../config.ts';
import type { FolderLockedError } from '../resources/folder-lock.ts';
import { Refusal } from './keys.ts';
import type { Keys } from './keys.ts';

const ANSWER_WITHIN_MS = 10_000;

// What the server answers with; a KeyRow, as JSON has it.
const ServerRow = z.object({
  id: z.string(),
  name: z.string(),
  prefix: z.string(),
  scopes: z.array(z.string().transform((scope) => scope.toLowerCase().replace('_', ':'))),
  createdAt: z.coerce.date(),
  expiresAt: z.coerce.date().nullable(),
  revokedAt: z.coerce.date().nullable(),
});
const FIELDS = '{ id name prefix scopes createdAt expiresAt revokedAt }';

/** Through a running server's own GraphQL, with a key of scope admin. */
export async function keysOfServer(config: Config, project: string | undefined, locked: FolderLockedError): Promise<Keys> {
  const holder = `The data folder ${locked.folder} is in use by ${locked.pid === undefined ? 'another process' : `process ${locked.pid}`}`;
  const { apiUrl, apiKey } = config;
  if (!apiKey) throw new Refusal(`${holder}: set SENTRIAL_API_KEY to a key with the scope admin, to go through the server at ${apiUrl} (SENTRIAL_API_URL), or stop that process first.`);

  async function ask<Shape extends z.ZodType>(shape: Shape, query: string, variables: Record<string, unknown> = {}): Promise<z.output<Shape>> {
    const response = await fetch(`${apiUrl}/graphql`, {
      method: 'POST',
      headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({ query, variables }),
      signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
    }).catch(() => {
      throw new Refusal(`${holder}, and no server answers at ${apiUrl}: set SENTRIAL_API_URL to where it listens, or stop that process first.`);
    });
    const answer = z.object({ data: z.unknown().optional(), errors: z.array(z.object({ message: z.string() })).optional() }).safeParse(await response.json().catch(() => undefined));
    const refused = answer.data?.errors?.[0]?.message;
    if (refused !== undefined) throw new Refusal(`The server at ${apiUrl} refused: ${refused}.`);
    const data = shape.safeParse(answer.data?.data);
    if (!data.success) throw new Refusal(`What answers at ${apiUrl} (HTTP ${response.status}) is not a Sentrial server: set SENTRIAL_API_URL to where it listens.`);
    return data.data;
  }

  if (project !== undefined) {
    // A server's key is good for its own project only.
    const { viewer } = await ask(z.object({ viewer: z.object({ project: z.object({ id: z.string() }) }) }), '{ viewer { project { id } } }');
    if (viewer.project.id !== project) throw new Refusal(`SENTRIAL_API_KEY belongs to project "${viewer.project.id}", not to "${project}": use a key of that project, or stop the server first.`);
  }
  return {
    async create({ name, scopes, expiresAt }) {
      const query = `mutation ($input: CreateApiKeyInput!) { createApiKey(input: $input) { key apiKey ${FIELDS} } }`;
      const input = { name, scopes: scopes.map((scope) => scope.toUpperCase().replace(':', '_')), expiresAt };
      return (await ask(z.object({ createApiKey: z.object({ key: z.string(), apiKey: ServerRow }) }), query, { input })).createApiKey;
    },
    list: async () => (await ask(z.object({ apiKeys: z.array(ServerRow) }), `{ apiKeys ${FIELDS} }`)).apiKeys,
    revoke: async (id) => (await ask(z.object({ revokeApiKey: ServerRow }), `mutation ($input: RevokeApiKeyInput!) { revokeApiKey(input: $input) ${FIELDS} }`, { input: { id } })).revokeApiKey,
  };
}
