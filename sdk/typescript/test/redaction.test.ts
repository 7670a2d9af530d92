import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApp } from '../../../test/support/app.ts';
import type { TestApp } from '../../../test/support/app.ts';
import { itemOf } from '../src/item.ts';
import { createRedactor } from '../src/redaction.ts';
import type { PiiConfig } from '../src/types.ts';
import { clientFor } from './support/client.ts';
import { startProxy } from './support/proxy.ts';
import { eventsOf } from './support/read.ts';

const redacted = (toolInput: unknown, config: PiiConfig = {}, key = 'key') => {
  const redact = createRedactor(config, key, () => undefined);
  return (JSON.parse(redact(itemOf('event', 's', JSON.stringify({ toolCall: { toolInput } })))) as { toolCall: { toolInput: unknown } }).toolCall.toolInput;
};

describe('found', () => {
  it.each([
    ['mail ada.lovelace+x@mail.example.co.uk now', 'mail [EMAIL] now'],
    ['<jörg@müller.example>', '<[EMAIL]>'],
    ['call +44 20 7946 0958!', 'call [PHONE]!'],
    ['call +1 (555) 867-5309', 'call [PHONE]'],
    ['(555) 867-5309 or 555.867.5309 or 5558675309', '[PHONE] or [PHONE] or [PHONE]'],
    ['020 7946 0958', '[PHONE]'],
    ['ssn 536-22-1234.', 'ssn [SSN].'],
    ['card 4111 1111 1111 1111, 4111111111111111', 'card [CREDIT_CARD], [CREDIT_CARD]'],
    ['378282246310005 and 5555-5555-5555-4444', '[CREDIT_CARD] and [CREDIT_CARD]'],
    ['from 192.168.0.1 to 10.0.0.255.', 'from [IP_ADDRESS] to [IP_ADDRESS].'],
    ['2001:0db8:85a3:0000:0000:8a2e:0370:7334, fe80::1, ::1', '[IP_ADDRESS], [IP_ADDRESS], [IP_ADDRESS]'],
    ['::ffff:192.0.2.1', '[IP_ADDRESS]'],
  ])('%s', (text, expected) => expect(redacted(text)).toBe(expected));
});

describe('left alone', () => {
  it.each([
    'at 12:34:56 on 2025-01-12T10:30:00.000Z',
    'card 4111 1111 1111 1112',
    'version 1.2.3, pi is 3.14159265358979',
    '01a1fd2b-2234-7000-97a4-0c52a4098f79',
    'std::vector and Klass::method',
    '666-12-3456 and 000-12-3456',
    '1700000000 and 1700000000000',
    'user@localhost',
    '999.1.1.1',
  ])('%s', (text) => expect(redacted(text)).toBe(text));
});

