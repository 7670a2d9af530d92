import type { Permission } from '../auth/caller.ts';
import { builder } from '../graphql/builder.ts';
import { createApiKey, listApiKeys, revokeApiKey } from './service.ts';
import type { CreatedKey } from './service.ts';

export const KeyScope = builder.enumType('KeyScope', {
  description: 'What a key may do.',
  values: {
    SESSIONS_WRITE: { value: 'sessions:write', description: 'Create and update sessions.' },
    EVENTS_WRITE: { value: 'events:write', description: 'Record events.' },
    READ: { value: 'read', description: 'Query and subscribe.' },
    ADMIN: { value: 'admin', description: 'Everything, keys and deletion too.' },
  } as const,
});

const ApiKey = builder.prismaObject('ApiKey', {
  description: 'An API key of this project. The key itself is shown once, when it is created.',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'What it is revoked by.' }),
    name: t.exposeString('name', { description: 'What it is for.' }),
    prefix: t.exposeString('prefix', { description: 'Its first characters, to recognise it by.' }),
    scopes: t.field({ type: [KeyScope], description: 'What it may do.', resolve: (key) => key.scopes as Permission[] }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was made.' }),
    expiresAt: t.expose('expiresAt', { type: 'DateTime', nullable: true, description: 'When it stops working by itself; null is never.' }),
    revokedAt: t.expose('revokedAt', { type: 'DateTime', nullable: true, description: 'When it was revoked.' }),
  }),
});

const CreateApiKeyPayload = builder.objectRef<CreatedKey>('CreateApiKeyPayload').implement({
  description: 'A new key.',
  fields: (t) => ({
    key: t.string({ description: 'The key itself. It is not kept and never shown again.', resolve: (created) => created.key }),
    apiKey: t.field({ type: ApiKey, description: 'What is kept of it.', resolve: (created) => created.apiKey }),
  }),
});

const CreateApiKeyInput = builder.inputType('CreateApiKeyInput', {
  description: 'A key to make.',
  fields: (t) => ({
    name: t.string({ required: true, description: 'What it is for.' }),
    scopes: t.field({ type: [KeyScope], required: true, description: 'What it may do; at least one.' }),
    expiresAt: t.field({ type: 'DateTime', description: 'When it stops working. Default: never.' }),
  }),
});

const RevokeApiKeyInput = builder.inputType('RevokeApiKeyInput', {
  description: 'Which key to revoke.',
  fields: (t) => ({ id: t.id({ required: true, description: 'Its id, not the key itself.' }) }),
});

builder.queryField('apiKeys', (t) =>
  t.field({ type: [ApiKey], description: 'The keys of this project, newest first. Scope admin.', resolve: (_root, _args, { scope }) => listApiKeys(scope) }),
);

builder.mutationFields((t) => ({
  createApiKey: t.field({
    type: CreateApiKeyPayload,
    description: 'Makes a key for this project. Scope admin.',
    args: { input: t.arg({ type: CreateApiKeyInput, required: true }) },
    resolve: (_root, { input }, { scope }) => createApiKey(scope, input),
  }),
  revokeApiKey: t.field({
    type: ApiKey,
    description: 'Stops a key for good: requests with it are refused and its live connections closed. Scope admin.',
    args: { input: t.arg({ type: RevokeApiKeyInput, required: true }) },
    resolve: (_root, { input }, { scope }) => revokeApiKey(scope, input.id),
  }),
}));
