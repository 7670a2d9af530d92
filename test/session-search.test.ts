import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApp } from './support/app.ts';
import type { TestApp } from './support/app.ts';
import { subscribe, whenSubscribers } from './support/live.ts';
import type { Tenant } from './support/tenant.ts';

let server: TestApp;
beforeAll(async () => {
  server = await startApp();
});
afterAll(() => server.close());

type Page = { sessions: { edges: { cursor: string; node: { name: string } }[]; pageInfo: { hasNextPage: boolean; endCursor: string | null } } };
const SESSIONS = `query ($filter: SessionFilter, $orderBy: SessionOrder, $first: Int, $after: String, $last: Int, $before: String) {
  sessions(filter: $filter, orderBy: $orderBy, first: $first, after: $after, last: $last, before: $before) { edges { cursor node { name } } pageInfo { hasNextPage endCursor } } }`;

const page = async (tenant: Tenant, variables: Record<string, unknown>) => (await tenant.run<Page>(SESSIONS, variables)).sessions;
const names = async (tenant: Tenant, filter: Record<string, unknown>) => (await page(tenant, { filter })).edges.map(({ node }) => node.name).sort();
const complete = (tenant: Tenant, input: Record<string, unknown>) => tenant.run('mutation ($input: CompleteSessionInput!) { completeSession(input: $input) { id } }', { input });

describe('sessions are found', () => {
  it('by any part of their texts, in any case, all words of them; wildcards are letters like others', async () => {
    const tenant = await server.tenant();
    const parcel = await tenant.session({ name: 'Where is it?', userInput: { question: 'My Parcel 4711 is LOST' }, convoId: 'talk-77' });
    await tenant.session({ name: 'Rabatt 100%', agentName: 'under_score', userInput: 'Grüße aus Köln', summary: 'a\\b' });
    expect(await names(tenant, { search: 'parcel' })).toEqual(['Where is it?']);
    expect(await names(tenant, { search: ' lost  ARC 471 ' })).toEqual(['Where is it?']);
    expect(await names(tenant, { search: 'lost köln' })).toEqual([]);
    expect(await names(tenant, { search: 'Köln RABATT' })).toEqual(['Rabatt 100%']);
    expect(await names(tenant, { search: 'talk-77' })).toEqual(['Where is it?']);
    expect(await names(tenant, { search: parcel })).toEqual(['Where is it?']);
    expect(await names(tenant, { search: '0%' })).toEqual(['Rabatt 100%']);
    expect(await names(tenant, { search: 'r_s' })).toEqual(['Rabatt 100%']);
    expect(await names(tenant, { search: 'P_rcel' })).toEqual([]);
    expect(await names(tenant, { search: 'a\\b' })).toEqual(['Rabatt 100%']);
    expect(await names(tenant, { search: '  ' })).toHaveLength(2);
    // The other project has no part in it.
    expect(await names(await server.tenant(), { search: 'parcel' })).toEqual([]);
  });

  it('by what they are called and answered later, and not by what they were called before; events change nothing', async () => {
    const tenant = await server.tenant();
    const id = await tenant.session({ name: 'first name' });
    await tenant.event(id, { toolInput: { secret: 'in the event' } });
    await tenant.rest('PATCH', `/sessions/${id}`, { name: 'second name', assistantOutput: 'the answer' });
    expect(await names(tenant, { search: 'first' })).toEqual([]);
    expect(await names(tenant, { search: 'second answer' })).toEqual(['second name']);
    expect(await names(tenant, { search: 'secret' })).toEqual([]);
    await tenant.run('mutation ($id: ID!) { deleteSession(input: { id: $id }) { id } }', { id });
    const { rows } = await server.resources.pool.query('SELECT FROM session_text WHERE project_id = $1', [tenant.projectId]);
    expect(rows).toEqual([]);
  });

  it('by entries of their metadata, values as text, and by id', async () => {
    const tenant = await server.tenant();
    const one = await tenant.session({ name: 'one', metadata: { environment: 'production', build: 42, flags: { beta: true }, long: 'x'.repeat(10_000) } });
    await tenant.session({ name: 'two', metadata: { environment: 'production', build: 43, ['k'.repeat(3_000)]: 'v' } });
    const entry = (key: string, value: string) => ({ key, value });
    expect(await names(tenant, { metadata: [entry('environment', 'production')] })).toEqual(['one', 'two']);
    expect(await names(tenant, { metadata: [entry('environment', 'production'), entry('build', '42')] })).toEqual(['one']);
    expect(await names(tenant, { metadata: [entry('environment', 'prod')] })).toEqual([]);
    expect(await names(tenant, { metadata: [entry('flags', '{"beta": true}')] })).toEqual(['one']);
    expect(await names(tenant, { metadata: [entry('long', 'x'.repeat(10_000))] })).toEqual(['one']);
    await tenant.rest('PATCH', `/sessions/${one}`, { metadata: { environment: 'staging' } });
    expect(await names(tenant, { metadata: [entry('environment', 'staging')] })).toEqual(['one']);
    expect(await names(tenant, { ids: [one, 'nobody'] })).toEqual(['one']);
    expect(await names(tenant, { ids: [] })).toEqual([]);
  });

  it('within bounds: too many words or ids are refused', async () => {
    const tenant = await server.tenant();
    const refused = async (filter: Record<string, unknown>) => (await tenant.graphql(SESSIONS, { filter })).errors?.[0]?.message;
    expect(await refused({ search: 'w '.repeat(11) })).toBe('A search has at most 10 words, got 11');
    expect(await refused({ ids: Array.from({ length: 201 }, (_, n) => `s${n}`) })).toBe('A filter has at most 200 ids, got 201');
    expect(await refused({ search: '\0' })).toBeUndefined();
  });

  it('by one index each, also among many', async () => {
    const tenant = await server.tenant();
    const { controlPool: pool } = server.resources;
    await pool.query(
      `INSERT INTO session (project_id, id, position, name, agent_name, user_id, status, created_at, updated_at, metadata)
       SELECT $1, 'many-' || n, n, 'session number ' || n, 'a', 'u', 'completed', now(), now(), jsonb_build_object('n', n) FROM generate_series(1, 3000) AS n`,
      [tenant.projectId],
    );
    await pool.query('ANALYZE session_text');
    // A table this small would be read whole; what matters is that the conditions can be answered by the indexes.
    const plan = async (condition: string) => {
      const client = await pool.connect();
      try {
        await client.query('BEGIN');
        await client.query('SET LOCAL enable_seqscan = off');
        const { rows } = await client.query<Record<string, string>>(`EXPLAIN SELECT FROM session_text t WHERE ${condition}`);
        return rows.map((row) => row['QUERY PLAN']).join('\n');
      } finally {
        await client.query('ROLLBACK');
        client.release();
      }
    };
    expect(await plan("t.text ILIKE '%number 2999%'")).toContain('session_text_text_idx');
    expect(await plan("t.metadata @> ARRAY['n=2999']")).toContain('session_text_metadata_idx');
    expect(await names(tenant, { search: 'number 2999' })).toEqual(['session number 2999']);
    expect(await names(tenant, { metadata: [{ key: 'n', value: '2999' }] })).toEqual(['session number 2999']);
  });
});

