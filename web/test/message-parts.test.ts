import { describe, expect, it } from 'vitest';
import { messagesOf } from '../src/pages/session/message-parts.ts';

const call = (name: string, id: string | undefined, input: unknown) => ({ kind: 'call', name, id, input });
const text = (said: string) => ({ kind: 'text', text: said });

describe('messages', () => {
  it.each<[form: string, payload: unknown, messages: unknown]>([
    ['Chat Completions', [{ role: 'user', content: 'Hi' }, { role: 'assistant', content: null, tool_calls: [{ id: 'c', type: 'function', function: { name: 'f', arguments: '{"a":1}' } }] }], [{ role: 'user', parts: [text('Hi')] }, { role: 'assistant', parts: [call('f', 'c', { a: 1 })] }]],
    ['Chat Completions with a call of old', { role: 'assistant', content: 'So', function_call: { name: 'f', arguments: 'not JSON' } }, [{ role: 'assistant', parts: [text('So'), call('f', undefined, 'not JSON')] }]],
    ['an answer of a tool', { role: 'tool', tool_call_id: 'c', name: 'f', content: [{ type: 'text', text: 'a' }, { type: 'text', text: 'b' }] }, [{ role: 'tool', parts: [{ kind: 'result', name: 'f', id: 'c', isError: false, content: 'a\n\nb' }] }]],
    ['Responses', [{ role: 'user', content: [{ type: 'input_text', text: 'Hi' }] }, { type: 'function_call', call_id: 'c', name: 'f', arguments: '{}' }, { type: 'function_call_output', call_id: 'c', output: 'done' }], [{ role: 'user', parts: [text('Hi')] }, { role: undefined, parts: [call('f', 'c', {})] }, { role: undefined, parts: [{ kind: 'result', name: undefined, id: 'c', isError: false, content: 'done' }] }]],
    ['an output of Responses', [{ type: 'reasoning', summary: [{ type: 'summary_text', text: 'Hm' }] }, { type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'Yes', annotations: [] }] }], [{ role: undefined, parts: [{ kind: 'thinking', text: 'Hm' }] }, { role: 'assistant', parts: [text('Yes')] }]],
    ['Anthropic', { role: 'user', content: [{ type: 'tool_result', tool_use_id: 't', content: 'no', is_error: true }, { type: 'text', text: 'And?', cache_control: { type: 'ephemeral' } }] }, [{ role: 'user', parts: [{ kind: 'result', name: undefined, id: 't', isError: true, content: 'no' }, text('And?'), { kind: 'further', value: { cache_control: { type: 'ephemeral' } } }] }]],
    ['an answer of Anthropic without its role', [{ type: 'text', text: 'a' }, { type: 'tool_use', id: 't', name: 'f', input: { a: 1 } }], [{ role: undefined, parts: [text('a'), call('f', 't', { a: 1 })] }]],
    ['LangChain', { role: 'assistant', content: '', tool_calls: [{ name: 'f', args: { a: 1 }, id: 'c', type: 'tool_call' }] }, [{ role: 'assistant', parts: [call('f', 'c', { a: 1 })] }]],
    ['the AI SDK', [{ role: 'assistant', content: [{ type: 'tool-call', toolCallId: 'c', toolName: 'f', input: { a: 1 } }] }], [{ role: 'assistant', parts: [call('f', 'c', { a: 1 })] }]],
  ])('in the form of %s are read', (_, payload, messages) => {
    expect(messagesOf(payload)).toEqual(messages);
  });

  it.each<[what: string, payload: unknown]>([
    ['text', 'Hi'],
    ['nothing', null],
    ['an empty list', []],
    ['a list of texts', ['a', 'b']],
    ['an object', { question: 'Why?' }],
    ['parts of types that nobody knows', [{ type: 'toString' }, { type: '__proto__' }]],
  ])('are not seen in %s', (_, payload) => {
    expect(messagesOf(payload)).toBeUndefined();
  });

  // Whatever a message holds, each word of it stands in a part.
  it.each<[what: string, message: Record<string, unknown>]>([
    ['fields of its own', { role: 'user', content: 'a', name: 'ada', audio: { id: 'x' } }],
    ['no content', { role: 'assistant', content: null }],
    ['content that is no list', { role: 'user', content: { odd: 'w' } }],
    ['parts that nobody knows', { role: 'user', content: [{ type: 'hologram', beam: 'y' }, 7, null, ['z']] }],
    ['calls that are none', { role: 'assistant', content: 'a', tool_calls: [{ oddly: 'v' }, 'u'], function_call: 't' }],
    ['calls that are no list', { role: 'assistant', content: 'a', tool_calls: { name: 'f', arguments: { s: 'r' }, index: 3 } }],
    ['names and ids that are no text', { role: 'tool', tool_call_id: 12, name: { q: 'p' }, content: 'b', status: 'odd' }],
  ])('lose nothing of one with %s', (_, message) => {
    const { role: __, type: ___, ...told } = message;
    const leaves = (value: unknown): unknown[] => (value !== null && typeof value === 'object' ? Object.values(value).flatMap(leaves) : [value]);
    const shown = JSON.stringify(messagesOf(message));
    for (const leaf of leaves(told)) expect(shown).toContain(String(leaf));
  });
});
