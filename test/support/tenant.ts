import { insertKey } from '../../src/api-key/service.ts';
import { PERMISSIONS } from '../../src/auth/caller.ts';
import type { Permission } from '../../src/auth/caller.ts';
import type { Store } from '../../src/store/client.ts';

export type TenantOptions = { scopes?: readonly Permission[]; projectId?: string; expiresAt?: Date };

type Answer<Body = Record<string, unknown>> = { status: number; headers: Headers; body: Body };
export type GraphqlAnswer = { data?: Record<string, unknown> | null; errors?: { message: string; path?: unknown[]; extensions: { code: string } & Record<string, unknown> }[] };

/** A project with a key, and one-line callers through the real doors. */
export type Tenant = {
  projectId: string;
  key: string;
  keyId: string;
  url: string;
  /** A request to the REST door; a body that is not text is sent as JSON. */
  rest(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  /** A GraphQL operation over HTTP. */
  graphql(query: string, variables?: Record<string, unknown>, headers?: Record<string, string>): Promise<GraphqlAnswer & { status: number }>;
  /** The data of an operation that must have no errors. */
  run<Data = Record<string, unknown>>(query: string, variables?: Record<string, unknown>): Promise<Data>;
  /** A session to report events to; returns its id. */
  session(fields?: Record<string, unknown>): Promise<string>;
  /** An event of it; returns its id. */
  event(sessionId: string, fields?: Record<string, unknown>): Promise<string>;
  /** Another key of the same project. */
  anotherKey(options?: Omit<TenantOptions, 'projectId'>): Promise<Tenant>;
};

/** Where projects and keys are made: a server in this process, or no more than a database. */
type Home = { services: { store: Store } };

export async function createTenant(url: string, app: Home, options: TenantOptions = {}): Promise<Tenant> {
  const { store } = app.services;
  const projectId = options.projectId ?? `proj_${crypto.randomUUID()}`;
  if (!options.projectId) await store.project.create({ data: { id: projectId, name: projectId } });
  const { apiKey, key } = await insertKey(store, projectId, { name: 'test', scopes: options.scopes ?? PERMISSIONS, expiresAt: options.expiresAt });
  return callers(url, app, projectId, key, apiKey.id);
}

function callers(url: string, app: Home, projectId: string, key: string, keyId: string): Tenant {
  const authorization = `Bearer ${key}`;

  async function rest(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    const response = await fetch(`${url}/api/sdk${path}`, {
      method,
      headers: { authorization, ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      body: body === undefined ? null : typeof body === 'string' || body instanceof Uint8Array ? (body as string | Uint8Array<ArrayBuffer>) : JSON.stringify(body),
    });
    return { status: response.status, headers: response.headers, body: (await response.json()) as Record<string, unknown> };
  }

  async function graphql(query: string, variables?: Record<string, unknown>, headers: Record<string, string> = {}) {
    const response = await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: { authorization, 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ query, variables }),
    });
    return { status: response.status, ...((await response.json()) as GraphqlAnswer) };
  }

  async function created(path: string, body: unknown): Promise<string> {
    const answer = await rest('POST', path, body);
    if (answer.status !== 200) throw new Error(`POST ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body['id'] as string;
  }

  return {
    projectId,
    key,
    keyId,
    url,
    rest,
    graphql,
    async run<Data>(query: string, variables?: Record<string, unknown>) {
      const answer = await graphql(query, variables);
      if (answer.errors) throw new Error(JSON.stringify(answer.errors));
      return answer.data as Data;
    },
    session: (fields = {}) => created('/sessions', { name: 'a run', agentName: 'agent', userId: 'user', ...fields }),
    event: (sessionId, fields = {}) => created('/events', { sessionId, eventType: 'tool_call', toolName: 'search', ...fields }),
    anotherKey: (options = {}) => createTenant(url, app, { ...options, projectId }),
  };
}
