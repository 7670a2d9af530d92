import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApp } from './support/app.ts';
import type { TestApp } from './support/app.ts';
import { subscribe, subscribeToEvents } from './support/live.ts';
import { statementsOf } from './support/queries.ts';
import type { Statement } from './support/queries.ts';
import type { Tenant } from './support/tenant.ts';

// No N+1: an operation reads as often for twenty sessions as for two.

let server: TestApp;
beforeAll(async () => {
  server = await startApp();
});
afterAll(() => server.close());

const EVENT = `id cursor eventType createdAt durationMs metadata textReplaced ... on ToolCallEvent { toolName toolInput toolOutput status }
  ... on LlmCallEvent { model prompt response } ... on LlmDecisionEvent { chosen confidence } ... on ErrorEvent { errorMessage }`;
const SESSION = 'id name agentName status eventCount totalTokens estimatedCost createdAt lastEventAt metadata';

/** A project with so many sessions, each with a parent, two children and six events; returns the ids. */
async function project(sessions: number): Promise<{ tenant: Tenant; ids: string[]; events: string[] }> {
  const tenant = await server.tenant();
  const ids = await Promise.all(
    Array.from({ length: sessions }, async (_, n) => {
      const id = await tenant.session({ id: `s${n}`, parentSessionId: `p${n}`, convoId: 'c', metadata: { n } });
      await Promise.all([tenant.session({ id: `p${n}` }), tenant.session({ id: `c${n}`, parentSessionId: id }), tenant.session({ id: `d${n}`, parentSessionId: id })]);
      return id;
    }),
  );
  const kinds = [{ eventType: 'tool_call', toolName: 't', toolInput: { a: 1 } }, { eventType: 'llm_decision', chosen: 'a' }, { eventType: 'error', errorMessage: 'm' }];
  const events = ids.flatMap((sessionId) => [...kinds, ...kinds].map((kind) => ({ sessionId, ...kind })));
  const answer = await tenant.rest('POST', '/events/batch', { events });
  return { tenant, ids, events: (answer.body['results'] as { event: { id: string } }[]).map(({ event }) => event.id) };
}

/** The statements of an operation that is run for the second time: the key is then known. */
async function statements(tenant: Tenant, query: string, variables?: Record<string, unknown>): Promise<Statement[]> {
  return statementsOf([server.app.services.pool, server.app.services.controlPool, server.app.services.analytics], () => tenant.run(query, variables));
}

describe('the statements of a query', () => {
  const shapes: [what: string, count: number, query: string][] = [
    ['a page of sessions', 1, `{ sessions(first: 20, filter: { convoId: "c" }) { pageInfo { hasNextPage } edges { cursor node { ${SESSION} } } } }`],
    ['their parents', 2, `{ sessions(first: 20, filter: { convoId: "c" }) { edges { node { ${SESSION} parent { ${SESSION} } } } } }`],
    ['their events', 2, `{ sessions(first: 20, filter: { convoId: "c" }) { edges { node { id events(first: 5) { pageInfo { endCursor } edges { node { ${EVENT} } } } } } } }`],
    ['their newest events', 2, `{ sessions(first: 20, filter: { convoId: "c" }) { edges { node { id events(last: 2, filter: { types: [ERROR] }) { edges { node { ${EVENT} } } } } } } }`],
    ['their children', 2, `{ sessions(first: 20, filter: { convoId: "c" }) { edges { node { id children(first: 5) { edges { node { ${SESSION} } } } } } } }`],
    [
      'parents, children and the events of all of them',
      7,
      `{ sessions(first: 20, filter: { convoId: "c" }) { edges { node { id
          parent { id name events(first: 3) { edges { node { id } } } }
          children(first: 5) { edges { node { id name events(first: 3) { edges { node { id eventType } } } } } }
          events(first: 5) { edges { node { ${EVENT} session { id name } } } } } } } }`,
    ],
    ['two different pages of events of each', 3, '{ sessions(first: 20, filter: { convoId: "c" }) { edges { node { id a: events(first: 2) { edges { cursor } } b: events(last: 2) { edges { cursor } } } } } }'],
    ['one session with its timeline and the session of each event', 3, `{ session(id: "s1") { ${SESSION} events(first: 100) { edges { node { ${EVENT} session { id name agentName } } } } } }`],
    ['who asks', 1, '{ viewer { keyId keyName scopes project { id name cursor createdAt } } }'],
    ['the keys', 1, '{ apiKeys { id name prefix scopes createdAt } }'],
  ];

  it.each(shapes)('for %s are %i, however many rows there are', async (_what, count, query) => {
    const [few, many] = [await project(2), await project(20)];
    const counts = [];
    for (const { tenant } of [few, many]) {
      await tenant.run('{ viewer { keyId } }');
      counts.push((await statements(tenant, query)).length);
    }
    expect(counts).toEqual([count, count]);
  });

  it('for single events and their sessions are one of each kind, and read the columns asked for', async () => {
    const { tenant, events } = await project(2);
    const query = `{ ${events.slice(0, 8).map((id, n) => `e${n}: event(id: "${id}") { ${EVENT} session { ${SESSION} } }`).join(' ')} }`;
    const texts = (await statements(tenant, query)).map(({ text }) => text);
    expect(texts.map((text) => /FROM (event|session)/.exec(text)?.[1])).toEqual(['event', 'session']);
    expect(texts[0]).not.toContain('state_before');
    expect(texts[1]).not.toContain('user_input');
  });
});

