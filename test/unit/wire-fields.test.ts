import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AppError } from '../../src/errors.ts';
import { eventFromWire } from '../../src/event/wire.ts';
import { bodyObject, countParameter, queryParameters, shown } from '../../src/rest/wire.ts';
import { patchFromWire, sessionFromWire } from '../../src/session/rest.ts';
import { keepRest, sortFields, spellings } from '../../src/wire.ts';

const KNOWN = spellings(['toolName', 'totalTokens'], { tokenCount: 'totalTokens', tokensUsed: 'totalTokens' });

describe('the spellings of a field', () => {
  it('are its own name, snake_case and its aliases in both', () => {
    expect([...KNOWN].filter(([, field]) => field === 'totalTokens').map(([name]) => name)).toEqual(expect.arrayContaining(['tokenCount', 'tokensUsed', 'token_count', 'tokens_used', 'totalTokens', 'total_tokens']));
  });

  it('are sorted out of a body; its own name wins and nothing is dropped', () => {
    expect(sortFields({ tokens_used: 1, totalTokens: 2, token_count: 3, other: 4 }, KNOWN)).toEqual({ fields: { totalTokens: 2 }, rest: [['other', 4], ['token_count', 3], ['tokens_used', 1]] });
    expect(sortFields({ toolName: null, tool_name: 'x', other: null }, KNOWN)).toEqual({ fields: { toolName: 'x' }, rest: [] });
  });

  it('are sorted the same whatever the order of the keys', () => {
    const keys = ['toolName', 'tool_name', 'tokenCount', 'token_count', 'tokens_used', 'total_tokens', 'a', '_a', 'metadata', '__proto__'];
    fc.assert(
      fc.property(fc.uniqueArray(fc.constantFrom(...keys)), fc.infiniteStream(fc.nat(3)), (order, values) => {
        const entries = order.map((key) => [key, values.next().value === 0 ? null : key] as const);
        const [one, other] = [entries, [...entries].reverse()].map((each) => {
          const { fields, rest } = sortFields(Object.fromEntries(each), KNOWN);
          return { fields, kept: keepRest({ a: 1 }, rest) };
        });
        expect(one).toEqual(other);
      }),
    );
  });
});

describe('what has no place of its own', () => {
  it('is kept in metadata under a free name', () => {
    expect(keepRest({ a: 1, _a: 2 }, [['a', 3], ['b', 4]])).toEqual({ a: 1, _a: 2, __a: 3, b: 4 });
    expect(keepRest(undefined, [['b', 4]])).toEqual({ b: 4 });
    expect(keepRest(undefined, [])).toBeUndefined();
    expect(keepRest('no object', [['b', 4]])).toBe('no object');
  });
});

describe('a body', () => {
  it.each([[undefined, 'nothing'], [null, 'null'], [[], 'an array'], ['text', 'a string'], [1, 'a number'], [true, 'a boolean']])('that is %j is refused by name', (body, came) => {
    expect(() => bodyObject(body)).toThrow(`Expected a JSON object as the body, got ${came}`);
  });
});

describe('a query parameter', () => {
  it('that counts is within its bounds', () => {
    expect([countParameter(undefined, 'limit', 50, 100), countParameter('7', 'limit', 50, 100), countParameter('0', 'offset', 5, 9, 0)]).toEqual([50, 7, 0]);
    for (const bad of ['0', '101', '-1', '1.5', '1e2', ' 1', 'ten', '', '99999999999999999999']) expect(() => countParameter(bad, 'limit', 50, 100)).toThrow(AppError);
  });

  it('that is text is read under its own name as it would have been stored, and an empty one is absent', () => {
    expect(queryParameters({ tool_name: 'a\0', tokenCount: '' }, KNOWN)).toEqual({ toolName: 'a\ufffd' });
    for (const bad of [{ toolname: 'a' }, { toolName: ['a', 'b'] }, { toolName: 'a', tool_name: 'b' }, JSON.parse('{"__proto__":"a"}') as Record<string, string>]) expect(() => queryParameters(bad, KNOWN)).toThrow(AppError);
  });
});

it('an answer has no nulls, nor what is hidden', () => {
  expect(shown({ a: null, b: undefined, c: 0, d: '', e: false, f: 1 }, new Set(['f']))).toEqual({ c: 0, d: '', e: false });
});

describe('an event from the wire', () => {
  it.each([
    [{ type: 'decision', data: { reasoning: 'r' } }, { eventType: 'llm_decision', reasoning: 'r' }],
    [{ eventType: 'tool_call', data: { tool_name: 't' } }, { eventType: 'tool_call', toolName: 't' }],
    [{ eventType: 'tool_call', toolName: 't', data: { id: 1 } }, { eventType: 'tool_call', toolName: 't', metadata: { data: { id: 1 } } }],
    [{ eventType: 'tool_call', data: [1] }, { eventType: 'tool_call', metadata: { data: [1] } }],
    [{ eventType: 'error', toolError: 'words' }, { eventType: 'error', toolError: 'words', errorMessage: 'words' }],
    [{ eventType: 'error', toolError: { message: 'm' }, error_message: 'own' }, { eventType: 'error', toolError: { message: 'm' }, errorMessage: 'own' }],
    [{ eventType: 'tool_call', toolError: { message: 'm' } }, { eventType: 'tool_call', toolError: { message: 'm' } }],
    [{ eventType: 'tool_call', parentEventId: '' }, { eventType: 'tool_call' }],
    [{ eventType: 'constructor' }, { eventType: 'constructor' }],
  ])('%j is read', (sent, read) => {
    expect(eventFromWire(sent)).toEqual(read);
  });
});

describe('a session from the wire', () => {
  it.each([
    [{ name: 'n', projectId: 'p' }, { name: 'n', agentName: 'n', userId: 'anonymous', metadata: { projectId: 'p' } }],
    [{ name: 'n', project_id: 'p', metadata: { user_id: 'u' } }, { name: 'n', agentName: 'n', userId: 'u', metadata: { user_id: 'u', project_id: 'p' } }],
    [{ name: 'n' }, { name: 'n', userId: 'anonymous' }],
    [{ name: 'n', userId: null, metadata: { user_id: 7 } }, { name: 'n', userId: '7', metadata: { user_id: 7 } }],
    [{ userId: 'u', metadata: { user_id: 'v' } }, { userId: 'u', metadata: { user_id: 'v' } }],
    [{ userId: '', metadata: { user_id: 'v' } }, { userId: '', metadata: { user_id: 'v' } }],
    [{ userId: 'u', status: 'constructor' }, { userId: 'u', status: 'constructor' }],
    [{ userId: 'u', convoId: '', parentSessionId: '' }, { userId: 'u' }],
  ])('%j is read', (sent, read) => {
    expect(sessionFromWire(sent)).toEqual(read);
  });

  it('is not given defaults by an update', () => {
    expect(patchFromWire({ projectId: 'p', success: true })).toEqual({ success: true, metadata: { projectId: 'p' } });
  });
});