describe('sessions are sorted', () => {
  it('by duration and by cost, page by page, either way, those without left out', async () => {
    const tenant = await server.tenant();
    const figures = [[10, 0.5], [10, 0.25], [3_000, 0.25], [7, 12], [0, 0], [99, 0.1]] as const;
    for (const [index, [durationMs, estimatedCost]] of figures.entries()) await complete(tenant, { id: await tenant.session({ id: `s${index}`, name: `s${index}` }), durationMs, estimatedCost });
    // One without a cost of its own has that of its events.
    const summed = await tenant.session({ name: 'summed' });
    await tenant.event(summed, { estimatedCost: 3 });
    await complete(tenant, { id: summed, durationMs: 50 });
    await tenant.session({ name: 'running' });

    const walk = async (field: string, direction: string) => {
      const seen: string[] = [];
      let after: string | null = null;
      do {
        const found: Page['sessions'] = await page(tenant, { first: 2, after, orderBy: { field, direction } });
        seen.push(...found.edges.map(({ node }) => node.name));
        after = found.pageInfo.hasNextPage ? found.pageInfo.endCursor : null;
      } while (after !== null);
      return seen;
    };
    const byCost = ['s4', 's5', 's1', 's2', 's0', 'summed', 's3'];
    expect(await walk('COST', 'ASC')).toEqual(byCost);
    expect(await walk('COST', 'DESC')).toEqual(byCost.toReversed());
    const byDuration = ['s4', 's3', 's0', 's1', 'summed', 's5', 's2'];
    expect(await walk('DURATION', 'ASC')).toEqual(byDuration);
    expect(await walk('DURATION', 'DESC')).toEqual(byDuration.toReversed());
    const last = await page(tenant, { last: 2, orderBy: { field: 'COST', direction: 'ASC' } });
    expect(last.edges.map(({ node }) => node.name)).toEqual(['summed', 's3']);
    const before = await page(tenant, { last: 2, before: last.edges[0]!.cursor, orderBy: { field: 'COST', direction: 'ASC' } });
    expect(before.edges.map(({ node }) => node.name)).toEqual(['s2', 's0']);
    // A cursor of one order is none of another.
    const { errors } = await tenant.graphql(SESSIONS, { after: last.edges[0]!.cursor, orderBy: { field: 'DURATION' } });
    expect(errors?.[0]?.message).toContain('is not a cursor of this list');
  });
});

it('sessionUpdates follows sessions by id, text and metadata', async () => {
  const tenant = await server.tenant();
  const [wanted, other] = [await tenant.session({ name: 'wanted', metadata: { team: 'blue' } }), await tenant.session({ name: 'other' })];
  type Update = { sessionUpdates: { session: { name: string; eventCount: number } } };
  const query = 'subscription ($filter: SessionFilter) { sessionUpdates(filter: $filter) { session { name eventCount } } }';
  const filters = [{ ids: [wanted] }, { search: 'want' }, { metadata: [{ key: 'team', value: 'blue' }] }];
  const live = filters.map((filter) => subscribe<Update>(tenant, { query, variables: { filter } }));
  await whenSubscribers(server, filters.length);
  await tenant.event(other);
  await tenant.event(wanted);
  for (const each of live) {
    expect((await each.received((data) => data.length > 0)).map(({ sessionUpdates }) => sessionUpdates.session)).toEqual([{ name: 'wanted', eventCount: 1 }]);
    await each.stop();
  }
});