describe('the statements of a mutation', () => {
  it.each([
    ['createSession', 0, `mutation { createSession(input: { name: "n", agentName: "a", userId: "u" }) { ${SESSION} } }`],
    ['updateSession', 0, `mutation { updateSession(input: { id: "s0", name: "m" }) { ${SESSION} } }`],
    ['completeSession', 0, `mutation { completeSession(input: { id: "s0" }) { ${SESSION} } }`],
    ['trackToolCall', 0, `mutation { trackToolCall(input: { sessionId: "s0", toolName: "t" }) { ${EVENT.slice(0, EVENT.indexOf('...'))} toolName toolInput } }`],
    ['trackLlmCall with its session', 1, `mutation { trackLlmCall(input: { sessionId: "s0", model: "m" }) { id createdAt model session { ${SESSION} } } }`],
    [
      'recordEvents with their sessions',
      1,
      `mutation { recordEvents(input: [${'{ toolCall: { sessionId: "s0", toolName: "t" } } { error: { sessionId: "s1", errorMessage: "m" } } '.repeat(10)}]) { duplicate event { ${EVENT} session { ${SESSION} } } error { code } } }`,
    ],
  ])('%s are the write and %i to read', async (_what, reads, query) => {
    const { tenant } = await project(2);
    await tenant.run('{ viewer { keyId } }');
    let own: Statement[] = [];
    const writes = await statementsOf(server.resources.writerPool, async () => (own = await statements(tenant, query)));
    const every = [...own, ...writes];
    expect(every.filter(({ text }) => text.includes('append_to_log'))).toHaveLength(1);
    expect(every.filter(({ text }) => !text.includes('append_to_log')).map(({ text }) => text.slice(0, 200))).toHaveLength(reads);
  });
});

it('reads from disk only the columns that a timeline asks for', async () => {
  const { tenant } = await project(2);
  await tenant.run('{ viewer { keyId } }');
  const [timeline] = (await statements(tenant, '{ session(id: "s0") { events { edges { node { id createdAt ... on ToolCallEvent { toolName } } } } } }')).filter(({ text }) => text.includes('FROM event'));
  expect(timeline?.text).toMatch(/tool_name/);
  expect(timeline?.text).toMatch(/created_at/);
  for (const heavy of ['tool_input', 'tool_output', 'prompt', 'response', 'metadata', 'state_before']) expect(timeline?.text).not.toContain(heavy);
  const [list] = await statements(tenant, '{ sessions { edges { node { id name } } } }');
  for (const heavy of ['user_input', 'assistant_output', 'metadata', 'custom_metrics', 'summary']) expect(list?.text).not.toContain(heavy);
});

