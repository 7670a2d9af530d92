import { expect, it } from 'vitest';
import { createLogger } from '../../src/log.ts';

function logged(line: object): Record<string, unknown> {
  const lines: string[] = [];
  createLogger('info', { write: (text) => lines.push(text) }).info(line, 'said');
  expect(lines).toHaveLength(1);
  return JSON.parse(lines[0]!) as Record<string, unknown>;
}

it.each(['authorization', 'cookie', 'set-cookie', 'x-sentrial-api-key', 'apiKey', 'body', 'variables'])('%s is not logged, at the top of a line or in the headers of a request', (name) => {
  const secret = { [name]: 'sentrial_live_secret' };
  const line = logged({ ...secret, request: { ...secret, headers: { ...secret, host: 'here' } } });
  expect(JSON.stringify(line)).not.toContain('secret');
  expect(line).toMatchObject({ level: 'info', msg: 'said', [name]: '[redacted]', request: { [name]: '[redacted]', headers: { [name]: '[redacted]', host: 'here' } } });
});

it('an error is logged by its name, message, code and cause, without what else it carries', () => {
  const error = Object.assign(new Error('outer', { cause: new TypeError('inner') }), { code: '23505', detail: 'the whole row' });
  const line = logged({ err: error });
  expect(line['err']).toMatchObject({ type: 'Error', message: 'outer', code: '23505', cause: { type: 'TypeError', message: 'inner' } });
  expect(JSON.stringify(line)).not.toContain('the whole row');
});
