import { inspect } from 'node:util';
import { GraphQLError } from 'graphql';
import { parseTime } from '../store/validate.ts';
import { builder } from './builder.ts';

const refuse = (message: string) => new GraphQLError(message, { extensions: { code: 'BAD_USER_INPUT' } });

builder.scalarType('DateTime', {
  description: 'A moment: ISO 8601 in UTC with milliseconds, such as 2025-01-12T10:30:00.000Z. Input may carry another offset.',
  specifiedByURL: 'https://scalars.graphql.org/andimarek/date-time.html',
  serialize: (value) => value.toISOString(),
  parseValue(value) {
    const time = typeof value === 'string' ? parseTime(value) : undefined;
    if (!time) throw refuse(`Expected a DateTime such as 2025-01-12T10:30:00Z, got ${inspect(value).slice(0, 100)}`);
    return time;
  },
});

builder.scalarType('JSON', {
  description: 'Any JSON value.',
  serialize: (value) => value,
  parseValue: (value) => value,
});

builder.scalarType('Cursor', {
  description: 'A place in the log of your project, as the server gave it. "0" is before everything.',
  serialize: (value) => value,
  parseValue(value) {
    if (typeof value !== 'string') throw refuse(`Expected a Cursor as a string, got ${inspect(value).slice(0, 100)}`);
    return value;
  },
});