describe('on twenty thousand events of two thousand sessions, an index is used', () => {
  let tenant: Tenant;
  beforeAll(async () => {
    // Straight into the tables: what is read is tested here, not how it was written. A second project stands beside it.
    const { controlPool: pool } = server.resources;
    const [ours, theirs] = [await server.tenant(), await server.tenant()];
    tenant = ours;
    for (const { projectId } of [ours, theirs]) {
      await pool.query(
        `INSERT INTO session (project_id, id, position, name, agent_name, user_id, convo_id, parent_session_id, status, created_at, updated_at, event_count)
         SELECT $1, 's' || n, 20000 + n, 'run', 'agent' || n % 50, 'user' || n % 200, 'convo' || n % 400, 's' || n / 20,
           CASE n % 10 WHEN 0 THEN 'failed' WHEN 1 THEN 'active' ELSE 'completed' END, now() - n * interval '1 minute', now(), 10
         FROM generate_series(1, 2000) AS n`,
        [projectId],
      );
      await pool.query(
        `INSERT INTO event (project_id, position, id, session_id, event_type, tool_name, tool_output, created_at, bytes)
         SELECT $1, n, 'e' || n, 's' || 1 + n % 2000, 'tool_call', 't', to_jsonb(repeat('x', 200)), now(), 300 FROM generate_series(1, 20000) AS n`,
        [projectId],
      );
      await pool.query('UPDATE project SET log_position = 22000 WHERE id = $1', [projectId]);
    }
    await pool.query('ANALYZE session, event');
  });

  type Plan = { 'Node Type': string; 'Relation Name'?: string; 'Index Name'?: string; Plans?: Plan[] };
  const nodesOf = (plan: Plan): Plan[] => [plan, ...(plan.Plans ?? []).flatMap(nodesOf)];

  /** How each table is got at by the statements. */
  async function accessesOf(run: readonly Statement[]): Promise<string[]> {
    const accesses: string[] = [];
    for (const { text, values } of run) {
      const { rows } = await server.resources.pool.query<{ 'QUERY PLAN': { Plan: Plan }[] }>(`EXPLAIN (FORMAT JSON) ${text}`, values);
      for (const node of nodesOf(rows[0]!['QUERY PLAN'][0]!.Plan)) {
        if (node['Relation Name'] === 'session' || node['Relation Name'] === 'event') accesses.push(`${node['Node Type']} ${node['Relation Name']}`);
      }
    }
    return accesses;
  }

  it.each([
    ['the list', '{ sessions(first: 50) { edges { node { id name } } } }'],
    ['the next page of it', `{ sessions(first: 50, after: "${Buffer.from(JSON.stringify([Date.now() - 3_600_000, 's60'])).toString('base64url')}") { edges { node { id name } } } }`],
    ['the list by last change', '{ sessions(first: 50, orderBy: { field: LAST_CHANGE }) { edges { node { id name } } } }'],
    ['sessions of an agent', '{ sessions(first: 50, filter: { agentName: "agent7" }) { edges { node { id name } } } }'],
    ['sessions for a user', '{ sessions(first: 50, filter: { userId: "user7" }) { edges { node { id name } } } }'],
    ['sessions of a conversation', '{ sessions(first: 50, filter: { convoId: "convo7" }) { edges { node { id name } } } }'],
    ['sessions in a state', '{ sessions(first: 50, filter: { statuses: [FAILED] }) { edges { node { id name } } } }'],
    ['sessions of a time', '{ sessions(first: 50, filter: { createdAfter: "2020-01-01T00:00:00Z", createdBefore: "2020-01-02T00:00:00Z" }) { edges { node { id name } } } }'],
    ['children', '{ session(id: "s3") { children(first: 50) { edges { node { id name } } } } }'],
    ['parents', '{ sessions(first: 20) { edges { node { parent { id } } } } }'],
    ['a timeline', '{ session(id: "s7") { events(first: 100) { edges { node { id createdAt } } } } }'],
    ['the end of a timeline, of some kinds', '{ session(id: "s7") { events(last: 10, filter: { types: [TOOL_CALL] }) { edges { node { id } } } } }'],
    ['timelines of a page of sessions', '{ sessions(first: 20) { edges { node { events(first: 5) { edges { node { id } } } } } } }'],
    ['an event by its id', '{ event(id: "e77") { id session { id } } }'],
  ])('for %s', async (_what, query) => {
    const run = (await statements(tenant, query)).filter(({ text }) => /^\s*(SELECT|WITH)/i.test(text) && !text.includes('api_key'));
    const accesses = await accessesOf(run);
    expect(accesses.length).toBeGreaterThan(0);
    expect(accesses.filter((access) => access.startsWith('Seq Scan'))).toEqual([]);
  });

  it('for the live feed, of a project, of a session and of changed sessions', async () => {
    const run = await statementsOf(server.resources.pool, async () => {
      await using all = subscribeToEvents(tenant, { after: '19000' });
      await using session = subscribeToEvents(tenant, { after: '0', sessionId: 's8' });
      await using kinds = subscribeToEvents(tenant, { after: '19900', types: ['TOOL_CALL'] });
      await using states = subscribe(tenant, { query: 'subscription { sessionUpdates(after: "21900") { session { id } } }' });
      await Promise.all([all.received((data) => data.length === 1_000), session.received((data) => data.length === 10), kinds.received((data) => data.length === 100), states.received((data) => data.length === 100)]);
    });
    const accesses = await accessesOf(run.filter(({ text }) => /^\s*SELECT/i.test(text)));
    expect(accesses.length).toBeGreaterThanOrEqual(4);
    expect(accesses.filter((access) => access.startsWith('Seq Scan'))).toEqual([]);
  });
});
