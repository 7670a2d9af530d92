import { describe, expect, it } from 'vitest';
import { AppError } from '../../src/errors.ts';
import { EventInput } from '../../src/event/input.ts';
import { SessionInput } from '../../src/session/input.ts';
import { parseTime, parseTimeOrDay, validate } from '../../src/store/validate.ts';

function faultsOf(schema: Parameters<typeof validate>[0], input: unknown): AppError {
  try {
    validate(schema, input, 'Event');
  } catch (error) {
    if (error instanceof AppError) return error;
  }
  throw new Error('no fault found');
}

const EVENT = { sessionId: 's', eventType: 'tool_call' };

describe('a fault', () => {
  it.each([
    [{}, 'sessionId is required; eventType is required'],
    [{ ...EVENT, sessionId: null }, 'sessionId is required'],
    [{ ...EVENT, sessionId: '' }, 'sessionId must not be empty'],
    [{ ...EVENT, sessionId: 7 }, 'sessionId must be text, got 7'],
    [{ ...EVENT, id: 'x'.repeat(201) }, 'id must be at most 200 characters long'],
    [{ ...EVENT, eventType: 'x'.repeat(100) }, `eventType must be one of tool_call, llm_decision, llm_call, state_change, error, got "${'x'.repeat(40)}…"`],
    [{ ...EVENT, confidence: 1.5 }, 'confidence must be at most 1, got 1.5'],
    [{ ...EVENT, confidence: 'high' }, 'confidence must be a number, got "high"'],
    [{ ...EVENT, confidence: Infinity }, 'confidence must be a number, got Infinity'],
    [{ ...EVENT, promptTokens: 1.5 }, 'promptTokens must be a whole number, got 1.5'],
    [{ ...EVENT, recoverable: 'yes' }, 'recoverable must be true or false, got "yes"'],
    [{ ...EVENT, alternativesConsidered: {} }, 'alternativesConsidered must be an array, got an object'],
    [{ ...EVENT, metadata: 'text' }, 'metadata must be an object, got "text"'],
    [{ ...EVENT, metadata: [] }, 'metadata must be an object, got an array'],
    [{ ...EVENT, clientTimestamp: 'soon' }, 'clientTimestamp must be a time such as 2025-01-12T10:30:00Z, or milliseconds since 1970, not after the year 9999'],
  ])('of %j is said plainly', (input, message) => {
    expect(faultsOf(EventInput, input).message).toBe(`Event is not valid: ${message}`);
  });

  it.each(['0000-01-01T00:00:00Z', '1969-12-31T23:59:59Z', '9999-12-31T23:59:59-23:00', '2025-02-30T00:00:00Z', '2025-01-01', -1, 253_402_300_800_000, 1e300, Infinity, true, {}])('of the time %j is found before PostgreSQL does', (clientTimestamp) => {
    expect(faultsOf(EventInput, { ...EVENT, clientTimestamp }).issues).toMatchObject([{ path: 'clientTimestamp' }]);
  });

  it('is one of all that there are, of which five are spelled out', () => {
    const { message, issues } = faultsOf(SessionInput, { status: 1, success: 1, metadata: 1, promptTokens: -1 });
    expect(issues).toHaveLength(7);
    expect(message).toMatch(/^Event is not valid: name is required; agentName is required; .*; and 2 more$/);
    expect(faultsOf(EventInput, 'text').issues).toEqual([{ path: '', message: 'Event must be an object, got "text"' }]);
  });
});

describe('a valid input', () => {
  it.each([['2025-01-12T10:30:01.5+01:00', '2025-01-12T09:30:01.500Z'], [0, '1970-01-01T00:00:00.000Z'], ['1970-01-01T00:00:00Z', '1970-01-01T00:00:00.000Z'], [253_402_300_799_999, '9999-12-31T23:59:59.999Z']])('has its time %j in UTC', (sent, kept) => {
    expect(validate(EventInput, { ...EVENT, clientTimestamp: sent }, 'Event').value).toMatchObject({ clientTimestamp: kept });
  });

  it('keeps every key of an object', () => {
    const metadata: unknown = JSON.parse('{"__proto__": 1, "constructor": {"prototype": 2}}');
    expect(JSON.stringify((validate(EventInput, { ...EVENT, metadata }, 'Event').value as { metadata: unknown }).metadata)).toBe('{"__proto__":1,"constructor":{"prototype":2}}');
  });
});

describe('a time in text', () => {
  it.each([['2025-01-12T10:30:01.5+01:00', '2025-01-12T09:30:01.500Z'], ['1970-01-01T00:00:00Z', '1970-01-01T00:00:00.000Z'], ['9999-12-31T23:59:59.999Z', '9999-12-31T23:59:59.999Z']])('%s is read', (text, read) => {
    expect([parseTime(text)?.toISOString(), parseTimeOrDay(text)?.toISOString()]).toEqual([read, read]);
  });

  it.each(['', '5', 'soon', '2025', 'Jan 12, 2025', '2025-01-12T10:30:00', '2025-01-12 10:30:00Z', '2025-02-30T00:00:00Z', '1969-12-31T23:59:59Z', '9999-12-31T23:59:59-23:00', '+010000-01-01T00:00:00Z'])('%j is none', (text) => {
    expect([parseTime(text), parseTimeOrDay(text)]).toEqual([undefined, undefined]);
  });

  it('may be a day where one is asked for: its beginning in UTC', () => {
    expect([parseTime('2025-01-12'), parseTimeOrDay('2025-01-12')?.toISOString(), parseTimeOrDay('2025-02-30'), parseTimeOrDay('1969-12-31')]).toEqual([undefined, '2025-01-12T00:00:00.000Z', undefined, undefined]);
  });
});
