import { readFile } from 'node:fs/promises';
import { isEnumType, isInputObjectType, isInterfaceType, isObjectType } from 'graphql';
import { expect, it } from 'vitest';
import { printed } from '../scripts/print-schema.ts';
import { schema } from '../src/graphql/schema.ts';

it('is what schema.graphql says: `npm run schema` writes it', async () => {
  const written = await readFile(new URL('../schema.graphql', import.meta.url), 'utf8');
  expect(written).toBe(printed());
});

const ROOTS = new Set(['Query', 'Mutation', 'Subscription']);

type Described = { name: string; description?: string | null | undefined };

it('describes every type, field and value', () => {
  const silent: string[] = [];
  const look = (name: string, thing: { description?: string | null | undefined }) => {
    if (!thing.description?.trim()) silent.push(name);
  };
  for (const type of Object.values(schema.getTypeMap())) {
    if (type.name.startsWith('__')) continue;
    if (!ROOTS.has(type.name)) look(type.name, type);
    if (isEnumType(type)) for (const value of type.getValues()) look(`${type.name}.${value.name}`, value);
    if (isObjectType(type) || isInterfaceType(type) || isInputObjectType(type)) {
      for (const field of Object.values(type.getFields() as Readonly<Record<string, Described>>)) look(`${type.name}.${field.name}`, field);
    }
  }
  expect(silent).toEqual([]);
});

it('has the names that clients rely on', () => {
  const fieldsOf = (name: string) => {
    const type = schema.getType(name);
    return isObjectType(type) ? Object.keys(type.getFields()) : [];
  };
  expect(fieldsOf('Query')).toEqual(expect.arrayContaining(['session', 'sessions', 'event', 'conversation', 'conversations', 'agents', 'users', 'metrics', 'toolStats', 'viewer']));
  expect(fieldsOf('Mutation')).toEqual(
    expect.arrayContaining([
      ...['createSession', 'updateSession', 'completeSession', 'deleteSession', 'createApiKey', 'revokeApiKey', 'recordEvents'],
      ...['trackToolCall', 'trackDecision', 'trackLlmCall', 'trackStateChange', 'trackError'],
    ]),
  );
  expect(fieldsOf('Subscription').sort()).toEqual(['events', 'sessionUpdates']);
  for (const type of ['ToolCallEvent', 'LlmDecisionEvent', 'LlmCallEvent', 'StateChangeEvent', 'ErrorEvent']) {
    expect(schema.getType(type)).toMatchObject({ name: type });
    expect(fieldsOf(type)).toEqual(expect.arrayContaining(['id', 'cursor', 'sessionId', 'session', 'eventType', 'createdAt']));
  }
  // Every mutation takes one argument, `input`.
  for (const field of Object.values(schema.getMutationType()!.getFields())) expect(field.args.map((arg) => arg.name)).toEqual(['input']);
});
