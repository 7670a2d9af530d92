import { KeyScope } from '../api-key/graphql.ts';
import { assertMay } from '../auth/authorize.ts';
import type { KeyCaller } from '../auth/caller.ts';
import { builder } from '../graphql/builder.ts';
import { formatCursor } from '../live/cursor.ts';
import { getProject } from './access.ts';

const Project = builder.prismaObject('Project', {
  description: 'What a key belongs to; a key sees its own project only.',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'Its id.' }),
    name: t.exposeString('name', { description: 'Its name.' }),
    cursor: t.field({ type: 'Cursor', description: 'The newest place in its log: subscribe after it to miss nothing from here on.', resolve: (project) => formatCursor(project.logPosition) }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was made.' }),
  }),
});

const Viewer = builder.objectRef<KeyCaller>('Viewer').implement({
  description: 'Who asks.',
  fields: (t) => ({
    keyId: t.id({ description: 'Id of the API key in use.', resolve: (caller) => caller.keyId }),
    keyName: t.string({ description: 'Its name.', resolve: (caller) => caller.keyName }),
    scopes: t.field({ type: [KeyScope], description: 'What it may do.', resolve: (caller) => [...caller.scopes] }),
    project: t.field({ type: Project, description: 'The project it belongs to.', resolve: (_caller, _args, { scope }) => getProject(scope) }),
  }),
});

builder.queryField('viewer', (t) =>
  t.field({
    type: Viewer,
    description: 'Who asks: the key, its scopes and its project. Any key may.',
    resolve: (_root, _args, { scope }) => assertMay(scope.caller),
  }),
);
