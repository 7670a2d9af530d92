import { afterAll, beforeAll, expect, it } from 'vitest';
import { startApp } from './support/app.ts';
import type { TestApp } from './support/app.ts';

// Whatever is sent, in whatever field and through whichever API: what is stored weighs what its row says, and no more
// than the bound. At a sixty-fourth of the usual bounds, so that many kinds can be tried.

const EVENT_BYTES = 256 * 1024;
const SESSION_BYTES = 256 * 1024;
const METADATA_BYTES = 128 * 1024;

let server: TestApp;
beforeAll(async () => {
  server = await startApp({ MAX_EVENT_BYTES: String(EVENT_BYTES), MAX_SESSION_BYTES: String(SESSION_BYTES), MAX_METADATA_BYTES: String(METADATA_BYTES) });
});
afterAll(() => server.close());

const repeated = (item: string, count: number) => `[${`${item},`.repeat(count - 1)}${item}]`;

/** JSON text of about 60 to 200 KB that is more, or costs more, once it is stored. */
const POISONS: Readonly<Record<string, string>> = {
  'numbers with 309 digits': repeated('1e308', 20_000),
  'numbers with 40 digits': repeated('1e39', 20_000),
  'small numbers': repeated('-1.5e-7', 20_000),
  'the smallest number': repeated('5e-324', 20_000),
  'numbers that are infinite': repeated('1e400', 20_000),
  'long decimals': repeated('0.1000000000000000055511151231257827', 4_000),
  'long integers': repeated('123456789012345678901234567890123456789', 3_000),
  'empty objects': repeated('{}', 40_000),
  'empty arrays': repeated('[]', 40_000),
  'many keys': `{${Array.from({ length: 12_000 }, (_, n) => `"${n}":0`).join(',')}}`,
  'a key without end': `{"${'k'.repeat(150_000)}":1}`,
  'nesting': '['.repeat(190) + ']'.repeat(190),
  'nesting beyond the bound': '['.repeat(100_000) + ']'.repeat(100_000),
  'control characters': `"${'\\u0001'.repeat(20_000)}"`,
  'quotes and backslashes': `"${'\\"\\\\'.repeat(30_000)}"`,
  'U+0000': `"${'\\u0000'.repeat(20_000)}"`,
  'lone surrogates': `"${'\\ud800'.repeat(20_000)}"`,
  'text of three bytes a character': `"${'\u20ac'.repeat(60_000)}"`,
  'text of four bytes a character': `"${'\u{1F600}'.repeat(30_000)}"`,
};

const JSON_FIELDS = ['toolInput', 'toolOutput', 'toolError', 'stateBefore', 'stateAfter', 'prompt', 'response'];
const isObject = (json: string) => json.startsWith('{');
const asObject = (json: string) => (isObject(json) ? json : `{"value": ${json}}`);
const asArray = (json: string) => (json.startsWith('[') ? json : `[${json}]`);

async function graphql(key: string, query: string, input: string): Promise<string[]> {
  const response = await fetch(`${server.url}/graphql`, { method: 'POST', headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' }, body: `{"query": ${JSON.stringify(query)}, "variables": {"input": ${input}}}` });
  const { errors = [] } = (await response.json()) as { errors?: { extensions: { code: string } }[] };
  return errors.map(({ extensions }) => extensions.code);
}

it.each(Object.keys(POISONS))('%s: stored within the bound, or refused', async (name) => {
  const json = POISONS[name]!;
  const tenant = await server.tenant();
  const sessionId = await tenant.session();
  const statuses: number[] = [];
  const codes: string[] = [];

  for (const field of [...JSON_FIELDS, 'unheardOf']) {
    statuses.push((await tenant.rest('POST', '/events', `{"sessionId": "${sessionId}", "eventType": "tool_call", "toolName": "t", "${field}": ${json}}`)).status);
  }
  statuses.push((await tenant.rest('POST', '/events', `{"sessionId": "${sessionId}", "eventType": "llm_decision", "alternativesConsidered": ${asArray(json)}, "metadata": ${asObject(json)}}`)).status);
  if (json.startsWith('"')) statuses.push((await tenant.rest('POST', '/events', `{"sessionId": "${sessionId}", "eventType": "error", "errorMessage": ${json}, "errorStack": ${json}}`)).status);
  for (const field of ['userInput', 'assistantOutput', 'metadata', 'customMetrics', 'unheardOf']) {
    const value = field === 'metadata' || field === 'customMetrics' ? asObject(json) : json;
    statuses.push((await tenant.rest('POST', '/sessions', `{"name": "n", "agentName": "a", "userId": "u", "${field}": ${value}}`)).status);
    statuses.push((await tenant.rest('PATCH', `/sessions/${sessionId}`, `{"${field}": ${value}}`)).status);
  }
  codes.push(...(await graphql(tenant.key, 'mutation ($input: TrackToolCallInput!) { trackToolCall(input: $input) { id } }', `{"sessionId": "${sessionId}", "toolName": "t", "toolInput": ${json}, "metadata": ${asObject(json)}}`)));
  codes.push(...(await graphql(tenant.key, 'mutation ($input: TrackLlmCallInput!) { trackLlmCall(input: $input) { id } }', `{"sessionId": "${sessionId}", "model": "m", "prompt": ${json}, "response": ${json}}`)));
  codes.push(...(await graphql(tenant.key, 'mutation ($input: TrackStateChangeInput!) { trackStateChange(input: $input) { id } }', `{"sessionId": "${sessionId}", "stateBefore": ${json}, "stateAfter": ${json}}`)));
  codes.push(...(await graphql(tenant.key, 'mutation ($input: UpdateSessionInput!) { updateSession(input: $input) { id } }', `{"id": "${sessionId}", "userInput": ${json}, "customMetrics": ${asObject(json)}}`)));

  for (const status of statuses) expect([200, 400, 413]).toContain(status);
  for (const code of codes) expect(['BAD_USER_INPUT', 'TOO_LARGE']).toContain(code);

  const { pool } = server.app.services;
  const { rows: events } = await pool.query<{ bytes: number; printed: number }>(
    `SELECT bytes, (${['tool_input', 'tool_output', 'tool_error', 'alternatives_considered', 'prompt', 'response', 'state_before', 'state_after', 'metadata', 'error_message', 'error_stack'].map((column) => `coalesce(octet_length(${column}::text), 0)`).join(' + ')}) AS printed
     FROM event WHERE project_id = $1`,
    [tenant.projectId],
  );
  for (const { bytes, printed } of events) expect([printed <= bytes, bytes <= EVENT_BYTES]).toEqual([true, true]);
  const { rows: sessions } = await pool.query<{ bytes: number; printed: number; merged: number }>(
    `SELECT bytes, (${['user_input', 'assistant_output', 'metadata', 'custom_metrics'].map((column) => `coalesce(octet_length(${column}::text), 0)`).join(' + ')}) AS printed,
       greatest(octet_length(metadata::text), octet_length(custom_metrics::text), 0) AS merged
     FROM session WHERE project_id = $1`,
    [tenant.projectId],
  );
  for (const { bytes, printed, merged } of sessions) expect([printed <= bytes, bytes <= SESSION_BYTES, merged <= METADATA_BYTES]).toEqual([true, true, true]);

  // And everybody reads on.
  const page = await tenant.rest('GET', `/sessions/${sessionId}/events?limit=500`);
  expect([page.status, (page.body['events'] as unknown[]).length > 0 || events.length === 0]).toEqual([200, true]);
  expect((await tenant.rest('GET', '/sessions')).status).toBe(200);
});