describe('redaction', () => {
  it('reaches every depth, keys, and long numbers; and leaves other values as they are', () => {
    expect(redacted({ list: [{ 'a@b.example': 'x' }, 4111111111111111, 42, true, null], 'c@d.example': 1, 'e@f.example': 2 })).toEqual({
      list: [{ '[EMAIL]': 'x' }, '[CREDIT_CARD]', 42, true, null], '[EMAIL]': 1, '[EMAIL] 2': 2,
    });
  });

  it('hashes so that the same value looks the same under one key, and not under another', () => {
    const [one, again, other] = [redacted('a@b.example', { mode: 'hash' }), redacted('a@b.example', { mode: 'hash' }), redacted('a@b.example', { mode: 'hash' }, 'another key')];
    expect(one).toMatch(/^\[EMAIL:[0-9a-f]{12}\]$/);
    expect(again).toBe(one);
    expect(other).not.toBe(one);
  });

  it('removes, where that is the mode', () => expect(redacted('to a@b.example.', { mode: 'remove' })).toBe('to .'));

  it('turns kinds off, and takes patterns of your own', () => {
    expect(redacted('a@b.example 192.168.0.1 CUST-12', { emails: false, custom: [{ pattern: /CUST-\d+/, label: 'CUSTOMER' }] })).toBe('a@b.example [IP_ADDRESS] [CUSTOMER]');
  });

  it('fails closed: when a field cannot be redacted, all of it goes', () => {
    const errors: Error[] = [];
    const redact = createRedactor({ custom: [{ pattern: /x/, label: 'X' }] }, 'key', (error) => errors.push(error));
    let deep = '"secret x"';
    for (let level = 0; level < 20_000; level += 1) deep = `[${deep}]`;
    const text = redact(itemOf('event', 's', `{"toolCall":{"toolInput":${deep},"toolName":"t","toolOutput":"fine"}}`));
    expect(text).not.toContain('secret');
    expect(text).toContain('"toolName":"t"');
    expect(errors).toHaveLength(1);
  });

  it('fails closed: options that cannot be used make every text go, and throw nothing', () => {
    const errors: Error[] = [];
    const pii = { custom: [{ pattern: 'CUST', label: 'CUSTOMER' }] } as unknown as PiiConfig;
    const redact = createRedactor(pii, 'key', (error) => errors.push(error));
    expect(redact(itemOf('event', 's', '{"toolCall":{"toolInput":{"of":["a secret"]},"toolName":"t"}}'))).toBe('{"toolCall":{"toolInput":{"[REDACTED]":["[REDACTED]"]},"toolName":"t"}}');
    expect(errors).toMatchObject([{ code: 'USAGE', message: expect.stringContaining('pii') as string }]);
  });

  it('takes time in proportion to the text, whatever the text', () => {
    const nasty = ['a'.repeat(40_000), '1 '.repeat(20_000), '1-'.repeat(20_000), ':'.repeat(40_000), '1.'.repeat(20_000), '@a.'.repeat(14_000), '+1('.repeat(14_000), 'é'.repeat(40_000)];
    const start = performance.now();
    for (const text of nasty) redacted(text);
    expect(performance.now() - start).toBeLessThan(3_000);
  });

  it('never lets an address through, wherever it stands', () => {
    const address = fc.emailAddress({ size: 'small' }).filter((email) => /^[\w.+%-]+@[\w.-]+$/.test(email));
    fc.assert(
      fc.property(address, fc.string(), fc.string(), (email, before, after) => {
        expect(JSON.stringify(redacted({ [before]: [`${before} ${email} ${after}`] }))).not.toContain(email);
      }),
      { numRuns: 300 },
    );
  });
});

describe('a client with redaction', () => {
  let server: TestApp;
  beforeAll(async () => {
    server = await startApp();
  });
  afterAll(() => server.close());

  const MAIL = 'ada@mail.example';

  it('lets nothing personal out of the process: not on the wire, not to the disk', async () => {
    const tenant = await server.tenant();
    await using proxy = await startProxy(tenant.url);
    const { client } = await clientFor({ url: proxy.url, key: tenant.key }, { pii: true, maxRetries: 0 });
    const interaction = client.begin({ userId: 'u', event: 'support', input: `I am ${MAIL}`, metadata: { mail: MAIL } });
    const it = { reasoning: MAIL, metadata: { [MAIL]: MAIL }, stateBefore: { mail: MAIL } };
    void interaction.trackToolCall({ ...it, toolName: 't', toolInput: new Map([['mail', MAIL]]), toolOutput: [MAIL], toolError: MAIL });
    void interaction.trackDecision({ ...it, alternatives: [MAIL], chosen: MAIL });
    void interaction.trackLlmCall({ ...it, model: 'm', prompt: [{ role: 'user', content: MAIL }], response: MAIL });
    void interaction.trackError({ ...it, errorMessage: MAIL, stackTrace: `at ${MAIL}`, recoveryAction: MAIL });
    await interaction.finish({ output: MAIL, failureReason: MAIL, customMetrics: { [MAIL]: 1 } });
    expect(await client.flush()).toMatchObject({ delivered: 6, dropped: 0 });
    expect(proxy.requests.map((request) => request.body).join()).not.toContain(MAIL);
    expect(JSON.stringify(await eventsOf(tenant, interaction.sessionId))).toContain('[EMAIL]');
  });

  it('redacts the chosen fields only', async () => {
    const tenant = await server.tenant();
    const { client } = await clientFor(tenant, { pii: { fields: ['toolOutput'] } });
    const sessionId = (await client.createSession({ name: 'n', agentName: 'a', userId: 'u' }))!;
    void client.trackToolCall({ sessionId, toolName: 't', toolInput: MAIL, toolOutput: MAIL });
    await client.flush();
    expect(await eventsOf(tenant, sessionId)).toMatchObject([{ toolInput: MAIL, toolOutput: '[EMAIL]' }]);
  });
});
